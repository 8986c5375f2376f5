"""Kubernetes' own OpenAPI schema, strictly: what `kubernetes_validate` does, reading each file once."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from jsonschema.validators import Draft202012Validator
from kubernetes_validate.utils import schema_contents
from referencing import Registry, Resource

OLDEST, NEWEST = "1.31", "1.37"


@cache
def _validator(version: str, kind: str, api_version: str) -> Draft202012Validator:
    group = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api_version)
    folder = f"kubernetes-json-schema/v{version}.0-local-strict"
    schema = schema_contents(f"{folder}/{kind.lower()}-{group}.json", version)
    return Draft202012Validator(schema, registry=_definitions(folder, version))


@cache
def _definitions(folder: str, version: str) -> Registry[Any]:
    found = Resource.from_contents(schema_contents(f"{folder}/_definitions.json", version))
    return found @ Registry()


def check(one: dict[str, Any], version: str) -> None:
    """Raise `jsonschema.ValidationError` where the API would not know a field, or misses one."""
    _validator(version, one["kind"], one["apiVersion"]).validate(one)

"""The JSON Schema of AsyncAPI documents, as AsyncAPI publishes it for npm; it is not kept here."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft7Validator

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

SCHEMAS = Path(__file__).with_name("node_modules") / "@asyncapi" / "specs" / "schemas"


def specification(version: str) -> Validator:
    """What a document of that version has to satisfy; skips the test where npm has not brought it."""
    file = SCHEMAS / f"{version}.json"
    if not file.exists() and os.environ.get("PODIUM_REQUIRE_NODE"):
        pytest.fail(f"{file} is required here: make node")
    if not file.exists():
        pytest.skip("the specification of AsyncAPI is not here: make node")
    schema = json.loads(file.read_text())
    assert "definitions" in schema
    return Draft7Validator(schema)

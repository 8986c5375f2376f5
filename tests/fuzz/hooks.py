"""What a client that keeps to the rules does beyond the schema; loaded by Schemathesis."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

import schemathesis

from services.gateway.idempotency import KEY_PATTERN

if TYPE_CHECKING:
    from schemathesis import Case, HookContext


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """A good Idempotency-Key stands for one request: another body gets another key."""
    headers = case.headers or {}
    key = headers.get("Idempotency-Key")
    if isinstance(key, str) and re.fullmatch(KEY_PATTERN, key):
        body = json.dumps(case.body, default=repr, sort_keys=True)
        headers["Idempotency-Key"] = f"{key[:200]}-{hashlib.sha256(body.encode()).hexdigest()}"[:255]

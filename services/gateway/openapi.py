"""The OpenAPI document, made exact: what Litestar cannot say of itself, added to what it says."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from litestar.openapi.plugins import JsonRenderPlugin
from litestar.serialization import decode_json

from services.gateway.competition_url import NAME_PATTERN, pattern

if TYPE_CHECKING:
    from litestar import Request, Router

    from services.gateway.settings import Settings

FROM_0: Final[dict[str, Any]] = {"ge": 0, "schema_extra": {"minimum": 0}}
"""Of a parameter that may be left out and begins at 0, a bound that Litestar forgets to tell."""

_PROBLEM: Final = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
_BODILESS: Final = {str(HTTPStatus.NO_CONTENT.value), str(HTTPStatus.NOT_MODIFIED.value)}
_LIMITS: Final = {
    "RateLimit-Policy": "How many requests of this kind are allowed in how many seconds, per client.",
    "RateLimit": "How many are left, and in how many seconds there will be more.",
}
_HEADERS: Final = {
    "401": {"WWW-Authenticate": "Which kind of key is wanted (RFC 6750)."},
    "403": {"WWW-Authenticate": "The scope that the key lacks (RFC 6750)."},
    "405": {"Allow": "The methods that the path answers to."},
    "416": {"Content-Range": "How many bytes there are."},
    "429": {"Retry-After": "In how many seconds to come back.", **_LIMITS},
    "503": {"Retry-After": "In how many seconds to come back."},
}
_ETAG: Final = {"ETag": "Names these very bytes."}
_OF_OPERATIONS: Final = {
    ("/run", "post", "202"): "submit",
    ("/jobs", "post", "202"): "submit",
    ("/jobs/{job_id}/files/{name}", "get", "200"): "file",
    ("/jobs/{job_id}/files/{name}", "get", "206"): "file",
    ("/", "get", "200"): "file",
    ("/page/{name}", "get", "200"): "file",
}
_OF_KIND: Final = {
    "submit": {
        "Location": "Where the job is to be seen.",
        "Idempotency-Replayed": "`true`: the job is there since an earlier request with this key.",
    },
    "file": _ETAG,
}
_LINKS: Final = {
    "status": ("JobsJobIdStatus", "The job as it is."),
    "events": ("JobsJobIdEventsStream", "Its events, as they happen."),
    "log": ("JobsJobIdLogHistory", "Its events so far."),
    "lines": ("JobsJobIdLogsLines", "What its attempts wrote."),
    "webhooks": ("JobsJobIdWebhooksHistory", "What its receiver was sent."),
    "cancel": ("JobsJobIdCancel", "Ask for its end."),
}
_EVENT: Final = {
    "type": "object",
    "description": "One server-sent event; comments and `retry` come in between.",
    "properties": {
        "id": {"type": "string"},
        "event": {"type": "string"},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["data"],
}


def exact(document: dict[str, Any], *, time_limit_s_max: int, local_allowed: bool) -> dict[str, Any]:
    """The same document, plain JSON, saying all that clients can rely on.

    `time_limit_s_max` is the longest time limit that a job may ask for; with `local_allowed` it may name a
    competition of the server's own.
    """
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", ()):
                parameter["schema"] = _never_null(parameter["schema"])
            for status, response in operation["responses"].items():
                _complete(response, status, kind=_OF_OPERATIONS.get((path, method, status)))
            if (path, method) in {("/run", "post"), ("/jobs", "post")}:
                operation["responses"]["202"]["links"] = _links()
                (body,) = operation["requestBody"]["content"].values()
                fields = body["schema"]["properties"]
                fields["time_limit_s"]["maximum"] = time_limit_s_max
                fields["kaggle_url"]["pattern"] = pattern(local_allowed=local_allowed)
                fields["kaggle_url"]["allOf"] = [{"pattern": NAME_PATTERN}]
    return document


def _never_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A text is there or is not: the word `null` can stand for no number, but is a text itself."""
    texts = [one for one in schema.get("oneOf", ()) if one["type"] == "string"]
    if not texts:
        return schema
    whole: dict[str, Any] = texts[0] | schema
    del whole["oneOf"]
    return whole


def _complete(response: dict[str, Any], status: str, *, kind: str | None) -> None:
    content = response.get("content", {})
    if status in _BODILESS:
        response.pop("content", None)
    elif status == str(HTTPStatus.BAD_REQUEST.value):
        response["content"] = _PROBLEM
        response["description"] = HTTPStatus.BAD_REQUEST.phrase
    if "text/event-stream" in content:
        content["text/event-stream"]["schema"] = _EVENT
    told = _HEADERS.get(status, {}) | (_OF_KIND[kind] if kind else {}) | ({} if status >= "400" else _LIMITS)
    if status == str(HTTPStatus.NOT_MODIFIED.value):
        told = told | _ETAG
    headers = response.setdefault("headers", {})
    for name, description in told.items():
        headers[name] = {"description": description, "schema": {"type": "string"}}


def _links() -> dict[str, Any]:
    """From the answer to a submit to everything that its `job_id` leads to."""
    return {
        name: {
            "operationId": operation_id,
            "parameters": {"job_id": "$response.body#/job_id"},
            "description": description,
        }
        for name, (operation_id, description) in _LINKS.items()
    }


class ExactJson(JsonRenderPlugin):
    """Serves the document, made once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__(path=["/", "/openapi.json"])
        self._made = b""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The document as JSON."""
        if not self._made:
            plain = decode_json(super().render(request, openapi_schema))
            settings = self._settings
            local_allowed = settings.competitions_dir is not None
            made = exact(plain, time_limit_s_max=settings.attempt_limit_s, local_allowed=local_allowed)
            self._made = self.render_json(request, made)
        return self._made

    def receive_router(self, router: Router) -> None:
        """Leave out Litestar's own page for paths under this one where nothing is: it is HTML."""
        router.routes[:] = [route for route in router.routes if "{" not in route.path]

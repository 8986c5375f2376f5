"""Every error as RFC 9457 problem details: one shape, a stable `type`, and nothing of our insides."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.plugins.problem_details import (
    ProblemDetailsConfig,
    ProblemDetailsException,
    ProblemDetailsPlugin,
)

from events.log import UnavailableError
from services.gateway.methods import with_head

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from litestar import Request, Response

    from events.catalogue import JobArchived

_RETRY_AFTER_S: Final = 1

_DETAILS: Final = {
    HTTPStatus.NOT_FOUND: "Nothing is served at this path.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This path does not answer to that method; see Allow.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is larger than this server takes.",
}

_log = structlog.get_logger(__name__)


class FieldError(msgspec.Struct, frozen=True, kw_only=True):
    """One thing wrong with a request: the field or parameter, and why."""

    field: str
    message: str


class ProblemDetails(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every error (RFC 9457); `errors` comes with 400 and 422."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: tuple[FieldError, ...] | msgspec.UnsetType = msgspec.UNSET


class Problem(ProblemDetailsException):
    """An answer that says what went wrong; `kind` is its stable code, `extra` further members."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        members = dict(extra or {})
        if errors:
            members["errors"] = list(errors)
        super().__init__(
            detail=detail,
            status_code=status,
            type_=f"urn:podium:problem:{kind}",
            title=HTTPStatus(status).phrase,
            headers=dict(headers or {}),
            extra=members,
        )

    def to_response(self, request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        """The response, with the request's path as `instance`."""
        self.instance = request.scope["path"]
        return super().to_response(request)


def no_such_job(job_id: str) -> Problem:
    """There never was such a job."""
    return Problem(HTTPStatus.NOT_FOUND, "no-such-job", f"There is no job {job_id}.")


def archived(event: JobArchived) -> Problem:
    """The events of a job are in a file, and no more in the log."""
    detail = (
        f"The events of this job were archived: podium replay {event.job_id} --file {event.file}"
        " shows them, where that file is kept."
    )
    extra = {"file": event.file, "sha256": event.sha256, "events": event.events}
    return Problem(HTTPStatus.GONE, "archived", detail, extra=extra)


def read_only() -> Problem:
    """What a gateway answers that only shows a log."""
    detail = "This gateway only shows a log: it takes no jobs and cancels none."
    return Problem(HTTPStatus.FORBIDDEN, "read-only", detail)


def unavailable(detail: str) -> Problem:
    """Something behind the gateway is away; trying again may help."""
    headers = {"Retry-After": str(_RETRY_AFTER_S)}
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail, headers=headers)


def of_exception(error: Exception) -> ProblemDetailsException:
    """The problem that an exception is to the client; one that nobody foresaw is logged and hidden."""
    match error:
        case ValidationException():
            return _invalid(error)
        case HTTPException() if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            return _of_http(error)
        case UnavailableError():
            _log.warning("log_unavailable", error=str(error))
            return unavailable("The log of events does not answer; try again.")
        case _:
            _log.error("request_failed", exc_info=error)
            return Problem(
                HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "Something went wrong here; it has been logged."
            )


def _of_http(error: HTTPException) -> Problem:
    status = HTTPStatus(error.status_code)
    kind = status.phrase.lower().replace(" ", "-")
    headers = dict(error.headers or {})
    if "allow" in headers:
        headers["allow"] = with_head(headers["allow"].split(","))
    return Problem(status, kind, _DETAILS.get(status, error.detail), headers=headers)


def _invalid(error: ValidationException) -> Problem:
    found = [one for one in error.extra or () if isinstance(one, dict)]
    errors = [FieldError(field=one.get("key", ""), message=one["message"]) for one in found]
    detail = "; ".join(f"{one.field}: {one.message}" for one in errors) or "The request is not valid."
    return Problem(HTTPStatus.BAD_REQUEST, "invalid-parameter", detail, errors=errors)


def documented(*statuses: HTTPStatus) -> dict[int, ResponseSpec]:
    """For the OpenAPI document: the problems that a handler answers with."""
    return {
        status: ResponseSpec(
            data_container=ProblemDetails,
            description=status.phrase,
            media_type="application/problem+json",
            generate_examples=False,
        )
        for status in statuses
    }


def protected(*statuses: HTTPStatus) -> dict[int, ResponseSpec]:
    """For the OpenAPI document: those of a route that wants an API key, beside others of its own."""
    return documented(
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
        *statuses,
    )


def plugin() -> ProblemDetailsPlugin:
    """Litestar's plugin, set so that no error leaves in another shape."""
    return ProblemDetailsPlugin(
        ProblemDetailsConfig(exception_to_problem_detail_map={Exception: of_exception})
    )

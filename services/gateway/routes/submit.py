"""Submit a competition: the one way a job comes to be."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Final, get_args

import msgspec
import structlog
from litestar import Request, Response, post
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.params import HeaderParameter, RawBody

from events.catalogue import JobRequested, Priority
from events.log import JobAt
from services.gateway.access import asks, caller_of
from services.gateway.competition_url import Competition, UrlError, parse
from services.gateway.idempotency import KEY_PATTERN, request_once
from services.gateway.job_id import keyed_job_id, new_job_id
from services.gateway.parts import Parts, parts_of
from services.gateway.problems import FieldError, Problem, protected, read_only
from services.gateway.throttle import SUBMIT
from services.gateway.view import TAG_PATTERN, events_url, status_url
from services.gateway.webhook_url import CHARS_MAX, PATTERN, problem_of

if TYPE_CHECKING:
    from pathlib import Path

_EXAMPLE: Final = {"kaggle_url": "https://www.kaggle.com/competitions/titanic"}
_TIME_LIMIT_S_MIN: Final = 60
_SUBMITTER_CHARS_MAX: Final = 100
_TAGS_MAX: Final = 10
_DOLLARS_MAX: Final = 1000
_AT_FIELD: Final = re.compile(r"(.*) - at `\$\.(.*)`", re.DOTALL)


_BUDGET_S: Final = msgspec.Meta(ge=30, le=86400)
_TIME_LIMIT_S: Final = msgspec.Meta(ge=_TIME_LIMIT_S_MIN)

# No "$", which would let a line's end through.
_Tag = Annotated[str, msgspec.Meta(pattern=TAG_PATTERN.removesuffix("$") + r"\Z")]


class RunRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to solve, how long an attempt should and may take, how soon it is wanted, and by whom.

    `submitter` is whoever the caller says it is; an operator may cap how many attempts of each run at once,
    counted by API key where there is one.  `tags` are words to find the job by.  `webhook_url` is told how
    the job ends, and with `webhook_stages` of its stages, too.  With `submit` the answer is submitted to
    Kaggle.  `dollars_max` is what calls to a language model may cost.
    """

    kaggle_url: str
    budget_s: Annotated[int, _BUDGET_S] | Annotated[float, _BUDGET_S] | None = None
    time_limit_s: Annotated[int, _TIME_LIMIT_S] | Annotated[float, _TIME_LIMIT_S] | None = None
    priority: Priority = "normal"
    submitter: Annotated[str, msgspec.Meta(min_length=1, max_length=_SUBMITTER_CHARS_MAX)] | None = None
    tags: Annotated[tuple[_Tag, ...], msgspec.Meta(max_length=_TAGS_MAX)] = ()
    webhook_url: str | None = None
    webhook_stages: bool = False
    submit: bool = False
    dollars_max: Annotated[float, msgspec.Meta(ge=0, le=_DOLLARS_MAX)] | None = None


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The job is stored; where to look at it from here on."""

    job_id: str
    competition: str
    status_url: str
    events_url: str


_decoder = msgspec.json.Decoder(RunRequest)


@dataclass
class _RunOperation(Operation):
    """Documents the body, which the handler decodes by itself: strictly, as JSON and nothing else."""

    def __post_init__(self) -> None:
        url = Schema(type=OpenAPIType.STRING, description="The competition's page, or local:<slug>.")
        budget = Schema(
            type=[OpenAPIType.INTEGER, OpenAPIType.NULL],
            minimum=30,
            maximum=86400,
            description="How long an attempt should take, in seconds.",
        )
        time_limit = Schema(
            type=[OpenAPIType.INTEGER, OpenAPIType.NULL],
            minimum=_TIME_LIMIT_S_MIN,
            description="When an attempt is stopped, in seconds; at most the operator's own limit.",
        )
        priority = Schema(
            type=OpenAPIType.STRING,
            enum=list(get_args(Priority)),
            default="normal",
            description="Higher ones start first, always; running attempts are left alone.",
        )
        submitter = Schema(
            type=[OpenAPIType.STRING, OpenAPIType.NULL],
            min_length=1,
            max_length=_SUBMITTER_CHARS_MAX,
            description="On whose behalf, for servers that cap the running attempts of each.",
        )
        tags = Schema(
            type=OpenAPIType.ARRAY,
            items=Schema(type=OpenAPIType.STRING, pattern=TAG_PATTERN),
            max_items=_TAGS_MAX,
            description="Words to find the job by; one that is given twice counts once.",
        )
        webhook_url = Schema(
            type=[OpenAPIType.STRING, OpenAPIType.NULL],
            max_length=CHARS_MAX,
            pattern=PATTERN,
            description="Told how the job ends, signed by the secret of POST /webhooks/secret.",
        )
        webhook_stages = Schema(
            type=OpenAPIType.BOOLEAN, default=False, description="It is told of stages, too."
        )
        submit = Schema(
            type=OpenAPIType.BOOLEAN,
            default=False,
            description="Submit the answer to Kaggle, once, and wait for its score.",
        )
        dollars_max = Schema(
            type=[OpenAPIType.NUMBER, OpenAPIType.NULL],
            minimum=0,
            maximum=_DOLLARS_MAX,
            description="What calls to a language model may cost in all; at most the operator's limit.",
        )
        schema = Schema(
            type=OpenAPIType.OBJECT,
            properties={
                "kaggle_url": url,
                "budget_s": budget,
                "time_limit_s": time_limit,
                "priority": priority,
                "submitter": submitter,
                "tags": tags,
                "webhook_url": webhook_url,
                "webhook_stages": webhook_stages,
                "submit": submit,
                "dollars_max": dollars_max,
            },
            required=["kaggle_url"],
            additional_properties=False,
            schema_if=Schema(properties={"webhook_stages": Schema(const=True)}, required=["webhook_stages"]),
            then=Schema(
                properties={"webhook_url": Schema(type=OpenAPIType.STRING)}, required=["webhook_url"]
            ),
            examples=[_EXAMPLE],
        )
        self.request_body = RequestBody(
            required=True, content={"application/json": OpenAPIMediaType(schema=schema)}
        )


@post(
    ["/run", "/jobs"],
    status_code=HTTPStatus.ACCEPTED,
    opt=asks("submit") | SUBMIT,
    operation_class=_RunOperation,
    summary="Submit a competition",
    responses=protected(
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    ),
)
async def run(
    request: Request[Any, Any, Any],
    body: RawBody,
    idempotency_key: Annotated[
        str | None,
        HeaderParameter(
            name="Idempotency-Key",
            pattern=KEY_PATTERN,
            description="However often it is sent, one job: 422 if it was sent with another request.",
        ),
    ] = None,
) -> Response[Accepted]:
    """Solve a competition.  202 means that the request is stored and will not be lost.

    With an `Idempotency-Key` the same request can be sent again at any time, even after years: the answer
    names the same job, with `Idempotency-Replayed: true`.  Each API key has a namespace of its own; without
    API keys all clients share one.
    """
    # Not as injected arguments: resolving those costs a third of what all else here does.
    parts, owner = parts_of(request), caller_of(request).key_id
    if parts.settings.read_only:
        raise read_only()
    asked = _decode(request, body)
    budget_s, time_limit_s = _whole("budget_s", asked.budget_s), _whole("time_limit_s", asked.time_limit_s)
    _check_limit(time_limit_s, most_s=parts.settings.attempt_limit_s)
    local = parts.settings.competitions_dir
    competition = _competition(asked.kaggle_url, local_allowed=local is not None)
    if competition.source == "local" and asked.submit:
        raise _unprocessable("submit", "a local competition cannot be submitted to Kaggle")
    if competition.source == "local" and local is not None:
        await asyncio.to_thread(_require_local, local, competition.slug)
    await _check_webhook(asked, owner, parts)
    job_id = new_job_id() if idempotency_key is None else keyed_job_id(idempotency_key, owner=owner)
    structlog.contextvars.bind_contextvars(job_id=job_id)
    event = JobRequested(
        job_id=job_id,
        competition=competition.slug,
        source=competition.source,
        kaggle_url=competition.url,
        budget_s=budget_s,
        priority=asked.priority,
        submitter=asked.submitter,
        time_limit_s=time_limit_s,
        tags=tuple(dict.fromkeys(asked.tags)),
        owner=owner,
        webhook_url=asked.webhook_url,
        webhook_stages=asked.webhook_stages,
        submit=asked.submit,
        dollars_max=asked.dollars_max,
    )
    headers = {"Location": status_url(job_id)}
    if idempotency_key is None:
        await parts.link.append(event, expect=JobAt(sequence=0))
    elif not await request_once(parts.link, event):
        headers["Idempotency-Replayed"] = "true"
    accepted = Accepted(
        job_id=job_id,
        competition=competition.slug,
        status_url=status_url(job_id),
        events_url=events_url(job_id),
    )
    return Response(accepted, headers=headers)


def _decode(request: Request[Any, Any, Any], body: bytes) -> RunRequest:
    if request.content_type[0] != "application/json":
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "Send JSON, as application/json."
        )
    try:
        return _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _unprocessable(*_where(str(error))) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "malformed-json", f"The body is not JSON: {error}.") from error


def _whole(field: str, given: float | None) -> int | None:
    """In JSON, 300.0 is the same number as 300."""
    if given is not None and given != int(given):
        raise _unprocessable(field, "should be a whole number of seconds")
    return None if given is None else int(given)


def _where(message: str) -> tuple[str, str]:
    """Field and message in msgspec's words: ``Expected `int`, got `str` - at `$.budget_s```."""
    found = _AT_FIELD.fullmatch(message)
    return (found[2], found[1]) if found else ("", message)


def _unprocessable(field: str, message: str) -> Problem:
    detail = f"{field}: {message}" if field else message
    error = FieldError(field=field, message=message)
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", detail, errors=[error])


def _check_limit(time_limit_s: int | None, *, most_s: int) -> None:
    if time_limit_s is not None and time_limit_s > most_s:
        raise _unprocessable("time_limit_s", f"this server stops every attempt after {most_s} s")


async def _check_webhook(asked: RunRequest, owner: str | None, parts: Parts) -> None:
    """Refuse what could never be delivered."""
    if asked.webhook_url is None:
        if asked.webhook_stages:
            raise _unprocessable("webhook_stages", "there is no webhook_url to tell")
        return
    problem = problem_of(asked.webhook_url)
    if problem is not None:
        raise _unprocessable("webhook_url", problem)
    if await parts.link.webhook_secrets().of(owner) is None:
        raise Problem(
            HTTPStatus.CONFLICT,
            "no-webhook-secret",
            "Make a secret to sign webhooks with first: POST /webhooks/secret.",
        )


def _competition(url: str, *, local_allowed: bool) -> Competition:
    try:
        return parse(url, local_allowed=local_allowed)
    except UrlError as error:
        raise _unprocessable("kaggle_url", str(error)) from error


def _require_local(folder: Path, slug: str) -> None:
    if not (folder / slug / "public").is_dir():
        raise Problem(
            HTTPStatus.NOT_FOUND,
            "no-such-competition",
            f"This server's folder of competitions has no {slug}/public.",
        )

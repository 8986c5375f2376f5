"""Submit a competition: the one way a job comes to be."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import structlog
from litestar import Request, Response, post
from litestar.params import HeaderParameter, RawBody

from events.catalogue import JobRequested
from events.log import JobAt
from services.gateway.access import asks, caller_of
from services.gateway.competition_url import Competition, UrlError, parse
from services.gateway.idempotency import KEY_PATTERN, request_once
from services.gateway.job_id import keyed_job_id, new_job_id
from services.gateway.parts import Parts, parts_of
from services.gateway.problems import Problem, protected, read_only
from services.gateway.run_operation import RunOperation
from services.gateway.run_request import decode, unprocessable, whole
from services.gateway.throttle import SUBMIT
from services.gateway.view import events_url, status_url
from services.gateway.webhook_url import problem_of

if TYPE_CHECKING:
    from pathlib import Path

    from services.gateway.run_request import RunRequest


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The job is stored; where to look at it from here on."""

    job_id: str
    competition: str
    status_url: str
    events_url: str


@post(
    ["/run", "/jobs"],
    status_code=HTTPStatus.ACCEPTED,
    opt=asks("submit") | SUBMIT,
    operation_class=RunOperation,
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
    asked = decode(request.content_type[0], body)
    budget_s, time_limit_s = whole("budget_s", asked.budget_s), whole("time_limit_s", asked.time_limit_s)
    _check_limit(time_limit_s, most_s=parts.settings.attempt_limit_s)
    local = parts.settings.competitions_dir
    competition = _competition(asked.kaggle_url, local_allowed=local is not None)
    if competition.source == "local" and asked.submit:
        raise unprocessable("submit", "a local competition cannot be submitted to Kaggle")
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


def _check_limit(time_limit_s: int | None, *, most_s: int) -> None:
    if time_limit_s is not None and time_limit_s > most_s:
        raise unprocessable("time_limit_s", f"this server stops every attempt after {most_s} s")


async def _check_webhook(asked: RunRequest, owner: str | None, parts: Parts) -> None:
    """Refuse what could never be delivered."""
    if asked.webhook_url is None:
        if asked.webhook_stages:
            raise unprocessable("webhook_stages", "there is no webhook_url to tell")
        return
    problem = problem_of(asked.webhook_url)
    if problem is not None:
        raise unprocessable("webhook_url", problem)
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
        raise unprocessable("kaggle_url", str(error)) from error


def _require_local(folder: Path, slug: str) -> None:
    if not (folder / slug / "public").is_dir():
        raise Problem(
            HTTPStatus.NOT_FOUND,
            "no-such-competition",
            f"This server's folder of competitions has no {slug}/public.",
        )

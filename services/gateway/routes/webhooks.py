# ruff: noqa: TC001 - Litestar reads annotations as the program runs
"""Webhooks of a job: what was sent, to send it again, and the secret that they are signed with."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

import msgspec
from litestar import get, post
from litestar.params import PathParameter

from events.log import ConflictError, UnavailableError
from services.deliveries import RedeliveryRequested
from services.gateway.access import GivenCaller, asks
from services.gateway.lookup import GivenJobId, checked_id, find_job
from services.gateway.parts import GivenParts
from services.gateway.problems import Problem, protected, read_only
from services.gateway.view_webhooks import Deliveries, DeliveryView, Secret, view_of
from services.running import utc_now

_TRIES: Final = 5


@get(
    "/jobs/{job_id:str}/webhooks",
    summary="List a job's webhooks",
    opt=asks("read"),
    responses=protected(HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND),
)
async def history(job_id: GivenJobId, parts: GivenParts) -> Deliveries:
    """What receivers were sent of a job in the last month, with every try and what came of it."""
    job = await find_job(checked_id(job_id), parts)
    found = await parts.link.deliveries().of_job(job.job_id)
    return Deliveries(webhooks=tuple(view_of(one) for one in found))


@post(
    "/jobs/{job_id:str}/webhooks/{webhook_id:str}/redeliver",
    status_code=HTTPStatus.ACCEPTED,
    summary="Send a webhook again",
    opt=asks("submit"),
    responses=protected(HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def redeliver(
    job_id: GivenJobId,
    webhook_id: Annotated[str, PathParameter(description="As `GET /jobs/{job_id}/webhooks` lists it.")],
    parts: GivenParts,
) -> DeliveryView:
    """Send it once more, now, and then by the usual schedule; a receiver that had answered 410 gets it, too.

    What it takes then ends the silence that its 410 began.
    """
    if parts.settings.read_only:
        raise read_only()
    job_id = checked_id(job_id)
    log = parts.link.deliveries()
    for _ in range(_TRIES):
        found = next((one for one in await log.of_job(job_id) if one.webhook_id == webhook_id), None)
        if found is None:
            raise Problem(HTTPStatus.NOT_FOUND, "no-such-webhook", "The job has sent no such webhook.")
        if not found.is_over:
            raise Problem(HTTPStatus.CONFLICT, "webhook-under-way", "It is being delivered already.")
        asked = RedeliveryRequested(
            webhook_id=webhook_id,
            job_id=job_id,
            at=utc_now(),
            kind=found.kind,
            owner=found.owner,
            url=found.url,
            body=found.body,
            tried=found.tried,
        )
        try:
            await log.append(asked, expect=found.sequence)
        except ConflictError:
            continue
        return msgspec.structs.replace(view_of(found), state="waiting", next_at=asked.at)
    raise UnavailableError(f"lost the race for {webhook_id} {_TRIES} times")


@post(
    "/webhooks/secret",
    status_code=HTTPStatus.CREATED,
    summary="Make a secret for webhooks",
    opt=asks("submit"),
    responses=protected(HTTPStatus.CONFLICT),
)
async def renew(parts: GivenParts, caller: GivenCaller) -> Secret:
    """A new secret for the webhooks of this API key, shown this once; without API keys, for all webhooks.

    The one before it signs along for a day.
    """
    if parts.settings.read_only:
        raise read_only()
    try:
        secret = await parts.link.webhook_secrets().renew(caller.key_id, utc_now())
    except ConflictError as error:
        detail = "Somebody else has made one just now."
        raise Problem(HTTPStatus.CONFLICT, "secret-made-meanwhile", detail) from error
    return Secret(secret=secret)

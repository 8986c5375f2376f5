"""One job for one `Idempotency-Key`, for ever: its id is made from the key, and the log takes an id once.

Source: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from events.job import fold, request_of
from events.log import ConflictError, JobAt, UnavailableError
from services.gateway.problems import Problem

if TYPE_CHECKING:
    from events.catalogue import JobRequested
    from events.log import Log

KEY_PATTERN: Final = "^[!-~]{1,255}$"
"""A key is 1 to 255 visible ASCII characters, taken as they are."""


async def request_once(log: Log, event: JobRequested) -> bool:
    """Store the request of a job whose id was made from a key; False where the very same is stored already.

    Raises:
        Problem: 422, the key was used for another request.
        UnavailableError: the log did not answer; asking again with the key is safe.
    """
    try:
        await log.append(event, expect=JobAt(sequence=0))
    except ConflictError:
        records = await log.read_job(event.job_id)
        job = fold(records)
        if job is None:
            raise UnavailableError(f"the request of {event.job_id} is stored, but not to be read") from None
        if request_of(job) != event:
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "This Idempotency-Key was used for another request; a new request needs a new key.",
            ) from None
        return False
    return True

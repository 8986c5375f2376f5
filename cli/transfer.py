"""Moving a log: the stream of record to lines of JSON, and such lines into an empty stream, byte for byte.

An imported event has the sequence, subject, headers and payload that it had.  That is possible because a
log begins at sequence 1 and nothing is ever taken out; the headers name the last sequence of the job as
the writer saw it, so the broker itself checks each event again on its way in.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import msgspec
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from cli.reaching import reach
from events import subjects
from events.jetstream import ensure_stream
from events.lines import NotALineError, read_stored, stored_line
from podium.errors import PodiumError, StackError, UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from nats.aio.client import Client
    from nats.aio.subscription import Subscription
    from nats.js import JetStreamContext

    from events.lines import Stored

_ANSWER_S: Final = 10.0
_UNDER_WAY_MAX: Final = 500
_REPORT_EVERY: Final = 1000


class _Refusal(msgspec.Struct, frozen=True, kw_only=True):
    description: str = "no stream takes it"


class _Ack(msgspec.Struct, frozen=True, kw_only=True):
    """JetStream's answer to a message.

    Read here because `publish_async` of the client never ends where the answer is an error.
    """

    seq: int = 0
    duplicate: bool = False
    error: _Refusal | None = None


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[Client]:
    """A connection that is made at once or not at all.

    Raises:
        StackError: nothing answers there, or what was asked for got no answer.
    """
    try:
        client = await reach(url, timeout_s=_ANSWER_S)
    except (NatsError, OSError, TimeoutError) as error:
        raise StackError(
            f"NATS at {_shown(url)} does not answer ({error or type(error).__name__}).",
            hint="Set NATS_URL, or name the folder of a running stack by --home.",
        ) from error
    try:
        yield client
    except (NatsError, OSError, TimeoutError) as error:
        raise StackError(f"NATS at {_shown(url)} stopped answering: {error!r}.") from error
    finally:
        await client.close()


def _shown(url: str) -> str:
    """The address without the user and the password that may stand in it."""
    return url.rpartition("@")[2] if "@" in url else url


async def export(
    client: Client, *, job_id: str | None, write: Callable[[bytes], object], progress: Callable[[int], None]
) -> int:
    """Write each message as a line, in log order, up to what is the last one now; how many there were.

    Raises:
        UsageError: there is no log, or no such job in it.
    """
    js = client.jetstream(timeout=_ANSWER_S)
    subject = subjects.ALL_EVENTS if job_id is None else subjects.of_job(job_id)
    try:
        last = (await js.get_last_msg(subjects.STREAM, subject)).seq
    except NotFoundError:
        raise UsageError("There are no events." if job_id is None else f"There is no job {job_id}.") from None
    subscription = await js.subscribe(subject, stream=subjects.STREAM, ordered_consumer=True)
    count, sequence = 0, 0
    while sequence != last:
        message = await subscription.next_msg(timeout=_ANSWER_S)
        sequence = message.metadata.sequence.stream
        line = stored_line(
            sequence=sequence,
            stored_at=message.metadata.timestamp,
            subject=message.subject,
            headers=message.headers or {},
            payload=message.data,
        )
        write(line)
        count += 1
        if count % _REPORT_EVERY == 0:
            progress(count)
    await subscription.unsubscribe()
    return count


async def import_log(
    client: Client, lines: Iterable[bytes], *, replicas: int, progress: Callable[[int], None]
) -> int:
    """Store a whole log, from its sequence 1 on, in a stream that is empty and that nobody reads yet.

    Raises:
        UsageError: the stream has events or readers, or the lines are no whole log.
        PodiumError: an event was refused; what came before it is stored.
    """
    js = client.jetstream(timeout=_ANSWER_S)
    await ensure_stream(js, replicas=replicas)
    await _require_unused(js)
    inbox = client.new_inbox()
    answers = await client.subscribe(f"{inbox}.*")
    number = stored = 0
    for number, line in enumerate(lines, start=1):
        message = _numbered(line, number)
        await client.publish(
            message.subject, message.payload_bytes, reply=f"{inbox}.{number}", headers=dict(message.headers)
        )
        if number - stored >= _UNDER_WAY_MAX:
            stored = await _next_stored(answers)
        if number % _REPORT_EVERY == 0:
            progress(number)
    while stored < number:
        stored = await _next_stored(answers)
    return number


async def _require_unused(js: JetStreamContext) -> None:
    """An import never mixes with what is there, and nobody acts on it by surprise."""
    state = (await js.stream_info(subjects.STREAM)).state
    if state.last_seq:
        raise UsageError(
            f"The log there has {state.messages} events already.", hint="Import into a NATS that has none."
        )
    if state.consumer_count:
        raise UsageError(
            f"{state.consumer_count} readers follow that log: a scheduler would run what is imported.",
            hint="Stop the services there first; `podium up --replay FILE` shows a log and runs nothing.",
        )


def _numbered(line: bytes, number: int) -> Stored:
    try:
        message = read_stored(line)
    except NotALineError as error:
        raise UsageError(f"Line {number} is no stored event: {error}") from error
    if message.sequence != number:
        raise UsageError(
            f"Line {number} has sequence {message.sequence}: that is a part of a log.",
            hint="Only a whole log can be imported: `podium replay --file` shows a part, and `podium backup`"
            " moves a log that jobs were archived from.",
        )
    return message


async def _next_stored(answers: Subscription) -> int:
    """The sequence of the next event that the broker has stored; it answers in the order of arrival."""
    answer = await answers.next_msg(timeout=_ANSWER_S)
    sequence = int(answer.subject.rpartition(".")[2])
    ack = msgspec.json.decode(answer.data, type=_Ack) if answer.data else _Ack(error=_Refusal())
    if ack.error is not None:
        raise PodiumError(
            f"Event {sequence} was refused: {ack.error.description}.",
            hint="The file is not as it was exported, or somebody else wrote. Start with an empty NATS.",
        )
    if ack.seq != sequence or ack.duplicate:
        raise PodiumError(
            f"Event {sequence} was stored as {ack.seq}: somebody else writes to that log.",
            hint="Begin again with an empty NATS, and with the services stopped.",
        )
    return sequence

"""Messages of the log that cannot be folded, set aside for a person to look at: a stream of their own.

A dead letter is the message as it was stored, on its subject with ``dead.`` before it, with the reason and
its sequence in the log as headers.  Headers that a broker obeys are kept under a name it does not know.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec
from nats.errors import Error as NatsError
from nats.js.api import StorageType, StreamConfig
from nats.js.errors import NotFoundError

from events import subjects
from events.log import UnavailableError

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js import JetStreamContext
    from nats.js.api import RawStreamMsg

REASON: Final = "Podium-Reason"
SEQUENCE: Final = "Podium-Sequence"
OMITTED: Final = "Podium-Payload-Omitted"
"""So many bytes were left out: with the headers of a letter they are more than the broker takes."""

_ANSWER_S: Final = 2.0
_ROOM_BYTES: Final = 8192
_REASON_CHARS_MAX: Final = 500
_OBEYED: Final = "nats-"
_KEPT: Final = "Original-"
# The broker refuses a second letter of the same message for as long as this: projectors that restart, share
# the work or fold everything again tell it of the same messages.
_FOR_EVER: Final = timedelta(days=36_500)


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """What was set aside: the message's sequence in the log, its subject there, and what is wrong with it."""

    sequence: int
    subject: str
    reason: str


async def ensure_dead_letters(js: JetStreamContext, *, replicas: int = 1) -> None:
    """Make the stream of dead letters where there is none; letters that were dealt with may be deleted."""
    try:
        await js.stream_info(subjects.DEAD_STREAM)
    except NotFoundError:
        await js.add_stream(
            StreamConfig(
                name=subjects.DEAD_STREAM,
                subjects=[subjects.ALL_DEAD],
                storage=StorageType.FILE,
                num_replicas=replicas,
                duplicate_window=_FOR_EVER.total_seconds(),
            )
        )


class DeadLetters:
    """The stream of dead letters."""

    def __init__(self, connection: Client) -> None:
        self._js = connection.jetstream(timeout=_ANSWER_S)
        self._bytes_max = connection.max_payload

    async def set_aside(self, sequence: int, reason: str) -> None:
        """Store the message of the log at `sequence` as a dead letter; however often, there is one.

        Raises:
            UnavailableError: no answer; the letter may be stored or not, so try again.
        """
        try:
            message = await self._js.get_msg(subjects.STREAM, sequence)
            headers = _headers(message, sequence, reason)
            payload = message.data or b""
            if len(payload) + sum(len(name) + len(value) for name, value in headers.items()) > (
                self._bytes_max - _ROOM_BYTES
            ):
                payload, headers = b"", {**headers, OMITTED: str(len(payload))}
            await self._js.publish(subjects.dead(message.subject or ""), payload, headers=headers)
        except (NatsError, TimeoutError, OSError) as error:
            raise UnavailableError(f"setting {sequence} aside: {error!r}") from error

    async def count(self) -> int:
        """How many there are.

        Raises:
            UnavailableError: no answer.
        """
        return (await self._places())[1]

    async def newest(self, limit: int) -> list[DeadLetter]:
        """The last ones that were set aside, the newest first.

        Raises:
            UnavailableError: no answer.
        """
        first, _, place = await self._places()
        found: list[DeadLetter] = []
        while place >= first and place and len(found) < limit:
            try:
                found.append(_letter(await self._js.get_msg(subjects.DEAD_STREAM, place)))
            except NotFoundError:
                pass  # deleted by somebody who has dealt with it
            except (NatsError, TimeoutError, OSError) as error:
                raise UnavailableError(f"reading dead letters: {error!r}") from error
            place -= 1
        return found

    async def _places(self) -> tuple[int, int, int]:
        """The first sequence of the stream, the number of letters, the last sequence."""
        try:
            state = (await self._js.stream_info(subjects.DEAD_STREAM)).state
        except NotFoundError:
            return 0, 0, 0
        except (NatsError, TimeoutError, OSError) as error:
            raise UnavailableError(f"reading dead letters: {error!r}") from error
        return state.first_seq, state.messages, state.last_seq


def _headers(message: RawStreamMsg, sequence: int, reason: str) -> dict[str, str]:
    originals = {
        f"{_KEPT}{name}" if name.lower().startswith(_OBEYED) else name: value
        for name, value in (message.headers or {}).items()
    }
    # The digest, because a log that was made anew has other messages at the same places.
    digest = hashlib.sha256(message.data or b"").hexdigest()[:16]
    return {
        **originals,
        "Nats-Msg-Id": f"{sequence}-{digest}",
        SEQUENCE: str(sequence),
        REASON: " ".join(reason.split())[:_REASON_CHARS_MAX],
    }


def _letter(message: RawStreamMsg) -> DeadLetter:
    headers = message.headers or {}
    return DeadLetter(
        sequence=int(headers[SEQUENCE]),
        subject=(message.subject or "").removeprefix("dead."),
        reason=headers[REASON],
    )

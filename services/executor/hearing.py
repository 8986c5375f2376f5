"""What an executor makes of an attempt's lines: events on their way, a last word, and lines of a log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import msgspec
import structlog

from events.catalogue import EgressRefused
from events.progress import Failed, Succeeded, decode_line
from services.executor.lines import printable
from services.executor.outbox import Outbox
from services.executor.speech import cleaned, event_of
from services.log_line import LogLine
from services.running import utc_now

if TYPE_CHECKING:
    from services.executor.runtime import Channel
    from services.log_line import StreamName

LINES_MAX: Final = 10_000
_TEXT_CHARS_MAX: Final = 2000

_log = structlog.get_logger(__name__)


class LineSink(Protocol):
    """Where log lines go: `services.logstream.LogLines`, or a test's own."""

    async def write(self, job_id: str, line: LogLine) -> None:
        """Send one line on its way."""
        ...

    async def last_number(self, job_id: str, attempt: int) -> int:
        """The number of the newest line of an attempt that is there; 0 where there is none.

        Raises:
            LogLinesError: it cannot be known now.
        """
        ...


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """How much of an attempt's output is stored: its messages and what it was refused, as events; its log
    lines in their stream.
    """

    messages: int = 0
    lines: int = 0
    refusals: frozenset[str] = frozenset()


class Hearing:
    """Takes an attempt's lines from the first one on, and passes over what was stored before.

    `outbox` holds the events to append, `last_word` what the agent ended with, `stderr_line` the last line
    of its stderr that was not blank.  `secrets` are values that must appear nowhere.
    """

    def __init__(
        self,
        *,
        job_id: str,
        attempt: int,
        secrets: tuple[str, ...] = (),
        sink: LineSink | None = None,
        heard: Heard = Heard(),  # noqa: B008 - it is frozen
    ) -> None:
        self.outbox = Outbox()
        self.last_word: Succeeded | Failed | None = None
        self.stderr_line = ""
        self._job_id = job_id
        self._attempt = attempt
        self._secrets = secrets
        self._sink = sink
        self._heard = heard
        self._refusals = set(heard.refusals)
        self._lines = 0
        self._texts: list[str] = []

    async def take(self, channel: Channel, line: bytes, *, nonce: str, now_s: float) -> None:
        """One more line; a message counts only with the nonce, and from stdout."""
        if channel == "egress":
            await self._refuse(line, now_s)
        else:
            await self._hear(channel, line, nonce=nonce, now_s=now_s)

    async def _refuse(self, line: bytes, now_s: float) -> None:
        """A connection that was not made: a line of the log each time, an event the first time."""
        what = self.clean(line.decode(errors="replace"))
        if what not in self._refusals:
            self._refusals.add(what)
            self.outbox.put(EgressRefused(job_id=self._job_id, attempt=self._attempt, what=what), now_s)
        await self._note("stdout", b"egress refused: " + line)

    async def _hear(self, stream: StreamName, line: bytes, *, nonce: str, now_s: float) -> None:
        spoken = decode_line(line, nonce=nonce) if stream == "stdout" else None
        if spoken is None:
            await self._note(stream, line)
            return
        message = cleaned(spoken.message, self.clean)
        if isinstance(message, Succeeded | Failed):
            self.last_word = message
        elif spoken.number > self._heard.messages:
            said = msgspec.structs.replace(spoken, message=message)
            event = event_of(said, job_id=self._job_id, attempt=self._attempt)
            assert event is not None, "only a last word becomes no event"
            self.outbox.put(event, now_s)

    def clean(self, text: str) -> str:
        """The text as it may stand in an event."""
        return printable(text, chars_max=_TEXT_CHARS_MAX, secrets=self._secrets)

    async def _note(self, stream: StreamName, line: bytes) -> None:
        """A line for whoever reads the job's log; one that writes without end is cut off."""
        text = self.clean(line.decode(errors="replace"))
        if not text:
            return
        if stream == "stderr":
            self.stderr_line = text
        self._lines += 1
        if self._lines == LINES_MAX:
            _log.warning("agent_lines_dropped", after=LINES_MAX)
            stream, text = "stderr", "More was written than is kept: from here on lines are left out."
        if self._lines <= LINES_MAX:
            self._texts.append(f"{stream} {text}\n")
        if self._sink is None or self._lines > LINES_MAX or self._lines <= self._heard.lines:
            return
        line_of_log = LogLine(
            attempt=self._attempt, number=self._lines, time=utc_now(), stream=stream, text=text
        )
        await self._sink.write(self._job_id, line_of_log)

    @property
    def log(self) -> bytes:
        """All log lines that are kept, with the name of their stream before each."""
        return "".join(self._texts).encode()

    @property
    def lines(self) -> int:
        """How many log lines there were."""
        return self._lines

"""Runs a script that nobody vouches for: no secrets, its own session, a time limit, its words cut short.

The one place where the agent starts a process.  Nothing that the script prints or writes is believed here;
lines are handed on as clean text, at most `LINE_CHARS_MAX` long.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LINE_CHARS_MAX: Final = 300
_TAIL_BYTES: Final = 8_192
_CHUNK_BYTES: Final = 65_536
_TICK_S: Final = 1.0
_POLL_S: Final = 0.1
_PASSED_ON: Final = ("PATH", "HOME", "LD_LIBRARY_PATH", "LANG")
_CONFINE: Final = Path(__file__).with_name("confine.py")


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a script ended.

    `exit_code` is negative where a signal ended it (its number); `timed_out` says whether its time ran
    out, `network_cut` whether it had no network, `error_tail` is the end of what it wrote to stderr.
    """

    exit_code: int
    timed_out: bool
    network_cut: bool
    error_tail: str


def clean(raw: bytes) -> str:
    """Untrusted bytes as one line of printable text of at most LINE_CHARS_MAX characters."""
    text = raw.decode("utf-8", errors="replace")
    return "".join(c if c.isprintable() else " " for c in text[: 4 * LINE_CHARS_MAX]).strip()[:LINE_CHARS_MAX]


def bare_environment(environment: Mapping[str, str], threads: int) -> dict[str, str]:
    """What a script may know of the agent's environment: where programs are, and its number of threads."""
    kept = {name: environment[name] for name in _PASSED_ON if name in environment}
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")
    # Threads that spin while they wait for each other stand in each other's way on a busy machine.
    fixed = {
        "OMP_WAIT_POLICY": "PASSIVE",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
    }
    return kept | fixed | dict.fromkeys(names, str(threads))


def run(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    timeout_s: float,
    hear: Callable[[str | None], None],
) -> Ended:
    """Run `python` with the arguments `command` in `folder`, confined, until it ends or its time is up.

    `hear` gets each line of its stdout, cleaned, and None about every second of silence.  Whatever happens
    (an exception from `hear` too), the script and all that it started are gone when this returns.
    """
    ear = _Ear(hear)
    report, writer = os.pipe()
    deadline = time.monotonic() + timeout_s
    process = subprocess.Popen(  # noqa: S603 - our own interpreter, without a shell
        [sys.executable, str(_CONFINE), str(writer), *command],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=(writer,),
        start_new_session=True,
        bufsize=0,
    )
    os.close(writer)
    try:
        in_time = _follow(process, deadline, ear)
        return Ended(
            exit_code=_stop(process),
            timed_out=not in_time,
            network_cut=os.read(report, 32) == b"no-network",
            error_tail=ear.tail.decode("utf-8", errors="replace"),
        )
    finally:
        _stop(process)
        os.close(report)


class _Ear:
    """Takes what comes out of the two pipes: lines of one, the tail of the other."""

    def __init__(self, hear: Callable[[str | None], None]) -> None:
        self.tail = b""
        self._hear = hear
        self._line = b""
        self._heard = time.monotonic()

    def take(self, chunk: bytes, *, error: bool) -> None:
        """A piece of stderr, of which the end is kept, or of stdout, whose lines are handed on."""
        if error:
            self.tail = (self.tail + chunk)[-_TAIL_BYTES:]
            return
        *whole, line = (self._line + chunk).split(b"\n")
        self._line = line[:_CHUNK_BYTES]
        for words in whole:
            self._say(clean(words))

    def tick(self) -> None:
        """Say that nothing was said, after a second of silence."""
        if time.monotonic() - self._heard > _TICK_S:
            self._say(None)

    def _say(self, words: str | None) -> None:
        self._hear(words)
        self._heard = time.monotonic()


def _follow(process: subprocess.Popen[bytes], deadline: float, ear: _Ear) -> bool:
    """Listen until the process has ended; False where the deadline passed first."""
    assert process.stdout is not None
    assert process.stderr is not None
    with selectors.DefaultSelector() as pipes, process.stdout as out, process.stderr as err:
        for pipe in (out, err):
            pipes.register(pipe, selectors.EVENT_READ)
        while time.monotonic() < deadline:
            ended = process.poll() is not None
            ready = pipes.select(0.0 if ended else _POLL_S) if pipes.get_map() else []
            for key, _ in ready:
                chunk = os.read(key.fd, _CHUNK_BYTES)
                ear.take(chunk, error=key.fileobj is err)
                if not chunk:
                    pipes.unregister(key.fileobj)
            # What the script started may hold the pipes open: its own end is what counts.
            if ended and not ready:
                return True
            if not ended and not pipes.get_map():
                time.sleep(_POLL_S)
            ear.tick()
    return False


def _stop(process: subprocess.Popen[bytes]) -> int:
    """Kill the script's whole session, and wait for the script itself."""
    with contextlib.suppress(ProcessLookupError):  # All of it may be gone already.
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()

"""Runs a script that nobody vouches for: no secrets, no network, a few folders, limits, its words cut short.

The one place where the agent starts a process.  Nothing that the script prints or writes is believed here;
lines are handed on as clean text, at most `LINE_CHARS_MAX` long.  `agent.confine` says what the script may
not do; here it is watched, and ended with all that it started.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import selectors
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from agent.memory import memory_bytes
from agent.processes import ahead, brood, end_all, threads_there
from agent.scratch import FOLDER_BYTES_MAX
from agent.syscalls import filter_for
from agent.walls import readable_places, script_s_code, walled, writable_places
from agent.watch import Overran, Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

LINE_CHARS_MAX: Final = 300
_TAIL_BYTES: Final = 8_192
_CHUNK_BYTES: Final = 65_536
_TICK_S: Final = 1.0
_POLL_S: Final = 0.05
_PASSED_ON: Final = ("PATH", "LD_LIBRARY_PATH", "LANG")
_CONFINE: Final = Path(__file__).with_name("confine.py")

_NAMESPACES: Final = ("net", "pid", "mnt", "ipc", "uts", "user")

_FILE_BYTES_MAX: Final = FOLDER_BYTES_MAX
_OPEN_FILES_MAX: Final = 1024
_THREADS_MORE: Final = 2048
_MEMORY_SHARE: Final = 0.85
_CPUS_COUNTED: Final = 64


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a script ended.

    `exit_code` is negative where a signal ended it (its number); `overran` is the bound for which it was
    killed, None where it ended by itself; `granted` are the words of `agent.confine` for what kept it in;
    `error_tail` is the end of what it wrote to stderr.
    """

    exit_code: int
    overran: Overran | None
    granted: tuple[str, ...]
    error_tail: str

    @property
    def timed_out(self) -> bool:
        """Its time ran out."""
        return self.overran == "time"

    @property
    def network_cut(self) -> bool:
        """It had no network."""
        return not {"no-network", "own-net"}.isdisjoint(self.granted)


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
    bwrap: Path | None,
    timeout_s: float,
    hear: Callable[[str | None], None],
    readable: Sequence[Path] = (),
) -> Ended:
    """Run `python` with the arguments `command`, confined, until it ends or breaks a bound.

    It may write in `folder`, where it runs, and read `readable` beside; `command` starts with the path of
    the script; paths are absolute.  With `bwrap` it has namespaces of its own too (`agent.zone` says whether
    that works here).  `hear` gets each line of its stdout, cleaned, and None about every second of silence.
    Whatever happens (an exception from `hear` too), the script and all that it started are gone when this
    returns.
    """
    ear = _Ear(hear)
    named = (_CONFINE, Path(command[0]), *readable)
    # A path may lead over a link, and be used with it and without it.
    places = readable_places(environment, {str(one) for path in named for one in (path, path.resolve())})
    with (
        brood() as spare,
        _started(
            command,
            walls=walled(bwrap, folder=str(folder), readable=places) if bwrap else [],
            folder=folder,
            environment=environment,
            limits=_limits(timeout_s),
            places=places,
        ) as (process, report),
        ahead(),
    ):
        try:
            overran = _follow(process, time.monotonic() + timeout_s, ear, folder, spare)
        finally:
            exit_code = _stop(process, spare)
        granted = tuple(os.read(report, 256).decode().split())
    return Ended(
        exit_code=script_s_code(exit_code) if bwrap else exit_code,
        overran=overran,
        granted=granted,
        error_tail=ear.tail.decode("utf-8", errors="replace"),
    )


@contextmanager
def _started(
    command: Sequence[str],
    *,
    walls: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    limits: Mapping[str, int],
    places: Iterable[str],
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The process, and the descriptor from which to read how it was confined."""
    report, writer = os.pipe()
    calls = filter_for(platform.machine(), agent_pid=os.getpid())
    orders = {
        "report": writer,
        "readable": sorted(places),
        # The container's is this attempt's too.
        "writable": writable_places(str(folder), own_memory=bool(walls) or os.getpid() == 1),
        "filter": calls.hex() if calls else "",
        "limits": limits,
        "namespaces": _namespaces(),
    }
    try:
        try:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter, without a shell
                [*walls, sys.executable, "-I", "-S", str(_CONFINE), json.dumps(orders), *command],
                cwd=folder,
                env={**environment, "HOME": str(folder), "TMPDIR": str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(writer,),
                start_new_session=True,
                bufsize=0,
            )
        finally:
            os.close(writer)
        yield process, report
    finally:
        os.close(report)


def _namespaces() -> dict[str, str]:
    """The agent's own: a script compares them with its."""
    paths = (Path("/proc/self/ns", kind) for kind in _NAMESPACES)
    return {path.name: str(path.readlink()) for path in paths if path.is_symlink()}


def _limits(timeout_s: float) -> dict[str, int]:
    """What a process may use.

    Memory is limited by what it writes to and not by its addresses: LightGBM's threads and polars reserve
    far more of those than they use.
    """
    return {
        "RLIMIT_CORE": 0,
        "RLIMIT_CPU": int(timeout_s * _CPUS_COUNTED) + 1,
        "RLIMIT_DATA": int(memory_bytes() * _MEMORY_SHARE),
        "RLIMIT_FSIZE": _FILE_BYTES_MAX,
        "RLIMIT_NOFILE": _OPEN_FILES_MAX,
        # It counts all threads of a user, or of a user namespace.
        "RLIMIT_NPROC": threads_there() + _THREADS_MORE,
    }


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
        if len(self._line) >= _CHUNK_BYTES and b"\n" not in chunk:
            return  # Of an endless line the start is enough.
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


def _follow(
    process: subprocess.Popen[bytes], deadline: float, ear: _Ear, folder: Path, spare: frozenset[int]
) -> Overran | None:
    """Listen until the process has ended; the bound that it broke where it did so first."""
    assert process.stdout is not None
    assert process.stderr is not None
    watch = Watch(folder, spare)
    with selectors.DefaultSelector() as pipes, process.stdout as out, process.stderr as err:
        for pipe in (out, err):
            pipes.register(pipe, selectors.EVENT_READ)
        while (now := time.monotonic()) < deadline:
            trouble = watch.trouble(now)
            ended = process.poll() is not None
            ready = pipes.select(0.0 if ended or trouble else _POLL_S) if pipes.get_map() else []
            for key, _ in ready:
                chunk = os.read(key.fd, _CHUNK_BYTES)
                ear.take(chunk, error=key.fileobj is err)
                if not chunk:
                    pipes.unregister(key.fileobj)
            # After reading: what it said before it went too far may tell why.
            if trouble:
                return trouble
            # What the script started may hold the pipes open: its own end is what counts.
            if ended and not ready:
                return None
            if not ended and not pipes.get_map():
                time.sleep(_POLL_S)
            ear.tick()
    return "time"


def _stop(process: subprocess.Popen[bytes], spare: frozenset[int]) -> int:
    """Kill the script and all that it started, in whatever session; the script's exit code."""
    with contextlib.suppress(ProcessLookupError):  # All of it may be gone already.
        os.killpg(process.pid, signal.SIGKILL)
    code = process.wait()
    end_all(spare)
    return code

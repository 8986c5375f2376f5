"""An event loop whose time is a number, and simulated operating-system processes that run on it.

The loop never waits: where nothing is ready, its clock jumps to the next timer.  Every callback belongs to
the process in whose context it was made (or to none: the world's own).  So a process can be paused as by
SIGSTOP, its callbacks held back in order, or killed as by SIGKILL: not one more line of it runs, not even
what stands in a `finally`.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

_CURRENT: contextvars.ContextVar[Process | None] = contextvars.ContextVar("_CURRENT", default=None)


class Process:
    """A process: `runs` unless it is paused or dead."""

    def __init__(self, loop: VirtualLoop, name: str) -> None:
        self.name = name
        self.runs = True
        self.dead = False
        self.held: list[asyncio.Handle] = []
        self._loop = loop
        self.context = contextvars.Context()
        self.context.run(_CURRENT.set, self)

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a coroutine as the process's own."""
        return self._loop.create_task(work, context=self.context)

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """Call a function in the process, once it runs; never, where it is dead."""
        self._loop.call_soon(function, *arguments, context=self.context)

    def pause(self) -> None:
        """Stop the process where it is."""
        self.runs = False

    def resume(self) -> None:
        """Let it go on, with all that has become due in the meantime."""
        if not self.dead:
            self._release()

    def kill(self) -> None:
        """End it for good."""
        self.runs = False
        self.dead = True

    def bury(self) -> None:
        """After the end of the world: let a dead process's tasks run to their cancellation."""
        self._release()

    def _release(self) -> None:
        self.runs = True
        self._loop.give_back(self.held)
        self.held = []


class VirtualLoop(asyncio.BaseEventLoop):
    """A loop without sockets, threads or a clock; `steps` counts the timers that have fired.

    Whatever takes time in the simulated world is a timer: a message on its way to the broker or back, a
    line that a sandbox writes, a process that wakes up by itself.
    """

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0
        self._now_s = 0.0

    def time(self) -> float:
        """Seconds since the world began."""
        return self._now_s

    def give_back(self, handles: list[asyncio.Handle]) -> None:
        """Run callbacks that were held back."""
        self._ready.extend(handles)

    def _run_once(self) -> None:
        timers, ready = self._scheduled, self._ready
        while timers and timers[0]._cancelled:
            heapq.heappop(timers)._scheduled = False
        if not ready and not self._stopping:
            assert timers, "nothing will ever happen again"
            self._now_s = max(self._now_s, timers[0]._when)
        while timers and timers[0]._when <= self._now_s:
            timer = heapq.heappop(timers)
            timer._scheduled = False
            self.steps += not timer._cancelled
            ready.append(timer)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle._cancelled:
                continue
            process = handle._context.get(_CURRENT)
            if process is None or process.runs:
                handle._run()
            else:
                process.held.append(handle)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """A cancelled timer is dropped when its time comes."""

    def _write_to_self(self) -> None:
        """Nobody waits, so nobody has to be woken."""

    def _process_events(self, event_list: object) -> None:
        raise AssertionError("no sockets here")

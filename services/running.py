"""What every service's shell needs of the process: the time, and an end when a signal comes."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NoReturn

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

_BAD_SETTING: Final = 2

_log = structlog.get_logger(__name__)


def utc_now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)


async def until_stopped(work: Coroutine[Any, Any, None], *, gently: Callable[[], None] | None = None) -> None:
    """Run until the work ends or SIGTERM or SIGINT comes, which cancels it; its error is raised.

    The first SIGTERM calls `gently`, where given, and the work is to end by itself; the next signal cancels.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)

    for stop in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(stop, task.cancel)
    if gently is not None:
        loop.add_signal_handler(signal.SIGTERM, _first, loop, gently, task)
    _log.info("started")
    with contextlib.suppress(asyncio.CancelledError):
        await task
    _log.info("stopped")


def _first(loop: asyncio.AbstractEventLoop, gently: Callable[[], None], task: asyncio.Task[None]) -> None:
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    gently()


def refuse(service: str, error: Exception) -> NoReturn:
    """End the process with a line of what is wrong; trying again with the same settings will not help."""
    print(f"podium {service}: {error}", file=sys.stderr)  # noqa: T201 - a line for whoever started it
    sys.exit(_BAD_SETTING)

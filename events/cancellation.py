"""Cancellations that were lost on their way: whoever loops for ever has to look whether there was one."""

from __future__ import annotations

import asyncio


def heed_cancel() -> None:
    """Be cancelled now, where a cancellation came and was lost: for whoever catches errors in a loop.

    A client's `wait_for` may drop one (Python 3.11), and an error of its clean-up may take its place.

    Raises:
        CancelledError: this task was cancelled.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError

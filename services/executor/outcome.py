"""What an attempt's end means: from exit, last word and the reason for a stop to success or a failure.

Pure.  The order of the questions is the order of trust: what we ourselves did (a cancel, a time limit)
explains an exit better than the exit does, and an agent's own last word better than its exit code.
"""

from __future__ import annotations

import signal
from typing import Final, Literal, TypeAlias

import msgspec

from events.job import Failure
from events.progress import Failed, Succeeded
from services.executor.runtime import Exit

Cause: TypeAlias = Literal["cancelled", "executor_stopped", "time_limit", "disk_full", "lingering"]
"""Why a sandbox was stopped; ``lingering``: it had said its last word and did not end by itself."""

SUBMISSION: Final = "submission.csv"


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known when an attempt is over.

    `exit` is None and `trouble` says why where the process could not be watched to its end;
    `stderr_line` is the last line of its stderr that was not blank ("": none).
    """

    exit: Exit | None
    cause: Cause | None
    last_word: Succeeded | Failed | None
    trouble: Failure | None
    stderr_line: str
    limit_s: float
    disk_bytes_max: int


def conclude(ending: Ending) -> Succeeded | Failure:
    """Success, where the submission is still to be fetched, or the failure to report.

    A time limit is not retryable: the same work would take as long again.  A success counts whatever the
    exit code: a library that crashes while the process ends takes nothing away from the submission.
    """
    if ending.cause == "cancelled":
        return cancelled()
    if isinstance(ending.last_word, Succeeded):
        return ending.last_word
    if ending.cause == "executor_stopped":
        message = "The executor was stopped while the attempt ran."
        return Failure(reason="executor_stopped", message=message, retryable=True)
    if ending.cause == "time_limit":
        message = f"The attempt was stopped after its limit of {ending.limit_s:.0f} s."
        return Failure(reason="time_limit", message=message, retryable=False)
    if ending.cause == "disk_full":
        message = f"The attempt was stopped: it left more than {ending.disk_bytes_max} bytes on the disk."
        return Failure(reason="disk_full", message=message, retryable=False)
    if ending.last_word is not None:
        said = ending.last_word
        return Failure(reason=said.reason, message=said.message, retryable=said.retryable)
    if ending.trouble is not None:
        return ending.trouble
    assert ending.exit is not None, "an attempt that is over has an exit or a trouble"
    return _crash(ending.exit, ending.stderr_line)


def cancelled() -> Failure:
    """Somebody asked for the job to end."""
    return Failure(reason="cancelled", message="The job was cancelled.", retryable=False)


def no_submission() -> Failure:
    """The agent said that it succeeded, and left nothing to submit."""
    message = f"The agent reported success but left no {SUBMISSION}."
    return Failure(reason="no_submission", message=message, retryable=True)


def restarted() -> Failure:
    """The executor's process is new, and nobody can listen to the attempt's any more."""
    message = "The executor was restarted, and what the attempt ran in could not be taken over."
    return Failure(reason="executor_restarted", message=message, retryable=True)


def _crash(end: Exit, stderr_line: str) -> Failure:
    if end.out_of_memory:
        message = "The attempt used more memory than it may and was killed."
        return Failure(reason="out_of_memory", message=message, retryable=True)
    how = f"The agent's process ended {_spoken(end.code)} without a last word"
    said = f"; its last line was: {stderr_line}" if stderr_line else "."
    return Failure(reason="container_crashed", message=how + said, retryable=True)


def _spoken(code: int) -> str:
    """The exit in words; a shell and Docker say 128 + N for a process that signal N killed."""
    number = -code if code < 0 else code - 128
    if number in signal.valid_signals() and number > 0:
        return f"by {signal.Signals(number).name} (exit code {code})"
    return f"with exit code {code}"

"""What can go wrong for somebody at the command line: one line of what, one of what to do, an exit code.

PodiumError        1   the job failed, or the work could not be done
├── UsageError     2   the command was not one that could work
└── StackError     3   there is no stack to talk to, or it did not start
"""

from __future__ import annotations

from typing import ClassVar


class PodiumError(Exception):
    """An error that a person can act on; `hint` says how."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(PodiumError):
    """The arguments do not name something that exists or can be done."""

    exit_code = 2


class StackError(PodiumError):
    """The stack is not running, not reachable, or did not start."""

    exit_code = 3

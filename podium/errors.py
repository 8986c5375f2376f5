"""What can go wrong for somebody at the command line: one line of what, one of what to do, an exit code.

PodiumError        1   the job failed, or the work could not be done
├── UsageError     2   the command was not one that could work
│   └── GoneError  2   what it asks for was there, and is not any more
└── StackError     3   there is no stack to talk to, or it did not start
"""

from __future__ import annotations

from typing import ClassVar


class PodiumError(Exception):
    """An error that a person can act on; `hint` says how, `usual_hint` where nobody knows better."""

    exit_code: ClassVar[int] = 1
    usual_hint: ClassVar[str] = "`podium doctor` looks for what is wrong, and says how to mend it."

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint or self.usual_hint


class UsageError(PodiumError):
    """The arguments do not name something that exists or can be done."""

    exit_code = 2
    usual_hint = "`podium --help` lists the commands, `podium COMMAND --help` says what one takes."


class GoneError(UsageError):
    """What the arguments name is not there any more: an archived job's events, a file that was not kept."""


class StackError(PodiumError):
    """The stack is not running, not reachable, or did not start."""

    exit_code = 3

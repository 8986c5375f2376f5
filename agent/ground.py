"""What every step of an attempt stands on: its settings, its voice, its environment and its deadline."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from agent.report.artifacts import replace_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from agent.deadline import Deadline
    from agent.last_word import LastWord
    from agent.settings import Settings
    from agent.speech import Say

SOLUTION: Final = "solution.py"

SCRIPT_S_MIN: Final = 1.0
"""Whatever the time: a script that may run at all may run so long."""


@dataclass(frozen=True, kw_only=True)
class Ground:
    """`seconds` is filled with what each stage took; of `environment` a script gets next to nothing."""

    settings: Settings
    say: Say
    log: Callable[[str], None]
    environment: Mapping[str, str]
    deadline: Deadline
    last: LastWord
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def output(self) -> Path:
        """Where artifacts go."""
        return self.settings.output_dir

    @property
    def work(self) -> Path:
        """Where whatever else is written goes."""
        return self.settings.work_dir

    @property
    def data(self) -> Path:
        """Where the competition's files are."""
        return self.settings.data_dir or self.settings.work_dir / "data"

    def script_s(self) -> float:
        """How long a script that starts now may run: the rest is for scoring it and for the report."""
        return self.deadline.script_s(time.monotonic(), self.seconds["analysis"])

    def write_json(self, name: str, value: object) -> None:
        """Write an artifact for programs."""
        replace_file(self.output / name, as_json(value))


def as_json(value: object) -> bytes:
    """A value as JSON that a person can read too."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"

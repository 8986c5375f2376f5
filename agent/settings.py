"""What an attempt is told by its environment: the only reader of it in the agent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from agent.errors import CompetitionError

if TYPE_CHECKING:
    from collections.abc import Mapping

EGRESS_VARIABLE = "PODIUM_EGRESS_SOCKET"
"""Names the executor's socket where the agent has no network but by it."""

BUDGET_S_MIN = 20.0
"""Below this not even the libraries' imports and one small model fit."""

_SUBMIT_S_MAX = 60.0
_SUBMIT_SHARE = 0.15


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt: what to solve, where its files are, where results go, and what it may use.

    `data_dir` is None where the files must be fetched from Kaggle first; `cpus` is None where all may be
    used.  `submit_as` describes the submission to Kaggle, which is made where it is given.
    """

    competition: str
    data_dir: Path | None
    output_dir: Path
    work_dir: Path
    budget_s: float
    cpus: int | None
    seed: int
    submit_as: str | None = None

    @property
    def submit_s(self) -> float:
        """What is kept back of the budget for submitting to Kaggle and its score."""
        return min(_SUBMIT_S_MAX, _SUBMIT_SHARE * self.budget_s) if self.submit_as else 0.0


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings in PODIUM_* variables; an empty variable counts as unset.

    Raises CompetitionError (settings_invalid) where a needed one is absent or a number is none.
    """
    given = {name: value for name, value in environment.items() if value.strip()}
    competition, output, work = (
        _needed(given, name) for name in ("PODIUM_COMPETITION", "PODIUM_OUTPUT_DIR", "PODIUM_WORK_DIR")
    )
    cpus = _number(given, "PODIUM_CPUS", 0.0, at_least=0.0)
    return Settings(
        competition=competition,
        data_dir=Path(given["PODIUM_DATA_DIR"]) if "PODIUM_DATA_DIR" in given else None,
        output_dir=Path(output),
        work_dir=Path(work),
        budget_s=_number(given, "PODIUM_BUDGET_S", 1800.0, at_least=BUDGET_S_MIN),
        # A share of a processor still needs one thread.
        cpus=max(1, int(cpus)) if cpus else None,
        seed=int(_number(given, "PODIUM_SEED", 0.0, at_least=0.0)),
        submit_as=given.get("PODIUM_SUBMIT_AS"),
    )


def _needed(given: Mapping[str, str], name: str) -> str:
    if name not in given:
        raise CompetitionError("settings_invalid", f"{name} is not set.")
    return given[name]


def _number(given: Mapping[str, str], name: str, default: float, *, at_least: float) -> float:
    try:
        number = float(given.get(name, default))
    except ValueError:
        number = float("nan")
    if not at_least <= number < float("inf"):
        raise CompetitionError(
            "settings_invalid", f"{name} must be a number of at least {at_least:g}, not {given[name]!r}."
        )
    return number

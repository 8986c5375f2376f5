"""Runs solution.py within the time that is left, and takes from what it leaves only what holds up."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final

import msgspec
import polars as pl

from agent import child
from agent.errors import CompetitionError
from agent.scratch import scratch_for
from agent.training.outputs import (
    OutputError,
    constant_out_of_fold,
    evaluate,
    read_importance,
    read_out_of_fold,
)
from agent.training.submission import check
from agent.zone import place_here
from events.progress import ModelEvaluated

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from agent.analysis.truth import Known
    from agent.brief import Brief
    from agent.planning.plan import Plan
    from agent.speech import Progress

_PROGRESS_LINE: Final = re.compile(r"\[\s*(\d{1,3})%\] (.+)")
_SAID_EVERY_S: Final = 0.2
"""A script may print as fast as it likes; the log of record gets at most five lines a second."""

_FEATURES_SHOWN: Final = 20

QUICK: Final = "quick"
"""The name of a script's first look."""

_OVERRUN: Final = {
    "time": "its time ran out",
    "disk": "it wrote more files, or more into them, than it may",
    "processes": "it started more processes than it may",
    "memory": "it used more memory than it may",
}


class Trained(msgspec.Struct, frozen=True, kw_only=True):
    """What a script is worth: a valid submission, and its predictions scored by the agent.

    `evaluations` ends with that of the submitted predictions.  `out_of_fold` is that table;
    `importance` the columns gained from most; `network_cut` whether the script had no network, None where
    no script's result was taken; `remarks` what a person should know of the run.
    """

    evaluations: tuple[ModelEvaluated, ...]
    out_of_fold: pl.DataFrame
    importance: tuple[tuple[str, float], ...]
    network_cut: bool | None
    remarks: tuple[str, ...]


class TrainingError(Exception):
    """The script left nothing to submit; the message says why, `error_tail` what it wrote to stderr last."""

    def __init__(self, message: str, error_tail: str) -> None:
        super().__init__(message)
        self.error_tail = error_tail


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What a run of a script may use: it is told `seconds`, and killed when they are over."""

    seconds: float
    threads: int


def run_solution(
    script: Path,
    data_dir: Path,
    output_dir: Path,
    *,
    bounds: Bounds,
    environment: Mapping[str, str],
    progress: Progress,
    log: Callable[[str], None],
    readable: Sequence[Path] = (),
) -> child.Ended:
    """Run a script on the files in `data_dir`; the plain files that it leaves are then in `output_dir`.

    It may read `readable` too: where links in `data_dir` lead.  Its lines of the form `[ 35%] words` become
    `progress`, all others go to `log`; both are cleaned.
    """
    ear = _Listener(progress, log)
    place = place_here(environment)
    if place.trouble:
        log(place.trouble)
    with scratch_for(output_dir) as folder:
        return child.run(
            [
                *(str(script), "--data", str(data_dir.resolve()), "--output", str(folder)),
                *("--seconds", f"{bounds.seconds:.1f}"),
            ],
            folder=folder,
            environment=child.bare_environment(environment, bounds.threads),
            bwrap=place.bwrap,
            timeout_s=bounds.seconds,
            hear=ear.hear,
            readable=(data_dir.absolute(), *readable),
        )


class _Listener:
    """Turns a script's lines into progress, in moderation."""

    def __init__(self, progress: Progress, log: Callable[[str], None]) -> None:
        self._progress = progress
        self._log = log
        self._fraction = 0.0
        self._words = "starting solution.py"
        self._since = self._said = time.monotonic()

    def hear(self, line: str | None) -> None:
        now = time.monotonic()
        if line is None:
            self._progress(self._fraction, f"{self._words} ({now - self._since:.0f} s)")
            return
        found = _PROGRESS_LINE.fullmatch(line)
        if found is None:
            self._log(line)
            return
        self._fraction, self._words, self._since = min(100, int(found[1])) / 100, found[2], now
        if now - self._said > _SAID_EVERY_S:
            self._progress(self._fraction, self._words)
            self._said = now


def take_results(
    output_dir: Path, ended: child.Ended, *, known: Known, brief: Brief, plan: Plan, until: float
) -> Trained:
    """Judge what a script left: its submission by the sample, its out-of-fold predictions by the truth.

    A script whose time ran out may have left a whole result of its first models, or of its quick first
    look: that is taken.  What is submitted is scored first; its parts only until `until`
    (`time.monotonic()`).

    Raises TrainingError where there is no valid submission or its predictions cannot be scored.
    """
    problems = check(output_dir / "submission.csv", known.sample, brief)
    if problems:
        raise TrainingError(f"The script failed ({ending(ended)}): {problems[0]}", ended.error_tail)
    left = [member for member in plan.members if (output_dir / f"oof_{member.lower()}.csv").exists()]
    try:
        chosen = read_out_of_fold(output_dir / "oof.csv", brief)
        name = _name_of(chosen, output_dir, left, brief)
        submitted = evaluate(name, chosen, known.truth, brief)
        parts = []
        for member in left:
            if member != name and time.monotonic() < until:
                table = read_out_of_fold(output_dir / f"oof_{member.lower()}.csv", brief)
                parts.append(evaluate(member, table, known.truth, brief))
    except OutputError as error:
        raise TrainingError(str(error), ended.error_tail) from error
    whole = ended.exit_code == 0 and not ended.timed_out
    remarks = (
        [] if whole else [f"The script did not end well ({ending(ended)}); what it had written is used."]
    )
    if name == QUICK:
        remarks.append("The answer is that of a first look: one small model, judged on a part of the rows.")
    missing = [member for member in plan.members if member not in left]
    if missing:
        remarks.append(f"There was no time for {', '.join(missing)}.")
    return Trained(
        evaluations=(*parts, submitted),
        out_of_fold=chosen,
        importance=read_importance(output_dir / "importance.csv", _FEATURES_SHOWN),
        network_cut=ended.network_cut,
        remarks=tuple(remarks),
    )


def _name_of(chosen: pl.DataFrame, output_dir: Path, left: Sequence[str], brief: Brief) -> str:
    """What to call the submitted predictions: by the file that they are also in, else a blend.

    Raises OutputError where that file is not what it must be.
    """
    for name in (QUICK, *left) if len(left) < 2 else (QUICK,):
        path = output_dir / f"oof_{name.lower()}.csv"
        if path.exists() and read_out_of_fold(path, brief).equals(chosen):
            return name
    return "blend"


def take_constant(answer: pl.DataFrame, known: Known, brief: Brief, why: str) -> Trained:
    """What is left where every script failed: the constant submission, scored like any other.

    `answer` is that submission as text.  Raises CompetitionError (training_failed) where not even that
    can be scored.
    """
    table = constant_out_of_fold(answer, brief).filter(
        ~known.truth.select(pl.any_horizontal(pl.all().is_null())).to_series()
    )
    try:
        evaluation = evaluate("constant", table, known.truth, brief)
    except OutputError as error:
        raise CompetitionError("training_failed", f"{why} {error}", retryable=True) from error
    remark = f"Every script failed, so each row is answered alike: no model was learnt. {why}"
    return Trained(
        evaluations=(evaluation,), out_of_fold=table, importance=(), network_cut=None, remarks=(remark,)
    )


def ending(ended: child.Ended) -> str:
    """How a script ended, in words."""
    if ended.overran is not None:
        return _OVERRUN[ended.overran]
    if ended.exit_code < 0:
        return f"ended by signal {-ended.exit_code}"
    return f"exit code {ended.exit_code}"

"""Puts what an attempt has so far into its output folder: all of it together, so that it is always true."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from agent.errors import CompetitionError
from agent.ground import as_json
from agent.planning.claude_call import Spent
from agent.planning.plan import Plan
from agent.report.artifacts import ARTIFACTS, checks_of, metrics_of, replace_files
from agent.report.page import Outcome, write_report
from agent.search.tree import Tree
from agent.training.script import Trained
from agent.training.submission import check
from events.progress import Succeeded

if TYPE_CHECKING:
    from agent.analysis.truth import Known
    from agent.brief import Brief
    from agent.ground import Ground
    from events.progress import ModelEvaluated


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be submitted, with all that tells of it.

    `scripts` are the files that made it, by name: solution.py, and what it runs.  `search` says what became
    of the search for a better one, in a sentence; "" where there was to be none.
    """

    trained: Trained
    plan: Plan
    submission: bytes
    scripts: dict[str, bytes]
    attempts: Tree = ()
    search: str = ""
    spent: Spent | None = None


class Desk:
    """Writes results for one competition, each in place of the one before."""

    def __init__(self, ground: Ground, brief: Brief, known: Known) -> None:
        self._ground = ground
        self._brief = brief
        self._known = known
        self._told: set[str] = set()
        self._scripts: set[str] = set()
        self._left: tuple[str, ...] = ()

    def tell(self, evaluation: ModelEvaluated) -> None:
        """Say a score, unless that of the same model was said."""
        if evaluation.model not in self._told:
            self._told.add(evaluation.model)
            self._ground.say(evaluation)

    def place(self, result: Result) -> None:
        """Make the output folder hold this result, and keep it as the best so far.

        Raises CompetitionError (submission_invalid), with the folder as it was, where it cannot be submitted.
        """
        draft = self._ground.work / "submission.csv"
        draft.write_bytes(result.submission)
        problems = check(draft, self._known.sample, self._brief)
        if problems:
            message = f"No valid submission: {problems[0]}"
            raise CompetitionError("submission_invalid", message, retryable=True)
        files = {
            "submission.csv": result.submission,
            **result.scripts,
            "oof.csv": result.trained.out_of_fold.write_csv().encode(),
            "plan.json": as_json(result.plan),
            **self._told_in(result, self._outcome(result)),
        }
        stale = (self._scripts | {"solution.py"}) - result.scripts.keys()
        names = dict.fromkeys((*ARTIFACTS, *sorted(result.scripts)))
        left = tuple(name for name in names if name not in stale)
        self._ground.last.keep(
            self.succeeded(result.trained.evaluations[-1], left),
            partial(replace_files, self._ground.output, files, stale),
        )
        self._left, self._scripts = left, set(result.scripts)

    def close(self, result: Result, import_s: float) -> tuple[Outcome, Succeeded]:
        """Write the report of the result in place once more, with all that came after, and what to say.

        With its pictures, where there is time for them: `import_s` is what the library that scores took to
        be imported.
        """
        outcome = self._outcome(result)
        replace_files(self._ground.output, self._told_in(result, outcome), ())
        if self._ground.deadline.has_time_for_plots(time.monotonic(), import_s):
            plots = _plots(self._brief, self._known, result.trained)
            outcome = msgspec.structs.replace(outcome, plots=plots)
            replace_files(self._ground.output, self._told_in(result, outcome), ())
        return outcome, self.succeeded(outcome.submitted, self._left)

    def succeeded(self, submitted: ModelEvaluated, left: tuple[str, ...]) -> Succeeded:
        """What to say where `submitted` lies in the output folder, among the files `left`."""
        return Succeeded(
            competition=self._ground.settings.competition,
            task=self._brief.task,
            metric=self._brief.metric.name,
            maximize=self._brief.metric.maximize,
            score=submitted.score,
            fold_scores=submitted.fold_scores,
            artifacts=left,
        )

    def _told_in(self, result: Result, outcome: Outcome) -> dict[str, bytes]:
        """The files that tell of a result: one for programs, one for a person."""
        return {
            "metrics.json": as_json(metrics_of(outcome)),
            "report.html": write_report(self._brief, result.plan, outcome).encode(),
        }

    def _outcome(self, result: Result) -> Outcome:
        ground, trained = self._ground, result.trained
        left_s = ground.deadline.left_s(time.monotonic())
        spent_s = ground.deadline.budget_s - left_s - sum(ground.seconds.values())
        return Outcome(
            evaluations=trained.evaluations,
            warnings=trained.remarks,
            checks=checks_of(self._brief, trained, result.attempts),
            plots={},
            seconds=ground.seconds | {"training": spent_s},
            attempts=result.attempts,
            search=result.search,
            spent=result.spent,
        )


def _plots(brief: Brief, known: Known, trained: Trained) -> dict[str, str]:
    """The report's pictures, by their titles."""
    from agent.report.plots import importance_plot, prediction_plot  # noqa: PLC0415 - matplotlib

    predictions = prediction_plot(trained.out_of_fold, known.truth, brief)
    plots = {"Predictions": predictions} if predictions else {}
    if trained.importance:
        plots["What the templates' models gained from"] = importance_plot(trained.importance)
    return plots

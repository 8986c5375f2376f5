"""The four stages of an attempt, in order: analysis, planning, codegen, training.

Libraries that are slow to import are imported by the stage that needs them: the first message is out
before any of them is touched.
"""

from __future__ import annotations

import os
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from agent.errors import CompetitionError
from agent.last_word import TOO_LATE
from agent.memory import memory_bytes
from agent.report.artifacts import ARTIFACTS, checks_of, metrics_of, replace_file, summary_of
from agent.speech import stage
from events.progress import Failed, Succeeded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from agent.analysis.truth import Known
    from agent.brief import Brief
    from agent.deadline import Deadline
    from agent.last_word import LastWord
    from agent.planning.plan import Plan
    from agent.report.page import Outcome
    from agent.settings import Settings
    from agent.speech import Narrator, Progress, Say
    from agent.training.script import Trained
    from events.progress import ModelEvaluated

_REPAIR_S_MIN = 8.0
"""With less time left a second, simpler script is not worth starting."""

_SCRIPT_S_MIN = 1.0


def solve(
    settings: Settings,
    say: Say,
    *,
    fetch: Callable[[Path, Progress], str | None],
    environment: Mapping[str, str],
    log: Callable[[str], None],
    deadline: Deadline,
    last: LastWord,
) -> int:
    """Solve a competition, saying all the way what happens; 0 after Succeeded, 1 after Failed.

    It means to be done before the `deadline`, and keeps what is best so far in `last` for whoever watches.

    `fetch` is called where the settings name no folder of files: it brings them into a folder, and gives
    Kaggle's words for the metric, None where it has none; it may raise CompetitionError.  Of `environment`
    a script gets what a program needs to start, and nothing else.  Artifacts land in the output folder.
    """
    attempt = Attempt(
        settings, say, fetch=fetch, environment=environment, log=log, deadline=deadline, last=last
    )
    try:
        last.say(attempt.run())
    except CompetitionError as error:
        log(f"Failed: {error}")
        last.say(Failed(reason=error.reason, message=error.message, retryable=error.retryable))
        return 1
    return 0


class Attempt:
    """One attempt, from its settings to its artifacts."""

    def __init__(
        self,
        settings: Settings,
        say: Say,
        *,
        fetch: Callable[[Path, Progress], str | None],
        environment: Mapping[str, str],
        log: Callable[[str], None],
        deadline: Deadline,
        last: LastWord,
    ) -> None:
        self._settings = settings
        self._say = say
        self._fetch = fetch
        self._environment = environment
        self._log = log
        self._seconds: dict[str, float] = {}
        self._deadline = deadline
        self._last = last
        self._beside_s = 0.0
        self._output = settings.output_dir
        self._data = settings.data_dir or settings.work_dir / "data"

    def run(self) -> Succeeded:
        """All stages.  Raises CompetitionError where the competition cannot be solved."""
        for folder in (self._output, self._settings.work_dir):
            folder.mkdir(parents=True, exist_ok=True)
        with stage("analysis", self._say, self._seconds) as progress:
            brief, known = self._analyse(progress)
        with stage("planning", self._say, self._seconds) as progress:
            brief, plan = self._plan(brief, known, progress)
        with stage("codegen", self._say, self._seconds) as progress:
            self._write_solution(brief, plan, progress)
        with stage("training", self._say, self._seconds) as progress:
            trained = self._train(brief, plan, known, progress)
            outcome = self._report(brief, plan, known, trained, progress)
            progress.summary = summary_of(outcome)
        return self._succeeded(brief, outcome.submitted)

    def _succeeded(self, brief: Brief, submitted: ModelEvaluated) -> Succeeded:
        """What to say at the end where `submitted` is what lies in the output folder."""
        return Succeeded(
            competition=self._settings.competition,
            task=brief.task,
            metric=brief.metric.name,
            maximize=brief.metric.maximize,
            score=submitted.score,
            fold_scores=submitted.fold_scores,
            artifacts=tuple(name for name in ARTIFACTS if (self._output / name).exists()),
        )

    def _analyse(self, progress: Narrator) -> tuple[Brief, Known]:
        """The brief and what is known; from here on a valid, if constant, submission lies ready."""
        progress(0.01, "Looking at the files.")
        metric = None
        if self._settings.data_dir is None:
            metric = self._fetch(self._data, progress.part(0.0, 0.6))
        from agent.analysis.competition import analyse  # noqa: PLC0415 - polars and scikit-learn, after the first words
        from agent.analysis.truth import read_known  # noqa: PLC0415
        from agent.training.submission import write_constant  # noqa: PLC0415

        brief = analyse(
            self._data,
            self._settings.competition,
            evaluation_metric=metric,
            progress=progress.part(0.6 if metric else 0.02, 0.95),
        )
        self._write_json("brief.json", brief)
        known = read_known(self._data, brief)
        self._constant = write_constant(
            self._output / "submission.csv", sample=known.sample, truth=known.truth_text, brief=brief
        )
        progress(1.0, "A constant submission stands in until there is a better one.")
        progress.summary = (
            f"{brief.task} of {', '.join(target.submission_column for target in brief.targets)}, "
            f"scored by {brief.metric.name}; {brief.train.rows} rows to learn from, "
            f"{brief.test.rows} to predict."
        )
        return brief, known

    def _plan(self, brief: Brief, known: Known, progress: Narrator) -> tuple[Brief, Plan]:
        """The plan, and the brief that it is for: an advice may have dropped columns."""
        from agent.analysis.files import find_files  # noqa: PLC0415
        from agent.planning.advised import plan_with_advice  # noqa: PLC0415
        from agent.planning.claude import claude_settings  # noqa: PLC0415
        from agent.planning.plan import Means  # noqa: PLC0415

        means = Means(
            seconds=max(_SCRIPT_S_MIN, self._script_s()),
            threads=self._settings.cpus or os.cpu_count() or 1,
            memory_bytes=memory_bytes(),
            seed=self._settings.seed,
        )
        claude = claude_settings(self._environment)
        if claude:
            progress(0.1, f"Asking {claude.model} for advice.")
        brief, plan = plan_with_advice(
            brief,
            means,
            target_min=known.least,
            description=(find_files(self._data).description or "") if claude else "",
            claude=claude,
            say=self._say,
        )
        self._write_json("brief.json", brief)
        self._write_json("plan.json", plan)
        progress(1.0, plan.reasons.get("advice", plan.reasons["decide"]))
        progress.summary = (
            f"{' and '.join(plan.members)} over {plan.folds} folds ({brief.validation.scheme}), "
            f"at most {plan.seconds:.0f} s."
        )
        return brief, plan

    def _write_solution(self, brief: Brief, plan: Plan, progress: Narrator) -> None:
        from agent.codegen.solution import write_solution  # noqa: PLC0415

        progress(0.2, "Writing solution.py.")
        text = write_solution(brief, plan)
        (self._output / "solution.py").write_text(text, encoding="utf-8")
        progress(1.0, "solution.py compiles.")
        progress.summary = f"solution.py, {text.count(chr(10))} lines, made of what the plan needs."

    def _train(self, brief: Brief, plan: Plan, known: Known, progress: Narrator) -> Trained:
        """The best that can be had: the planned script's results, a simpler one's, or the constant."""
        from agent.training.script import TrainingError, take_constant  # noqa: PLC0415

        try:
            return self._run_script("first", brief, plan, known, progress.part(0.0, 0.9))
        except TrainingError as error:
            first = str(error)
            self._log(f"{error}\n{error.error_tail}")
        if self._script_s() > _REPAIR_S_MIN:
            try:
                return self._repair(brief, plan, known, progress, first)
            except TrainingError as error:
                self._log(f"{error}\n{error.error_tail}")
        progress(0.9, "No script left a valid submission: the constant one stays.")
        return take_constant(self._constant, known, brief, first)

    def _repair(self, brief: Brief, plan: Plan, known: Known, progress: Narrator, first: str) -> Trained:
        """Once more with a plan that has less in it that could fail."""
        from agent.planning.plan import safer  # noqa: PLC0415

        progress(0.5, f"Trying again with a simpler solution: {first}")
        simple = safer(plan, self._script_s())
        self._write_json("plan.json", simple)
        self._write_solution(brief, simple, progress)
        trained = self._run_script("second", brief, simple, known, progress.part(0.5, 0.9))
        remark = f"The first script failed, this is a simpler one. {first}"
        return msgspec.structs.replace(trained, remarks=(remark, *trained.remarks))

    def _run_script(
        self,
        name: str,
        brief: Brief,
        plan: Plan,
        known: Known,
        progress: Progress,
    ) -> Trained:
        """Run solution.py in a folder of its own, judge what it left, and keep it if it is good."""
        from agent.training.script import Bounds, run_solution, take_results  # noqa: PLC0415

        folder = self._settings.work_dir / name
        folder.mkdir(parents=True, exist_ok=True)
        bounds = Bounds(seconds=max(_SCRIPT_S_MIN, self._script_s()), threads=plan.threads)
        # Scoring has a slow library of its own: it is imported while the script learns.
        beside = threading.Thread(target=self._score_constant, args=(brief, known), daemon=True)
        beside.start()
        ended = run_solution(
            (self._output / "solution.py").resolve(),
            self._data,
            folder,
            bounds=bounds,
            environment=self._environment,
            progress=progress,
            log=self._log,
        )
        beside.join()
        # Of the time that is left half goes into scores that nobody waits for, the rest into the report.
        until = time.monotonic() + 0.5 * self._deadline.left_s(time.monotonic())
        trained = take_results(folder, ended, known=known, brief=brief, plan=plan, until=until)
        content = (folder / "submission.csv").read_bytes()
        self._last.keep(
            self._succeeded(brief, trained.evaluations[-1]),
            partial(replace_file, self._output / "submission.csv", content),
        )
        return trained

    def _score_constant(self, brief: Brief, known: Known) -> None:
        """Keep the constant submission as the best so far, where it has a score and nothing is better."""
        from agent.training.script import take_constant  # noqa: PLC0415

        started = time.monotonic()
        try:
            trained = take_constant(self._constant, known, brief, TOO_LATE.message)
        except CompetitionError as error:
            self._log(f"The constant has no score: {error.message}")
        else:
            self._last.offer(self._succeeded(brief, trained.evaluations[-1]))
        self._beside_s = time.monotonic() - started

    def _report(
        self, brief: Brief, plan: Plan, known: Known, trained: Trained, progress: Narrator
    ) -> Outcome:
        """Say the scores, and write metrics.json, oof.csv and report.html."""
        from agent.report.page import Outcome, write_report  # noqa: PLC0415
        from agent.training.submission import check  # noqa: PLC0415

        for evaluation in trained.evaluations:
            self._say(evaluation)
        progress(0.95, "Writing the report.")
        problems = check(self._output / "submission.csv", known.sample, brief)
        if problems:
            raise CompetitionError(
                "submission_invalid", f"No valid submission: {problems[0]}", retryable=True
            )
        trained.out_of_fold.write_csv(self._output / "oof.csv")
        now = time.monotonic()
        spent = self._deadline.budget_s - self._deadline.left_s(now) - sum(self._seconds.values())
        outcome = Outcome(
            evaluations=trained.evaluations,
            warnings=trained.remarks,
            checks=checks_of(brief, trained),
            plots={},
            seconds=self._seconds | {"training": spent},
        )
        self._write_json("metrics.json", metrics_of(outcome))
        report = self._output / "report.html"
        replace_file(report, write_report(brief, plan, outcome).encode())
        # All is there now; the pictures are for those who have time.
        self._last.keep(self._succeeded(brief, outcome.submitted), lambda: None)
        if self._deadline.has_time_for_plots(time.monotonic(), self._beside_s):
            outcome = msgspec.structs.replace(outcome, plots=_plots(brief, known, trained))
            replace_file(report, write_report(brief, plan, outcome).encode())
        return outcome

    def _script_s(self) -> float:
        return self._deadline.script_s(time.monotonic(), self._seconds["analysis"])

    def _write_json(self, name: str, value: object) -> None:
        replace_file(self._output / name, msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")


def _plots(brief: Brief, known: Known, trained: Trained) -> dict[str, str]:
    """The report's pictures, by their titles."""
    from agent.report.plots import importance_plot, prediction_plot  # noqa: PLC0415 - matplotlib

    predictions = prediction_plot(trained.out_of_fold, known.truth, brief)
    plots = {"Predictions": predictions} if predictions else {}
    if trained.importance:
        plots["What the models gained from"] = importance_plot(trained.importance)
    return plots

"""The templates' part of an attempt: their solution.py run and judged, a simpler one, or the constant."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from msgspec import structs

from agent.errors import CompetitionError
from agent.ground import SCRIPT_S_MIN, SOLUTION
from agent.last_word import TOO_LATE
from agent.report.desk import Result
from events.progress import ModelEvaluated

if TYPE_CHECKING:
    import polars as pl

    from agent.analysis.truth import Known
    from agent.brief import Brief
    from agent.ground import Ground
    from agent.planning.plan import Plan
    from agent.report.desk import Desk
    from agent.speech import Progress

_REPAIR_S_MIN: Final = 8.0
"""With less time left a second, simpler script is not worth starting."""


class Templates:
    """Trains what the templates make of a plan.

    `constant` is the submission that answers every row alike; `share` the part of the time for scripts that
    may be used.  `import_s` is, after the first run, what the library that scores took to be imported.
    """

    def __init__(
        self, ground: Ground, brief: Brief, known: Known, *, constant: pl.DataFrame, desk: Desk, share: float
    ) -> None:
        self.import_s = 0.0
        self._ground = ground
        self._brief = brief
        self._known = known
        self._constant = constant
        self._desk = desk
        self._share = share

    def train(self, plan: Plan, progress: Progress) -> Result:
        """The best that can be had: what solution.py leaves, a simpler one, or the constant."""
        from agent.planning.plan import safer  # noqa: PLC0415
        from agent.training.script import TrainingError, take_constant  # noqa: PLC0415

        log = self._ground.log
        try:
            return self._run("first", plan, progress)
        except TrainingError as error:
            first = str(error)
            log(f"{error}\n{error.error_tail}")
        if self._seconds() > _REPAIR_S_MIN:
            progress(0.5, f"Trying again with a simpler solution: {first}")
            try:
                result = self._run("second", self._write(safer(plan, self._seconds())), progress)
            except TrainingError as error:
                log(f"{error}\n{error.error_tail}")
            else:
                remark = f"The first script failed, this is a simpler one. {first}"
                remarks = (remark, *result.trained.remarks)
                return structs.replace(result, trained=structs.replace(result.trained, remarks=remarks))
        progress(0.9, "No script left a valid submission: the constant one stays.")
        trained = take_constant(self._constant, self._known, self._brief, first)
        content = self._constant.write_csv().encode()
        return Result(trained=trained, plan=plan, submission=content, scripts={})

    def _write(self, plan: Plan) -> Plan:
        from agent.codegen.solution import write_solution  # noqa: PLC0415

        text = write_solution(self._brief, plan)
        (self._ground.output / SOLUTION).write_text(text, encoding="utf-8")
        return plan

    def _run(self, name: str, plan: Plan, progress: Progress) -> Result:
        """Run solution.py in a folder of its own and judge what it left.  Raises TrainingError."""
        from agent.training.script import Bounds, run_solution, take_results  # noqa: PLC0415

        ground = self._ground
        folder = ground.work / name
        folder.mkdir(parents=True, exist_ok=True)
        # Scoring has a slow library of its own: it is imported while the script learns.
        beside = threading.Thread(target=self._score_constant, daemon=True)
        beside.start()
        ended = run_solution(
            (ground.output / SOLUTION).resolve(),
            ground.data,
            folder,
            bounds=Bounds(seconds=max(SCRIPT_S_MIN, self._seconds()), threads=plan.threads),
            environment=ground.environment,
            progress=progress,
            log=ground.log,
        )
        beside.join()
        # Of the time that is left half goes into scores that nobody waits for, the rest into the report.
        until = time.monotonic() + 0.5 * ground.deadline.left_s(time.monotonic())
        trained = take_results(folder, ended, known=self._known, brief=self._brief, plan=plan, until=until)
        return Result(
            trained=trained,
            plan=plan,
            submission=(folder / "submission.csv").read_bytes(),
            scripts={SOLUTION: (ground.output / SOLUTION).read_bytes()},
        )

    def _seconds(self) -> float:
        return self._share * self._ground.script_s()

    def _score_constant(self) -> None:
        """Keep the constant submission as the best so far, where it has a score and nothing is better."""
        from agent.training.constant import constant_score  # noqa: PLC0415
        from agent.training.script import take_constant  # noqa: PLC0415

        started = time.monotonic()
        plain = constant_score(self._constant, self._known.truth, self._brief)
        if plain is not None:
            metric = self._brief.metric
            told = ModelEvaluated(
                model="constant",
                metric=metric.name,
                maximize=metric.maximize,
                score=plain,
                fold_scores=(plain,),
            )
            left = ("submission.csv", "brief.json")
            self._ground.last.offer(self._desk.succeeded(told, left))
        try:
            trained = take_constant(self._constant, self._known, self._brief, TOO_LATE.message)
        except CompetitionError as error:
            self._ground.log(f"The constant has no score: {error.message}")
        else:
            left = ("submission.csv", "brief.json")
            self._ground.last.offer(self._desk.succeeded(trained.evaluations[-1], left))
        self.import_s = max(self.import_s, time.monotonic() - started)

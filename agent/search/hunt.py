"""Puts a search together from what an attempt has, and hands what it finds to the desk."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import polars as pl
from msgspec import structs

from agent.analysis.files import find_files
from agent.analysis.tables import scan
from agent.search.folds import folds_of
from agent.search.judging import Judge
from agent.search.outcome import evaluation_of, result_of
from agent.search.prompts import context
from agent.search.running import Place
from agent.search.search import Found, Search
from agent.search.standing import Member, alone
from agent.search.tree import Attempt
from agent.search.views import Views
from agent.search.writing import Writer
from agent.training.script import QUICK

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.analysis.truth import Known
    from agent.brief import Brief
    from agent.ground import Ground
    from agent.planning.claude_call import Claude
    from agent.planning.plan import Plan
    from agent.report.desk import Desk, Result
    from agent.search.limits import Limits
    from agent.speech import Progress

_FOLDS_MIN: Final = 2
_HEAD_ROWS: Final = 5
_REFUSAL_S: Final = 6.0
"""A server that refuses a key says so at once: then the templates need not share the time."""


class Hunt:
    """The search of one attempt, from the first question, asked while the templates train, to its result."""

    def __init__(
        self,
        ground: Ground,
        brief: Brief,
        known: Known,
        plan: Plan,
        *,
        claude: Claude,
        limits: Limits,
        desk: Desk,
    ) -> None:
        self._ground = ground
        self._brief = brief
        self._known = known
        self._plan = plan
        self._claude = claude
        self._limits = limits
        self._desk = desk
        self._work = ground.work.resolve() / "search"
        self._views = Views(ground.data.resolve(), self._work, brief, known.sample)
        about = context(
            brief, find_files(ground.data).description or "", self._heads(), self._views.other_names
        )
        self._writer = Writer(claude, about, limits)
        self._templates = Attempt(
            number=0,
            kind="templates",
            state="accepted",
            idea=f"{', '.join(plan.members)}, mixed, on {', '.join((*plan.steps, *plan.encoders))}",
            verdict="Being trained.",
        )

    def begin(self) -> str | None:
        """Have the first draft written from now on; why there will be none, where that shows at once."""
        left_s = self._ground.script_s()
        self._writer.begin((self._templates,), left_s, self._ground.log)
        return self._writer.refused_at_once(_REFUSAL_S)

    def run(self, start: Result, seconds: float, progress: Progress) -> Result:
        """The best result that a search finds, and that is in place already; `start` where it finds none.

        `seconds` is what the templates took.
        """
        trained = start.trained
        submitted = trained.evaluations[-1]
        table = trained.out_of_fold
        if submitted.model in {QUICK, "constant"} or table["fold"].n_unique() < _FOLDS_MIN:
            why = "Scripts of a model's were not judged: the templates left no predictions of whole folds."
            self._writer.finish(self._ground.script_s())
            return structs.replace(start, search=why, spent=self._claude.spent)
        templates = structs.replace(
            self._templates,
            verdict="What is to be beaten.",
            score=submitted.score,
            fold_scores=submitted.fold_scores,
            seconds=seconds,
        )
        until = time.monotonic() + self._ground.script_s()

        def left_s() -> float:
            return until - time.monotonic()

        found = Search(
            self._brief,
            self._known.truth,
            writer=self._writer,
            judge=self._judge(table, left_s),
            limits=self._limits,
            seed=self._plan.seed,
            left_s=left_s,
            progress=progress,
            keep=lambda found: self._keep(start, found),
            log=self._ground.log,
        ).run(templates, alone(self._member(start), self._known.truth, self._brief))
        self._writer.finish(left_s())
        return result_of(start, found, self._brief, self._claude)

    def _judge(self, table: pl.DataFrame, left_s: Callable[[], float]) -> Judge:
        ground = self._ground
        return Judge(
            self._brief,
            self._views,
            Place(
                work_dir=self._work,
                environment=ground.environment,
                threads=self._plan.threads,
                log=ground.log,
            ),
            folds=folds_of(table, self._brief, lambda name: self._views.columns([name]).to_series()),
            sample_rows=self._limits.sample_rows,
            seed=self._plan.seed,
            left_s=left_s,
        )

    def _heads(self) -> dict[str, pl.DataFrame]:
        """The first rows of the three tables."""
        brief = self._brief
        return {
            table.path: scan(self._ground.data, table).head(_HEAD_ROWS).collect()
            for table in (brief.train, brief.test, brief.sample)
        }

    def _member(self, start: Result) -> Member:
        """The templates' result as a member."""
        return Member(
            number=0,
            name="templates",
            script=start.scripts["solution.py"].decode(),
            out_of_fold=start.trained.out_of_fold,
            submission=pl.read_csv(start.submission, infer_schema=False),
        )

    def _keep(self, start: Result, found: Found) -> None:
        """Put a better standing in place of what is there, and say the new score."""
        self._desk.place(result_of(start, found, self._brief, self._claude))
        self._desk.tell(evaluation_of(found.standing, self._brief))

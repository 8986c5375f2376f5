"""The search: ask, judge, keep what gains more than chance, until time, money or ideas run out.

Whatever the model, its scripts or this code do, what stood before stands: nothing is raised past `run`.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import msgspec
from msgspec import structs

from agent.search.policy import Draft, Improve, Repair, Stop, next_step, runs_within
from agent.search.running import RunError
from agent.search.standing import Member, Standing, alone, offer
from agent.search.tree import Attempt, Kind, Tree
from agent.training.outputs import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from agent.brief import Brief
    from agent.search.judging import Judge
    from agent.search.limits import Limits
    from agent.search.writing import Writer
    from agent.speech import Progress


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a search left: the tree, what is to be submitted, and why nothing more was tried."""

    tree: Tree
    standing: Standing
    why_ended: str


class Search:
    """One search for one competition.

    `keep` is handed each better standing as soon as there is one, with its members' submissions.
    """

    def __init__(
        self,
        brief: Brief,
        truth: pl.DataFrame,
        *,
        writer: Writer,
        judge: Judge,
        limits: Limits,
        seed: int,
        left_s: Callable[[], float],
        progress: Progress,
        keep: Callable[[Found], None],
        log: Callable[[str], None],
    ) -> None:
        self._brief = brief
        self._truth = truth
        self._writer = writer
        self._judge = judge
        self._limits = limits
        self._seed = seed
        self._left_s = left_s
        self._whole_s = max(1.0, left_s())
        self._progress = progress
        self._keep = keep
        self._log = log

    def run(self, templates: Attempt, standing: Standing) -> Found:
        """Search from the templates' solution, which stands, until a step says stop."""
        found = Found(tree=(templates,), standing=standing, why_ended="")
        try:
            while True:
                maximize = self._brief.metric.maximize
                step = next_step(found.tree, self._left_s(), maximize=maximize, limits=self._limits)
                if isinstance(step, Stop):
                    return structs.replace(found, why_ended=step.why)
                after = self._take(step, found)
                if after.why_ended:
                    return after
                if after.standing is not found.standing:
                    self._keep(after)
                found = after
        except Exception as error:  # noqa: BLE001 - what stands must not fall with a fault of the search
            self._log(traceback.format_exc())
            why = f"The search ended by a fault of its own: {type(error).__name__}."
            return structs.replace(found, why_ended=why)

    def _take(self, step: Draft | Repair | Improve, found: Found) -> Found:
        """One step: a script written and judged."""
        started_s, number = self._left_s(), len(found.tree)
        kind = type(step).__name__.lower()

        def tell(words: str) -> None:
            spent = 1.0 - self._left_s() / self._whole_s
            self._progress(min(1.0, max(0.0, spent)), f"Attempt {number} ({kind}): {words}.")

        written = self._writer.write(step, found.tree, started_s, tell)
        if written.declined is not None and written.declined.for_good:
            return structs.replace(found, why_ended=written.declined.note)
        attempt = Attempt(
            number=number,
            kind=msgspec.convert(kind, Kind),
            state="unanswered",
            parent=step.number if isinstance(step, Repair | Improve) else None,
            idea=written.idea,
            verdict=written.declined.note if written.declined else "",
            code=written.code,
            dollars=written.dollars,
        )
        standing = found.standing
        if written.declined is None:
            attempt, standing = self._judged(attempt, found, tell)
        tell(attempt.verdict.rstrip("."))
        attempt = structs.replace(attempt, seconds=max(0.0, started_s - self._left_s()))
        return Found(tree=(*found.tree, attempt), standing=standing, why_ended="")

    def _judged(
        self, attempt: Attempt, found: Found, tell: Callable[[str], None]
    ) -> tuple[Attempt, Standing]:
        """The attempt with its verdict, and what stands after it."""
        runs = runs_within(self._left_s(), len(self._judge.folds), self._limits)
        if runs is None:
            verdict = "There was no time left to judge it."
            return structs.replace(attempt, state="failed", verdict=verdict, error=verdict), found.standing
        try:
            table = self._judge.out_of_fold(attempt.code, runs, tell)
            member = Member(
                number=attempt.number,
                name=f"attempt {attempt.number}",
                script=attempt.code,
                out_of_fold=table,
            )
            own = alone(member, self._truth, self._brief)
            attempt = structs.replace(attempt, score=own.score, fold_scores=tuple(own.fold_scores.values()))
            better = offer(found.standing, member, self._truth, self._brief, seed=self._seed)
            of = f"{self._brief.metric.name} {own.score:.5g} on {runs.folds} folds"
            if not better.gain.is_real:
                verdict = f"{of}: no gain beyond chance ({better.gain})."
                return structs.replace(attempt, state="scored", verdict=verdict), found.standing
            tell(f"{of}, {better.standing.name} gains {better.gain}")
            full = structs.replace(member, submission=self._judge.in_full(attempt.code, table, runs, tell))
        except (RunError, OutputError) as error:
            verdict = str(error).partition("\n")[0]
            return structs.replace(attempt, state="failed", verdict=verdict, error=str(error)), found.standing
        members = tuple(full if each is member else each for each in better.standing.members)
        verdict = f"{of}: accepted, {better.standing.name} gains {better.gain}."
        accepted = structs.replace(attempt, state="accepted", verdict=verdict)
        return accepted, structs.replace(better.standing, members=members)

"""Judges a script that a model wrote: looked over, tried on a few rows, cross-validated, run in full.

Podium holds the answers back and scores the predictions itself; a script has no say in its score.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from agent.search.checking import faults_of
from agent.search.folds import some_of
from agent.search.running import RunError, run_on
from agent.training.outputs import answer_columns

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agent.brief import Brief
    from agent.search.folds import Fold
    from agent.search.policy import Runs
    from agent.search.running import Place
    from agent.search.views import View, Views

_RUN_S_MIN: Final = 1.0


class Judge:
    """Runs scripts on the competition's data; `left_s` says how many seconds a search still has."""

    def __init__(
        self,
        brief: Brief,
        views: Views,
        place: Place,
        *,
        folds: tuple[Fold, ...],
        sample_rows: int,
        seed: int,
        left_s: Callable[[], float],
    ) -> None:
        self.folds = folds
        self._brief = brief
        self._views = views
        self._place = place
        self._sample_rows = sample_rows
        self._seed = seed
        self._left_s = left_s

    def out_of_fold(self, code: str, runs: Runs, tell: Callable[[str], None]) -> pl.DataFrame:
        """The predictions of a script for the rows of `runs.folds` folds, as in oof.csv.

        Raises RunError where it breaks the contract, on a few rows or on a fold.
        """
        faults = faults_of(code)
        if faults:
            raise RunError("\n".join(faults))
        script = self._written(code)
        first = self.folds[0]
        if len(first.learn) >= 2 * self._sample_rows:
            target = self._brief.targets[0].train_column
            few = some_of(first, self._views.columns([target]).to_series(), self._sample_rows, self._seed)
            with self._views.of_fold(few) as view:
                self._run(script, view, runs.sample_s, tell, f"on {len(few.learn)} rows")
        tables = []
        for count, fold in enumerate(self.folds[: runs.folds], start=1):
            with self._views.of_fold(fold) as view:
                found = self._run(script, view, runs.fold_s, tell, f"on fold {count} of {runs.folds}")
            places = {"row": fold.held, "fold": [fold.number] * len(fold.held)}
            schema = {"row": pl.Int64, "fold": pl.Int64}
            answers = found.select(answer_columns(self._brief))
            tables.append(pl.concat([pl.DataFrame(places, schema=schema), answers], how="horizontal"))
        return pl.concat(tables).sort("row")

    def in_full(
        self, code: str, out_of_fold: pl.DataFrame, runs: Runs, tell: Callable[[str], None]
    ) -> pl.DataFrame:
        """The submission of a script on the true files.

        Raises RunError where it breaks the contract there, or answers every row alike as it did not before.
        """
        script = self._written(code)
        with self._views.true() as view:
            found = self._run(script, view, runs.full_s, tell, "on the true files")
        for column in answer_columns(self._brief):
            if found[column].n_unique() == 1 < found.height and out_of_fold[column].n_unique() > 1:
                raise RunError(f"On the true files every row has the same {column}.")
        return found

    def _written(self, code: str) -> Path:
        script = self._place.work_dir / "solution.py"
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(code, encoding="utf-8")
        return script.resolve()

    def _run(
        self, script: Path, view: View, seconds: float, tell: Callable[[str], None], words: str
    ) -> pl.DataFrame:
        seconds = min(seconds, self._left_s())
        if seconds < _RUN_S_MIN:
            raise RunError("There was no time left for its runs.")
        tell(words)

        def progress(_fraction: float, said: str) -> None:
            tell(f"{words}: {said}")

        try:
            return run_on(script, view, self._brief, self._place, seconds=seconds, progress=progress)
        except RunError as error:
            raise RunError(f"It failed {words}, given {seconds:.0f} s. {error}") from error

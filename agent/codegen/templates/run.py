"""From the files to submission.csv: the steps in order, within the time that is given."""

import argparse
import csv
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from agent.codegen.templates.choices import Choices
from agent.codegen.templates.clock import STARTED
from agent.codegen.templates.config import Config
from agent.codegen.templates.decisions import Raw
from agent.codegen.templates.first_look import first_look, hastened, timely
from agent.codegen.templates.options import with_options
from agent.codegen.templates.pace import Pace
from agent.codegen.templates.pool import STOPPABLE, Pool
from agent.codegen.templates.tables import load, submission_order
from agent.codegen.templates.validation import Problem, Trial, prepare


def write_tables(tables: dict[Path, dict[str, list[str]]]) -> None:
    """Write tables whole or not at all, and those that belong together at one moment."""
    for path, columns in tables.items():
        with path.with_suffix(".part").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
    for path in tables:
        path.with_suffix(".part").replace(path)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Where predictions go, and how rows and columns are called there."""

    folder: Path
    sample: pl.DataFrame
    order: NDArray[np.int64]  # for each row of the sample, the row of test
    rows: NDArray[np.int64]  # the rows of train that were used
    fold: NDArray[np.int64]  # of each of them

    def write(self, name: str, raws: list[Raw], config: Config, choices: Choices) -> None:
        """Out-of-fold predictions to oof_<name>.csv or, without a name, to oof.csv beside submission.csv."""
        decided = [choices.decide(raw, config) for raw in raws]
        train_cells = [column for cells, _ in decided for column in cells]
        test_cells = [[column[i] for i in self.order] for _, cells in decided for column in cells]
        one_each = len(test_cells) == len(config.targets)
        own = (config.id_column, *config.more_ids)
        asked = [column for column in self.sample.columns if column not in own]
        columns = list(config.targets.values()) if one_each else asked  # or one for each class, in order
        known = self.fold >= 0
        places = {"row": list(map(str, self.rows[known])), "fold": list(map(str, self.fold[known]))}
        path = self.folder / (f"oof_{name}.csv" if name else "oof.csv")
        tables = {path: places | dict(zip(columns, train_cells, strict=True))}
        if not name:
            ids = {column: self.sample[column].to_list() for column in own}
            cells = ids | dict(zip(columns, test_cells, strict=True))
            answer = {column: cells[column] for column in self.sample.columns}
            tables[self.folder / "submission.csv"] = answer
        write_tables(tables)


def write_importance(folder: Path, gains: list[dict[str, float]]) -> None:
    """Each column's share in what the models gained, the greatest first."""
    shares: dict[str, float] = {}
    for found in gains:
        total = sum(found.values()) or 1.0
        for column, gain in found.items():
            shares[column] = shares.get(column, 0.0) + gain / total / len(gains)
    ranked = sorted(shares, key=lambda column: -shares[column])
    table = {"feature": ranked, "gain": [f"{shares[column]:.6f}" for column in ranked]}
    write_tables({folder / "importance.csv": table})


def one_pass(
    name: str, number: int, *, problem: Problem, config: Config, choices: Choices, pace: Pace, hurry: bool
) -> list[tuple[Raw, dict[str, float]]] | None:
    """One kind of model on every target, from the seed of a pass; None where time runs out, given a hurry."""
    found = []
    for which in range(len(config.targets)):
        trial = Trial(
            problem=problem,
            config=config,
            choices=choices,
            pace=pace,
            name=name,
            which=which,
            seed=config.seed + number,
        )
        result = trial.run(hurry=hurry)
        if result is None:
            pace.say(0.9, f"no time for {name} on all folds")
            return None
        found.append(result)
    return found


def learn(problem: Problem, answer: Answer, config: Config, choices: Choices, pace: Pace) -> None:
    """Fit every kind of model, then more of those that count; write the best mix so far after each.

    A quick look goes first: whatever happens to the rest, there is an answer.
    """
    look = first_look(problem, config, choices, pace)
    problem, look = timely(problem, look, config, choices, pace)
    problem = with_options(problem, look, config, choices, pace)
    looked = replace(answer, rows=answer.rows[look.held], fold=look.raws[0].fold)
    for of in ("quick", ""):
        looked.write(of, look.raws, config, choices)
    config = hastened(config, choices, look, problem.fold, pace)
    fits = len(config.targets) * (int(problem.fold.max()) + 1)
    # Boosted trees share the time out among themselves: only they can make do with less of it.
    pace.fits = fits * sum(name in STOPPABLE for name in choices.members)
    pool = Pool(config=config, choices=choices)
    gains: list[dict[str, float]] = []
    failed: dict[str, Exception] = {}
    answered = False
    for number, name in pool.tries(pace):
        if name in failed:
            continue
        if number or name not in STOPPABLE:
            pace.fits = pace.done + fits
        before, hurry = pace.now(), bool(pool.passes)
        try:
            found = one_pass(
                name, number, problem=problem, config=config, choices=choices, pace=pace, hurry=hurry
            )
        except Exception as error:  # noqa: BLE001 - whatever a library has against these data, others may do
            pace.say(0.5, f"{name} failed: {error!r}")
            failed[name] = error
            continue
        if found is None:
            continue
        pool.add(name, [raw for raw, _ in found], seconds=pace.now() - before)
        gains += [gain for _, gain in found if sum(gain.values())]
        answer.write(name.lower(), pool.mean(name), config, choices)
        best = pool.best
        mixed, words, loss = pool.mixed()
        pace.say(0.15 + 0.8 * min(1.0, pace.done / pace.fits), words)
        beaten = loss <= best if answered else look.is_beaten_by(mixed, problem.fold, choices)
        if beaten:
            answered = True
            answer.write("", mixed, config, choices)
            write_importance(answer.folder, gains)
    if not pool.passes and failed:
        raise next(iter(failed.values()))


def main(config: Config, choices: Choices) -> None:
    """Solve the competition: read, learn, and write submission.csv beside the out-of-fold predictions."""
    options = argparse.ArgumentParser(description="Learns from train and predicts test.")
    options.add_argument("--data", type=Path, default=Path(), help="folder of the competition's files")
    options.add_argument("--output", type=Path, default=Path(), help="folder for submission.csv and the rest")
    options.add_argument("--seconds", type=float, default=config.seconds, help="time to take at most")
    given = options.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)

    pace = Pace(end=STARTED + 0.92 * given.seconds, whole=0.92 * given.seconds)
    pace.say(0.01, "reading the tables")
    tables = load(given.data, config)
    problem, rows = prepare(tables.train, tables.test, config, choices, pace)
    order = submission_order(tables.sample, tables.test, config)
    answer = Answer(
        folder=given.output, sample=tables.sample, order=order, rows=tables.rows[rows], fold=problem.fold
    )
    learn(problem, answer, config, choices, pace)
    pace.say(1.0, f"submission.csv written after {time.monotonic() - STARTED:.0f} s")

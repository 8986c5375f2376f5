"""From the files to submission.csv: the steps in order, within the time that is given."""

import argparse
import csv
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from agent.codegen.templates.choices import Choices
from agent.codegen.templates.config import Config
from agent.codegen.templates.decisions import Raw
from agent.codegen.templates.pace import Pace
from agent.codegen.templates.tables import read, stripped, submission_order
from agent.codegen.templates.validation import blended, cross_validate, prepare


def write_table(path: Path, columns: dict[str, list[str]]) -> None:
    """Write a table whole or not at all."""
    draft = path.with_suffix(".part")
    with draft.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    draft.replace(path)


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
        asked = [column for column in self.sample.columns if column != config.id_column]
        columns = list(config.targets.values()) if one_each else asked  # or one for each class, in order
        known = self.fold >= 0
        places = {"row": list(map(str, self.rows[known])), "fold": list(map(str, self.fold[known]))}
        path = self.folder / (f"oof_{name}.csv" if name else "oof.csv")
        write_table(path, places | dict(zip(columns, train_cells, strict=True)))
        if not name:
            ids = {config.id_column: self.sample[config.id_column].to_list()}
            cells = ids | dict(zip(columns, test_cells, strict=True))
            answer = {column: cells[column] for column in self.sample.columns}
            write_table(self.folder / "submission.csv", answer)


def write_importance(folder: Path, gains: list[dict[str, float]]) -> None:
    """Each column's share in what the models gained, the greatest first."""
    shares: dict[str, float] = {}
    for found in gains:
        total = sum(found.values()) or 1.0
        for column, gain in found.items():
            shares[column] = shares.get(column, 0.0) + gain / total / len(gains)
    ranked = sorted(shares, key=lambda column: -shares[column])
    write_table(
        folder / "importance.csv",
        {"feature": ranked, "gain": [f"{shares[column]:.6f}" for column in ranked]},
    )


def main(config: Config, choices: Choices) -> None:
    """Solve the competition: read, learn, and write submission.csv beside the out-of-fold predictions."""
    started = time.monotonic()
    options = argparse.ArgumentParser(description="Learns from train and predicts test.")
    options.add_argument("--data", type=Path, default=Path(), help="folder of the competition's files")
    options.add_argument("--output", type=Path, default=Path(), help="folder for submission.csv and the rest")
    options.add_argument("--seconds", type=float, default=config.seconds, help="time to take at most")
    given = options.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)

    pace = Pace(end=started + 0.88 * given.seconds)
    pace.say(0.01, "reading the tables")
    train, test = stripped(read(given.data, config.train)), stripped(read(given.data, config.test))
    sample = read(given.data, config.sample)
    problem, rows = prepare(train, test, config, choices, pace)
    order = submission_order(sample, test, config)
    answer = Answer(folder=given.output, sample=sample, order=order, rows=rows, fold=problem.fold)
    pace.fits = len(choices.members) * len(config.targets) * (int(problem.fold.max()) + 1)

    best: list[Raw] = []
    gains: list[dict[str, float]] = []
    for name in choices.members:
        if best and pace.end - time.monotonic() < 2.0:
            pace.say(0.95, f"no time left for {name}")
            break
        raws = []
        for which in range(len(config.targets)):
            raw, gain = cross_validate(
                name, which, problem=problem, config=config, choices=choices, pace=pace
            )
            raws.append(raw)
            gains.append(gain)
        answer.write(name.lower(), raws, config, choices)
        if best:
            mixes = [blended(one, other, choices.loss) for one, other in zip(best, raws, strict=True)]
            pace.say(0.96, f"blend: {name} has a share of {', '.join(f'{share:.0%}' for _, share in mixes)}")
            raws = [raw for raw, _ in mixes]
        best = raws
        answer.write("", best, config, choices)
    write_importance(given.output, gains)
    pace.say(1.0, f"submission.csv written after {time.monotonic() - started:.0f} s")

"""Runs the script of each member, and writes the weighted mean of their answers as submission.csv.

Run it alone: python solution.py --data FOLDER_OF_THE_FILES --output FOLDER_FOR_RESULTS
The members' scripts lie beside it.  It needs what they need.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import polars as pl

MEMBERS: dict[str, float] = {}  # script -> weight; the weights sum to 1


def mixed(answers: list[pl.DataFrame], weights: list[float]) -> pl.DataFrame:
    """The weighted mean of submissions, row by row of the first; their first column is the id."""
    name, *asked = answers[0].columns
    ids = answers[0].select(pl.col(name).cast(pl.String))
    total = [pl.lit(0.0).alias(column) for column in asked]
    mix = ids.with_columns(total)
    for answer, weight in zip(answers, weights, strict=True):
        own = answer.with_columns(pl.col(name).cast(pl.String), pl.col(asked).cast(pl.Float64))
        aligned = ids.join(own, on=name, how="left", maintain_order="left")
        mix = mix.with_columns(mix[column] + weight * aligned[column] for column in asked)
    return mix


def main() -> None:
    """Run the members one after the other, each with an equal share of the time."""
    options = argparse.ArgumentParser(description="Mixes what several scripts answer.")
    options.add_argument("--data", type=Path, default=Path(), help="folder of the competition's files")
    options.add_argument("--output", type=Path, default=Path(), help="folder for submission.csv")
    options.add_argument("--seconds", type=float, default=600.0, help="time to take at most")
    given = options.parse_args()
    answers = []
    for script in MEMBERS:
        folder = given.output / Path(script).stem
        folder.mkdir(parents=True, exist_ok=True)
        orders = ["--data", str(given.data.resolve()), "--output", str(folder.resolve())]
        seconds = ["--seconds", f"{given.seconds / len(MEMBERS):.1f}"]
        path = str(Path(__file__).with_name(script).resolve())
        subprocess.run([sys.executable, path, *orders, *seconds], check=True)  # noqa: S603 - our own members
        answers.append(pl.read_csv(folder / "submission.csv", infer_schema=False))
    mixed(answers, list(MEMBERS.values())).write_csv(given.output / "submission.csv")


if __name__ == "__main__":
    main()

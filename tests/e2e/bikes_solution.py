"""A script as a model writes one for the bikes: registered and casual riders are learnt apart, then added."""

import argparse
import os
from pathlib import Path

import lightgbm
import numpy as np
import polars as pl

RIDERS = ("casual", "registered")
SEED = 0


def features(frame: pl.DataFrame) -> np.ndarray:
    """The hour in the week and the season, with the weather."""
    when = pl.col("datetime").str.to_datetime("%Y-%m-%d %H:%M:%S")
    weather = pl.col("weather").cast(pl.Enum(["clear", "cloudy/misty", "light rain/snow", "heavy rain/snow"]))
    table = frame.select(
        when.dt.hour().alias("hour"),
        when.dt.weekday().alias("weekday"),
        when.dt.ordinal_day().alias("day"),
        (when.dt.hour() + 24 * pl.col("workingday")).alias("hour of such a day"),
        weather.to_physical().alias("sky"),
        "season",
        "holiday",
        "workingday",
        "temp",
        "atemp",
        "humidity",
        "windspeed",
    )
    return table.cast(pl.Float64).to_numpy()


def fitted(matrix: np.ndarray, target: np.ndarray, threads: int) -> lightgbm.Booster:
    """A model of the logarithm of riders."""
    parameters = {
        "objective": "regression",
        "learning_rate": 0.05,
        "num_leaves": 31,
        "min_data_in_leaf": 10,
        "feature_fraction": 0.8,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "seed": SEED,
        "deterministic": True,
        "num_threads": threads,
        "verbosity": -1,
    }
    return lightgbm.train(parameters, lightgbm.Dataset(matrix, np.log1p(target)), 250)


def main() -> None:
    """Read, learn, predict."""
    options = argparse.ArgumentParser()
    options.add_argument("--data", type=Path)
    options.add_argument("--output", type=Path)
    options.add_argument("--seconds", type=float)
    given = options.parse_args()
    threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
    train, test = (pl.read_csv(given.data / name) for name in ("train.csv", "test.csv"))
    sample = pl.read_csv(given.data / "sampleSubmission.csv")
    total = np.zeros(test.height)
    for number, kind in enumerate(RIDERS):
        print(f"[{50 * number:3d}%] {kind}", flush=True)
        model = fitted(features(train), train[kind].to_numpy(), threads)
        total += np.maximum(0.0, np.expm1(model.predict(features(test))))
    answer = sample.select("datetime").join(test.select("datetime", pl.Series("count", total)), on="datetime")
    answer.write_csv(given.output / "submission.csv")


if __name__ == "__main__":
    main()

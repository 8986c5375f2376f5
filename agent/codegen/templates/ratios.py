"""Ratios and differences of numbers: what trees can only come near with many cuts."""

import itertools

import lightgbm
import numpy as np
import polars as pl
from numpy.typing import NDArray

from agent.codegen.templates.config import Config
from agent.codegen.templates.features import Block, Encoder, block, numbers

TOLD_MOST = 12  # numbers that are set against each other
KEPT = 12  # pairs of them
PAIR_ROWS = 10_000  # to choose by
PAIR_ROUNDS = 60
RATIO_MAX = 1e30  # well within what a number of 4 bytes can hold


def pairs(frame: pl.DataFrame, config: Config) -> Encoder:
    """The ratios and differences of those numbers that tell most, chosen fold by fold."""
    plain = numbers(frame, config)

    def encode(target: NDArray[np.float64], rows: NDArray[np.int64], _parts: NDArray[np.int64]) -> Block:
        some = rows
        if len(rows) > PAIR_ROWS:
            some = np.random.default_rng(config.seed).choice(rows, PAIR_ROWS, replace=False)
        few = plain.values[some]
        told = gains(few, target[some], config)
        most = [place for place in np.argsort(-told, kind="stable")[:TOLD_MOST] if told[place] > 0]
        tried = list(itertools.product(itertools.combinations(sorted(most), 2), "/-"))
        if not tried:
            return block({}, frame.height)
        made = np.column_stack([of_pair(few, pair, sign) for pair, sign in tried])
        told = gains(np.hstack([few, made]), target[some], config)[few.shape[1] :]
        best = [place for place in np.argsort(-told, kind="stable")[:KEPT] if told[place] > 0]
        kept = [tried[place] for place in sorted(best)]
        columns = {
            f"{plain.names[pair[0]]} {sign} {plain.names[pair[1]]}": of_pair(plain.values, pair, sign)
            for pair, sign in kept
        }
        return block(columns, frame.height)

    return encode


def of_pair(values: NDArray[np.float32], pair: tuple[int, int], sign: str) -> NDArray[np.float64]:
    """The ratio or the difference of two columns; a ratio to nothing, or next to it, is missing."""
    one, other = values[:, pair[0]].astype(np.float64), values[:, pair[1]].astype(np.float64)
    if sign == "-":
        return one - other
    made = np.divide(one, other, out=np.full(len(one), np.nan), where=other != 0)
    return np.where(np.abs(made) < RATIO_MAX, made, np.nan)


def gains(matrix: NDArray[np.float32], target: NDArray[np.float64], config: Config) -> NDArray[np.float64]:
    """How much each column told a quick model, (n_columns,)."""
    if not matrix.shape[1]:
        return np.empty(0)
    quick = {"learning_rate": 0.15, "num_leaves": 15, "feature_fraction": 0.5, "num_threads": 1}
    parameters = config.lightgbm | quick | {"verbosity": -1, "seed": config.seed}
    learn = lightgbm.Dataset(matrix, target, params=parameters)
    booster = lightgbm.train(parameters, learn, PAIR_ROUNDS)
    return np.asarray(booster.feature_importance("gain"), dtype=np.float64)

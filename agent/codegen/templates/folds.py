"""Splitting the training rows into folds: for each row the fold that holds it back."""

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold

from agent.codegen.templates.config import Config
from agent.codegen.templates.features import to_dates
from agent.codegen.templates.tables import to_numbers


def plain_folds(train: pl.DataFrame, _target: NDArray[np.float64], config: Config) -> NDArray[np.int64]:
    """Folds at random, shape (n_train,)."""
    splits = KFold(config.folds, shuffle=True, random_state=config.seed).split(np.arange(train.height))
    return fold_numbers([held for _, held in splits], train.height)


def stratified_folds(train: pl.DataFrame, target: NDArray[np.float64], config: Config) -> NDArray[np.int64]:
    """Folds with the classes in equal shares; classes too rare to share out are counted as one."""
    values, position, count = np.unique(target, return_inverse=True, return_counts=True)
    rare = count < config.folds
    strata = np.where(rare[position], len(values), position)
    splitter = StratifiedKFold(config.folds, shuffle=True, random_state=config.seed)
    if 0 < rare[position].sum() < config.folds:  # too few to be a class of their own
        strata = np.where(strata == len(values), int(np.argmax(count)), strata)
    splits = splitter.split(np.zeros(train.height), strata)
    return fold_numbers([held for _, held in splits], train.height)


def group_folds(train: pl.DataFrame, _target: NDArray[np.float64], config: Config) -> NDArray[np.int64]:
    """Folds that keep all rows of a group together, as test does."""
    keys = train.select(pl.struct(config.split_columns).rank("dense")).to_series()
    groups = keys.to_numpy()
    count = min(config.folds, len(np.unique(groups)))
    splits = GroupKFold(count, shuffle=True, random_state=config.seed).split(groups, groups=groups)
    return fold_numbers([held for _, held in splits], train.height)


def time_folds(train: pl.DataFrame, _target: NDArray[np.float64], config: Config) -> NDArray[np.int64]:
    """Folds in order of time, each predicted from what came before; -1 for the earliest rows."""
    when = times(train[config.split_columns[0]], config)
    edges = np.unique(np.quantile(when, np.arange(1, config.folds + 1) / (config.folds + 1)))
    # Rows of one moment stay together, so that a fold may turn out empty.
    _, number = np.unique(np.append(np.searchsorted(edges, when, side="right") - 1, -1), return_inverse=True)
    return number[:-1] - 1


def block_folds(train: pl.DataFrame, _target: NDArray[np.float64], config: Config) -> NDArray[np.int64]:
    """Folds that hold back stretches of time, each about as long as those that test takes out."""
    when = times(train[config.split_columns[0]], config)
    moments, position = np.unique(when, return_inverse=True)
    # A jump of half a stretch is where test lies: what is to its sides is cut apart.
    run = np.append(0, np.cumsum(np.diff(moments) > config.gap / 2))
    stretch = np.zeros(len(moments), dtype=np.int64)
    count = 0
    for number in range(int(run[-1]) + 1):
        own = np.flatnonzero(run == number)
        span = moments[own[-1]] - moments[own[0]]
        cuts = min(len(own), max(1, round(span / config.gap)))
        part = np.floor((moments[own] - moments[own[0]]) / (span or 1.0) * cuts)
        stretch[own] = count + np.minimum(part, cuts - 1).astype(np.int64)
        count += cuts
    _, order = np.unique(stretch, return_inverse=True)
    return order[position] % config.folds


def times(cells: pl.Series, config: Config) -> NDArray[np.float64]:
    """Seconds of dates, or numbers as they are, shape (n,); what is missing comes first."""
    dated = to_dates(cells).dt.epoch("s").cast(pl.Float64).to_numpy()
    when = to_numbers(cells, config.train.decimal_comma) if np.isnan(dated).all() else dated
    return np.where(np.isnan(when), np.nanmin(when), when)


def fold_numbers(held: list[NDArray[np.int64]], rows: int) -> NDArray[np.int64]:
    """The fold of each row, shape (rows,); -1 for a row that no fold holds back."""
    number = np.full(rows, -1, dtype=np.int64)
    for fold, members in enumerate(held):
        number[members] = fold
    return number


def others(fold: NDArray[np.int64], number: int) -> NDArray[np.int64]:
    """The rows that the models of a fold learn from: all other folds."""
    return np.flatnonzero(fold != number)


def earlier(fold: NDArray[np.int64], number: int) -> NDArray[np.int64]:
    """The rows that the models of a fold learn from: the folds before it in time."""
    return np.flatnonzero(fold < number)

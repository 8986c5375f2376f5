"""Makes all checks for leakage and drift that time allows, for one brief and its tables."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec import structs

from agent.analysis.checks import CELLS_MAX, ROWS_MAX, telling_order, too_good, twins
from agent.analysis.checks_drift import drift
from agent.brief import Check

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.analysis.loading import Tables
    from agent.brief import Brief


def looked_into(
    brief: Brief, tables: Tables, *, seconds: float, clock: Callable[[], float] = time.monotonic
) -> Brief:
    """The brief with its checks, those that found something in its notes too.

    They may take `seconds` together: what comes after these is not made, and says so.
    """
    until = clock() + seconds
    classes = brief.task != "regression"
    name = brief.targets[0].train_column
    target = (tables.train_text if classes else tables.train)[name]
    rows = min(ROWS_MAX, CELLS_MAX // max(1, len(brief.features)))
    step = max(1, tables.train.height // rows)
    # Every so many rows: the order is one of the things looked at.
    train, answers = tables.train.gather_every(step), target.gather_every(step)
    looks: tuple[tuple[str, Callable[[], Check]], ...] = (
        ("order of rows and ids", lambda: telling_order(train, answers, brief.id_column, classes=classes)),
        (
            "a column that is too good",
            lambda: too_good(train, answers, brief.features, classes=classes),
        ),
        ("duplicate rows", lambda: twins(tables.train, tables.test, brief.features)),
        (
            "drift between train and test",
            lambda: drift(tables.train, tables.test, brief.features, seconds=until - clock()),
        ),
    )
    checks = tuple(
        look() if clock() < until else Check(name=name, found=None, says="Not made: time was short.")
        for name, look in looks
    )
    found = [f"{check.name.capitalize()}: {check.says}" for check in checks if check.found]
    return structs.replace(brief, checks=checks, notes=(*brief.notes, *found))

"""The mix of several models' predictions, its weights chosen out of fold and judged on other folds."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from agent.codegen.templates.decisions import Raw

STEPS = 25  # of the greedy choice: weights are multiples of 1 / STEPS
ROWS_MAX = 20_000  # rows that weights are chosen on


def greedy_weights(
    predicted: NDArray[np.float64],
    truth: NDArray[np.float64],
    loss: Callable[[NDArray[np.float64], NDArray[np.float64]], float],
) -> NDArray[np.float64]:
    """Weights of models, summing to 1, for predictions (n_models, n_rows, k): add what helps most, again.

    Source: Caruana et al., Ensemble Selection from Libraries of Models, ICML 2004.
    """
    counts: NDArray[np.float64] = np.zeros(len(predicted))
    total = np.zeros(predicted.shape[1:])
    best, kept = np.inf, counts
    for step in range(1, STEPS + 1):
        losses = [loss(truth, (total + each) / step) for each in predicted]
        chosen = int(np.argmin(losses))
        counts[chosen] += 1
        total = total + predicted[chosen]
        if losses[chosen] < best:
            best, kept = losses[chosen], counts.copy()
    shares: NDArray[np.float64] = kept / kept.sum()
    return shares


def blended(
    raws: list[Raw], loss: Callable[[NDArray[np.float64], NDArray[np.float64]], float], seed: int
) -> tuple[Raw, NDArray[np.float64]]:
    """The mix of models, and the weights (n_models,) that test gets.

    Each fold is mixed with weights chosen on the other folds, so that no row has a say in its own; test is
    mixed with weights chosen on all.
    """
    truth, fold = raws[0].truth, raws[0].fold
    predicted = np.stack([raw.out_of_fold for raw in raws])
    rng = np.random.default_rng(seed)

    def weights_on(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        some = rng.choice(rows, ROWS_MAX, replace=False) if len(rows) > ROWS_MAX else rows
        return greedy_weights(predicted[:, some], truth[some], loss)

    weights = weights_on(np.arange(len(fold)))
    mixed = np.zeros_like(raws[0].out_of_fold)
    for number in np.unique(fold):
        others = np.flatnonzero(fold != number)
        own = weights_on(others) if others.size else weights
        held = fold == number
        mixed[held] = np.tensordot(own, predicted[:, held], axes=1)
    test = np.tensordot(weights, np.stack([raw.test for raw in raws]), axes=1)
    return Raw(out_of_fold=mixed, truth=truth, fold=fold, test=test), weights

"""A gain counts where it exceeds the noise of the folds."""

from __future__ import annotations

import math

import pytest

from agent.search.gain import paired_gain

OLD = {0: 0.80, 1: 0.82, 2: 0.78}


def test_a_steady_gain_counts_though_the_folds_differ() -> None:
    gain = paired_gain({0: 0.81, 1: 0.83, 2: 0.79}, OLD, maximize=True)
    assert gain.is_real
    assert gain.mean == pytest.approx(0.01)
    assert gain.error == pytest.approx(0.0, abs=1e-12)


def test_a_gain_on_one_fold_of_three_is_chance() -> None:
    assert not paired_gain({0: 0.80, 1: 0.82, 2: 0.88}, OLD, maximize=True).is_real


def test_direction_and_missing_folds() -> None:
    lower = paired_gain({0: 0.70, 1: 0.71, 5: 9.9}, OLD, maximize=False)
    assert (lower.folds, lower.is_real) == (2, True)
    assert not paired_gain({0: 0.70, 1: 0.71}, OLD, maximize=True).is_real


def test_nothing_follows_from_a_single_fold() -> None:
    gain = paired_gain({0: 1.0}, OLD, maximize=True)
    assert (gain.error, gain.is_real) == (math.inf, False)
    assert not paired_gain(OLD, OLD, maximize=True).is_real

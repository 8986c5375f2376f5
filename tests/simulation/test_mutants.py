"""The simulator finds mistakes: each that is put in on purpose breaks an invariant within a few histories."""

from __future__ import annotations

import pytest

from tests.simulation.mutants import AIMED, MUTANTS
from tests.simulation.shape import shape_of
from tests.simulation.world import simulate

HISTORIES = 200


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_the_simulator_finds(mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant(monkeypatch)
    for seed in range(HISTORIES):
        violation = simulate(seed, AIMED.get(mutant) or shape_of(seed)).violation
        if violation is not None:
            assert violation.name in MUTANTS[mutant], str(violation)
            return
    pytest.fail(f"{HISTORIES} histories, and nothing was found")

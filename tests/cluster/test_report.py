"""How long there was no service, and what of, from probes alone."""

from __future__ import annotations

from tests.cluster.probes import Outage, Sample, outages
from tests.cluster.report import by_step
from tests.cluster.steps import Step


def test_time_without_an_answer_goes_from_the_first_without_to_the_next_with_one() -> None:
    told = [(0.0, True), (0.25, False), (0.75, True), (0.5, False), (1.0, False)]
    samples = [Sample(at_s=at_s, answered=answered) for at_s, answered in told]
    assert outages(samples) == [Outage(from_s=0.25, until_s=0.75), Outage(from_s=1.0, until_s=None)]
    assert outages(samples[:1]) == []


def test_an_outage_counts_where_most_of_it_was() -> None:
    steps = [
        Step(name=name, from_s=at, until_s=at + 10, back_s=1) for name, at in (("a", 0), ("b", 10), ("c", 20))
    ]
    found = [Outage(from_s=9.5, until_s=14), Outage(from_s=19, until_s=None), Outage(from_s=30.5, until_s=31)]
    assert by_step(found, steps) == {1: found[:1], 2: found[1:]}

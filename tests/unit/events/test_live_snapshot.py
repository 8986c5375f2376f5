"""A snapshot and the rest of the log fold to what the whole log folds to; no other snapshot is trusted."""

from __future__ import annotations

import ast
import inspect
import random
import zlib
from itertools import islice
from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from events import live, live_snapshot
from events.catalogue import JobCancelled, Priority
from events.live import LiveJobs, LiveState
from events.live_snapshot import FOLDED_BY, SnapshotError, decode, encode
from events.log import Extent
from events.recorded import Unreadable
from tests.bench.jobs import job as story
from tests.history import recorded, requested
from tests.unit.events.strategies import events, told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from events.recorded import Recorded

EXTENT = Extent(identity="then", last=1_000_000)
JOBS = ("a", "b", "c")


def folded(records: Sequence[Recorded], state: LiveState | None = None) -> LiveJobs:
    jobs = LiveJobs(state)
    for record in records:
        jobs.observe(record)
    return jobs


@st.composite
def histories(draw: st.DrawFn) -> list[Recorded]:
    """Events of three jobs in any order, most of which no writer of ours would write, and some unreadable."""
    drawn = draw(st.lists(st.tuples(st.sampled_from(JOBS), events() | st.none()), max_size=40))
    asked = [requested(job_id) for job_id in JOBS]
    anything = [
        Unreadable(job_id=job_id, event_type="X", reason="r")
        if event is None
        else replace(event, job_id=job_id)
        for job_id, event in drawn
    ]
    return told(draw(st.permutations([*asked, *anything])))


@settings(max_examples=50)
@given(history=histories(), share=st.floats(0, 1))
def test_a_snapshot_and_the_rest_are_the_whole(history: list[Recorded], share: float) -> None:
    first = folded(history[: int(share * len(history))])
    kept = decode(encode(first.state, log=EXTENT.identity), EXTENT)
    assert kept == first.state
    whole = folded(history)
    assert folded(history, kept).state == whole.state
    waiting = [job for priority in get_args(Priority) for job in whole.waiting(priority)]
    assert {job.job_id for job in [*waiting, *whole.moving]} == {job.job_id for job in whole}
    assert len(waiting) + len(whole.moving) == len(whole)
    assert not any(job.attempts or job.cancel_requested for job in waiting)


@pytest.mark.parametrize("seed", range(5))
def test_so_they_are_where_jobs_go_as_they_really_do(seed: int) -> None:
    dice = random.Random(seed)
    running = [story(f"j{n}", dice) for n in range(12)]
    told_of = []
    while running:
        one = dice.choice(running)
        some = list(islice(one, dice.randrange(1, 9)))
        told_of += some
        if not some:
            running.remove(one)
    history = recorded(told_of)
    for at in dice.sample(range(len(history)), 20):
        kept = decode(encode(folded(history[:at]).state, log="then"), EXTENT)
        assert folded(history[at:], kept).state == folded(history).state


def test_what_it_holds_is_bounded_by_the_jobs_that_live_and_not_by_history() -> None:
    def held(ended: int) -> tuple[int, int]:
        dice = random.Random(1)
        past = [event for n in range(ended) for event in story(f"e{n:04}", dice)]
        jobs = folded(recorded([requested("a"), *past, requested("b")]))
        return len(jobs), len(zlib.decompress(encode(jobs.state, log="then")))

    (few, few_bytes), (many, many_bytes) = held(3), held(300)
    assert few == many == 2
    assert many_bytes <= few_bytes + 16  # the sequences are longer numbers


@pytest.mark.parametrize(
    ("data", "extent", "reason"),
    [
        (b"nonsense", EXTENT, "cannot be read"),
        (zlib.compress(b"nonsense"), EXTENT, "cannot be read"),
        (encode(LiveState(sequence=7), log="then")[:-5], EXTENT, "cannot be read"),
        (encode(LiveState(sequence=7), log="another"), EXTENT, "of the log made at another"),
        (encode(LiveState(sequence=7), log="then"), replace(EXTENT, last=6), "of 7, but the log ends at 6"),
    ],
)
def test_what_is_no_snapshot_of_this_log_is_not_trusted(data: bytes, extent: Extent, reason: str) -> None:
    with pytest.raises(SnapshotError, match=reason):
        decode(data, extent)


def test_neither_is_that_of_code_that_folds_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(LiveState(sequence=7), log="then")
    monkeypatch.setattr(live_snapshot, "fold_version", lambda: "that of next year")
    with pytest.raises(SnapshotError, match="another version of the code"):
        decode(data, EXTENT)


def test_a_version_is_what_the_code_does_and_not_how_it_is_told() -> None:
    meaning = live_snapshot._meaning
    told = 'def f(x):\n    """Two more."""\n    return x + 2  # and no less\n'
    assert meaning(told) == meaning("def f(x): return x+2")
    assert meaning(told) != meaning("def f(x): return x + 3")


def test_a_version_has_all_the_code_that_folds() -> None:
    """Every module of ours that the fold is made of, over all imports."""
    named, waiting = set(), ["events.live", "events.stored"]
    by_name = {module.__name__: module for module in FOLDED_BY}
    while waiting:
        name = waiting.pop()
        if name in named:
            continue
        named.add(name)
        for node in ast.parse(inspect.getsource(by_name[name])).body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "events":
                inner = [f"{node.module}.{alias.name}" for alias in node.names]
                waiting += inner if node.module == "events" else [str(node.module)]
    assert named == set(by_name)


def test_a_job_that_ended_in_the_rest_is_gone() -> None:
    first = folded(recorded([requested("a")]))
    rest = recorded([JobCancelled(job_id="a")], first=2)
    assert folded(rest, decode(encode(first.state, log="then"), EXTENT)).state.jobs == ()
    assert live.LiveJobs().state == LiveState()

"""What was said keeps its order, none is lost, and a flood of mere progress is thinned out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.catalogue import StageCompleted, StageProgressed, StageStarted
from services.executor.outbox import PROGRESS_BURST, Outbox

if TYPE_CHECKING:
    from events.catalogue import Event

COMPLETED = StageCompleted(job_id="a", attempt=1, stage="training", summary="")


def progressed(number: int, stage: str = "training") -> StageProgressed:
    return StageProgressed(job_id="a", attempt=1, number=number, stage=stage, fraction=0.5, message="")


def drain(outbox: Outbox, now_s: float) -> list[Event]:
    taken = []
    while outbox.wait_s(now_s) == 0:
        taken.append(outbox.take(now_s))
    return taken


def spent() -> Outbox:
    """An outbox whose allowance is used up at time 0."""
    outbox = Outbox(progress_every_s=0.2, burst=2)
    for number in (1, 2):
        outbox.put(progressed(number), 0.0)
    assert drain(outbox, 0.0) == [progressed(1), progressed(2)]
    return outbox


def test_none_of_what_an_agent_says_in_a_minute_waits_or_is_left_out() -> None:
    outbox, said = Outbox(), [progressed(number) for number in range(PROGRESS_BURST)]
    for event in said:
        outbox.put(event, 0.0)
    assert drain(outbox, 0.0) == said


def test_in_a_flood_the_newest_progress_takes_the_place_of_the_last_and_waits() -> None:
    outbox = spent()
    outbox.put(progressed(3), 0.05)
    outbox.put(progressed(4), 0.1)
    assert outbox.wait_s(0.1) == pytest.approx(0.1)
    assert drain(outbox, 0.201) == [progressed(4)]
    assert outbox.wait_s(0.3) is None


def test_another_event_pushes_the_waiting_progress_out_before_itself() -> None:
    outbox = spent()
    outbox.put(progressed(3), 0.01)
    outbox.put(COMPLETED, 0.01)
    outbox.put(progressed(4), 0.01)
    assert drain(outbox, 0.01) == [progressed(3), COMPLETED]
    outbox.close()
    assert drain(outbox, 0.01) == [progressed(4)]


_events = st.one_of(
    st.builds(progressed, st.integers(0, 9), st.sampled_from(["training", "codegen"])),
    st.builds(lambda: StageStarted(job_id="a", attempt=1, stage="analysis")),
)


@given(st.lists(st.tuples(_events, st.floats(0, 0.3), st.booleans())), st.integers(1, 4))
def test_only_a_progress_right_before_a_newer_one_is_ever_left_out(
    steps: list[tuple[Event, float, bool]], burst: int
) -> None:
    outbox, now_s, sent = Outbox(burst=burst), 0.0, []
    for event, pause_s, look in steps:
        outbox.put(event, now_s)
        now_s += pause_s
        if look:
            sent += drain(outbox, now_s)
    outbox.close()
    sent += drain(outbox, now_s)
    said = [event for event, _, _ in steps]
    left = iter(sent)
    expected = next(left, None)
    for event, newer in zip(said, [*said, None][1:], strict=True):
        if event is expected:
            expected = next(left, None)
            continue
        assert isinstance(event, StageProgressed)
        assert isinstance(newer, StageProgressed)
        assert newer.stage == event.stage
    assert expected is None
    assert len(sent) >= min(len(said), burst)

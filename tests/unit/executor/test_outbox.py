"""Messages keep their order, none is lost, and mere progress does not come too often."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from events.progress import StageCompleted, StageProgressed, StageStarted
from services.executor.outbox import Outbox

if TYPE_CHECKING:
    from events.progress import Message


def progressed(fraction: float, stage: str = "training") -> StageProgressed:
    return StageProgressed(stage=stage, fraction=fraction, message="")


def drain(outbox: Outbox, now_s: float) -> list[Message]:
    taken = []
    while outbox.wait_s(now_s) == 0:
        taken.append(outbox.take(now_s))
    return taken


def test_the_first_progress_goes_at_once_and_the_next_waits() -> None:
    outbox = Outbox(progress_every_s=0.2)
    outbox.put(progressed(0.1))
    assert outbox.wait_s(0.0) == 0
    outbox.take(0.0)
    outbox.put(progressed(0.2))
    outbox.put(progressed(0.3))
    assert outbox.wait_s(0.05) == 0.2 - 0.05
    assert drain(outbox, 0.2) == [progressed(0.3)]
    assert outbox.wait_s(0.2) is None


def test_stages_wait_apart() -> None:
    outbox = Outbox(progress_every_s=0.2)
    outbox.put(progressed(0.1))
    outbox.take(0.0)
    outbox.put(progressed(0.1, "codegen"))
    assert outbox.wait_s(0.0) == 0


def test_another_message_pushes_the_waiting_progress_out_before_itself() -> None:
    outbox = Outbox(progress_every_s=0.2)
    outbox.put(progressed(0.1))
    outbox.take(0.0)
    outbox.put(progressed(0.9))
    outbox.put(StageCompleted(stage="training", summary=""))
    outbox.put(progressed(1.0))
    assert drain(outbox, 0.01) == [progressed(0.9), StageCompleted(stage="training", summary="")]
    outbox.close()
    assert drain(outbox, 0.01) == [progressed(1.0)]


_messages = st.one_of(
    st.builds(progressed, st.floats(0, 1), st.sampled_from(["training", "codegen"])),
    st.builds(lambda: StageStarted(stage="analysis")),
)


@given(st.lists(st.tuples(_messages, st.floats(0, 0.3), st.booleans())))
def test_only_a_progress_right_before_a_newer_one_is_ever_left_out(
    steps: list[tuple[Message, float, bool]],
) -> None:
    outbox, now_s, sent = Outbox(), 0.0, []
    for message, pause_s, look in steps:
        outbox.put(message)
        now_s += pause_s
        if look:
            sent += drain(outbox, now_s)
    outbox.close()
    sent += drain(outbox, now_s)
    said = [message for message, _, _ in steps]
    left = iter(sent)
    expected = next(left, None)
    for message, newer in zip(said, [*said, None][1:], strict=True):
        if message is expected:
            expected = next(left, None)
            continue
        assert isinstance(message, StageProgressed)
        assert isinstance(newer, StageProgressed)
        assert newer.stage == message.stage
    assert expected is None

"""Each message of an agent becomes the event of the same meaning, with nothing hostile in its texts."""

from __future__ import annotations

import msgspec
import pytest

from events import catalogue as ev
from events import progress
from services.executor.speech import cleaned, event_of

SAMPLES: tuple[progress.Message, ...] = (
    progress.StageStarted(stage="analysis"),
    progress.StageProgressed(stage="codegen", fraction=0.25, message="m"),
    progress.StageCompleted(stage="planning", summary="s"),
    progress.ModelEvaluated(model="m", metric="auc", maximize=True, score=0.9, fold_scores=(0.8, 1.0)),
    progress.LlmCalled(
        model="m",
        purpose="plan",
        input_tokens=1,
        output_tokens=2,
        cache_read_tokens=3,
        cache_write_tokens=4,
        dollars=0.5,
        duration_ms=6,
    ),
)


def spoken(message: progress.Message) -> progress.Spoken:
    return progress.Spoken(nonce="n", number=7, message=message)


@pytest.mark.parametrize("message", SAMPLES, ids=lambda message: type(message).__name__)
def test_an_event_says_all_that_the_message_said(message: progress.Message) -> None:
    event = event_of(spoken(message), job_id="j", attempt=2)
    assert event is not None
    fields = msgspec.structs.asdict(event)
    assert (fields.pop("job_id"), fields.pop("attempt"), fields.pop("version")) == ("j", 2, 1)
    assert fields.pop("number") == 7
    assert fields == msgspec.structs.asdict(message)


def test_last_words_are_no_events() -> None:
    failed = progress.Failed(reason="r", message="m", retryable=True)
    assert event_of(spoken(failed), job_id="j", attempt=1) is None


@pytest.mark.parametrize(("said", "kept"), [(-1.0, 0.0), (7.0, 1.0)])
def test_a_fraction_stays_one(said: float, kept: float) -> None:
    message = progress.StageProgressed(stage="analysis", fraction=said, message="")
    event = event_of(spoken(message), job_id="j", attempt=1)
    assert isinstance(event, ev.StageProgressed)
    assert event.fraction == kept


def test_every_text_is_cleaned_and_nothing_else_changes() -> None:
    message = progress.Failed(reason="a", message="b", retryable=True)
    assert cleaned(message, str.upper) == progress.Failed(reason="A", message="B", retryable=True)
    model = progress.ModelEvaluated(model="a", metric="b", maximize=True, score=1, fold_scores=(0.5,))
    assert cleaned(model, str.upper).fold_scores == (0.5,)
    succeeded = progress.Succeeded(
        competition="a",
        task="b",
        metric="c",
        maximize=True,
        score=1,
        fold_scores=(1,),
        artifacts=("d", "e"),
    )
    assert cleaned(succeeded, str.upper).artifacts == ("D", "E")

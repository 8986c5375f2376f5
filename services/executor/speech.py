"""What an agent says, as events: a message becomes the event of the same meaning, cleaned on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, assert_never

import msgspec
from msgspec.structs import replace

from events import catalogue as ev
from events import progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from events.catalogue import Event
    from events.progress import Message

_AnyMessage = TypeVar("_AnyMessage", bound=msgspec.Struct)


def cleaned(message: _AnyMessage, clean: Callable[[str], str]) -> _AnyMessage:
    """The message with every text passed through `clean`."""
    texts = {
        name: clean(value)
        for name, value in msgspec.structs.asdict(message).items()
        if isinstance(value, str)
    }
    return replace(message, **texts)


def event_of(message: Message, *, job_id: str, attempt: int) -> Event | None:
    """The event that a message becomes at once; None for a last word, which is decided upon first."""
    match message:
        case progress.StageStarted():
            return ev.StageStarted(job_id=job_id, attempt=attempt, stage=message.stage)
        case progress.StageProgressed():
            return ev.StageProgressed(
                job_id=job_id,
                attempt=attempt,
                stage=message.stage,
                fraction=min(1.0, max(0.0, message.fraction)),
                message=message.message,
            )
        case progress.StageCompleted():
            return ev.StageCompleted(
                job_id=job_id, attempt=attempt, stage=message.stage, summary=message.summary
            )
        case progress.ModelEvaluated():
            return ev.ModelEvaluated(
                job_id=job_id,
                attempt=attempt,
                model=message.model,
                metric=message.metric,
                maximize=message.maximize,
                score=message.score,
                fold_scores=message.fold_scores,
            )
        case progress.LlmCalled():
            return ev.LlmCallCompleted(job_id=job_id, attempt=attempt, **msgspec.structs.asdict(message))
        case progress.Succeeded() | progress.Failed():
            return None
        case _:
            assert_never(message)

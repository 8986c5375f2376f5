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
    from events.progress import Spoken

_AnyMessage = TypeVar("_AnyMessage", bound=msgspec.Struct)


def cleaned(message: _AnyMessage, clean: Callable[[str], str]) -> _AnyMessage:
    """The message with every text, in a row of them too, passed through `clean`."""
    fields = msgspec.structs.asdict(message)
    texts = {name: clean(value) for name, value in fields.items() if isinstance(value, str)}
    rows = {
        name: tuple(clean(one) if isinstance(one, str) else one for one in value)
        for name, value in fields.items()
        if isinstance(value, tuple)
    }
    return replace(message, **texts, **rows)


def event_of(spoken: Spoken, *, job_id: str, attempt: int) -> Event | None:
    """The event that a message becomes at once; None for a last word, which is decided upon first."""
    message = spoken.message
    kind: type[
        ev.StageStarted
        | ev.StageProgressed
        | ev.StageCompleted
        | ev.ModelEvaluated
        | ev.LlmCallCompleted
        | ev.SubmissionUploaded
    ]
    match message:
        case progress.StageStarted():
            kind = ev.StageStarted
        case progress.StageProgressed():
            kind = ev.StageProgressed
            message = replace(message, fraction=min(1.0, max(0.0, message.fraction)))
        case progress.StageCompleted():
            kind = ev.StageCompleted
        case progress.ModelEvaluated():
            kind = ev.ModelEvaluated
        case progress.LlmCalled():
            kind = ev.LlmCallCompleted
        case progress.Submitted():
            kind = ev.SubmissionUploaded
        case progress.Succeeded() | progress.Failed():
            return None
        case _:
            assert_never(message)
    return kind(job_id=job_id, attempt=attempt, number=spoken.number, **msgspec.structs.asdict(message))

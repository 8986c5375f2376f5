"""Every event of the log, as one tagged union: what happened to a job, in the past tense.

Each type has one writer, named in its docstring.  Payloads are JSON objects with the tag in ``type``;
unknown fields are ignored, so that an older reader survives a newer writer.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args

import msgspec

from events.progress import Stage, SubmissionOutcome
from events.state import Artifact, Job, Priority, Source
from events.upcasting import UPCASTERS, UpcastError, Upcasters, upcast

__all__ = ["Artifact", "Priority", "Source"]  # words that events and the state of a job share

DiskBound: TypeAlias = Literal["kernel", "measured"]


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    """What all events share: the job they are of, and the version of their own shape."""

    job_id: str
    version: int = 1


class JobRequested(_Event, frozen=True, kw_only=True):
    """Somebody asked for a competition to be solved.  Written by the gateway.

    `kaggle_url` is the address as the user would open it (``local:<slug>`` for a local competition);
    `budget_s` is how long an attempt should take, None for the executor's default; `time_limit_s` is when
    an attempt is stopped, None for the executor's own limit; `tags` are words to find the job by; `owner`
    is the id of the API key that it was asked for with, None where nobody was asked for one; `webhook_url`
    is told how the job ends, and with `webhook_stages` of its stages, too; with `submit` the answer is
    submitted to Kaggle; `dollars_max` is what calls to a language model may cost in all attempts together,
    None for the operator's limit.
    """

    competition: str
    source: Source
    kaggle_url: str
    budget_s: int | None = None
    priority: Priority = "normal"
    submitter: str | None = None
    time_limit_s: int | None = None
    tags: tuple[str, ...] = ()
    owner: str | None = None
    webhook_url: str | None = None
    webhook_stages: bool = False
    submit: bool = False
    dollars_max: float | None = None


class JobCancelRequested(_Event, frozen=True, kw_only=True):
    """Somebody asked for the job to end.  Written by the gateway; the scheduler and executor obey."""


class AttemptScheduled(_Event, frozen=True, kw_only=True):
    """An attempt may start: a place under the cap is its own.  Written by the scheduler."""

    attempt: int


class AttemptStarted(_Event, frozen=True, kw_only=True):
    """An executor claimed the attempt and is about to start its sandbox.  Written by that executor.

    `notes` say what differs from what was asked for (CPUs clamped to the host's, no isolation);
    `disk_bound` what keeps its files in their size (``kernel``: a quota; ``measured``: they are looked at);
    `budget_s` is how long the attempt is to take, None in events of before it was told; `image` is what its
    container is made of, null: it has none, or it was not told.
    """

    attempt: int
    executor: str
    runtime: str
    cpus: float
    memory_bytes: int
    disk_bound: DiskBound = "measured"
    budget_s: int | None = None
    notes: tuple[str, ...] = ()
    image: str | None = None


class _Said(_Event, frozen=True, kw_only=True):
    """What the agent said; `number` is the message's own, from 1 (0: written before messages had one)."""

    attempt: int
    number: int = 0


class StageStarted(_Said, frozen=True, kw_only=True):
    """The agent began a stage.  Written by the executor."""

    stage: Stage


class StageProgressed(_Said, frozen=True, kw_only=True):
    """A stage moved on: `fraction` of it (0..1) is done.  Written by the executor."""

    stage: Stage
    fraction: float
    message: str


class StageCompleted(_Said, frozen=True, kw_only=True):
    """A stage ended well.  Written by the executor."""

    stage: Stage
    summary: str


class ModelEvaluated(_Said, frozen=True, kw_only=True):
    """A model's out-of-fold predictions were scored by the agent.  Written by the executor."""

    model: str
    metric: str
    maximize: bool
    score: float
    fold_scores: tuple[float, ...]


class LlmCallCompleted(_Said, frozen=True, kw_only=True):
    """One paid call to a language model: its tokens, its price in dollars, its duration.

    Written by the executor.
    """

    model: str
    purpose: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    dollars: float
    duration_ms: int


class SubmissionUploaded(_Said, frozen=True, kw_only=True):
    """Kaggle was given the attempt's submission, as the job asked.  Written by the executor.

    `public_score` is Kaggle's own, None where it told none.
    """

    outcome: SubmissionOutcome
    public_score: float | None
    message: str


class EgressRefused(_Event, frozen=True, kw_only=True):
    """The agent wanted to connect where it may not, and was not let.  Written by the executor.

    `what` says where to and why not; the same is told once for an attempt.
    """

    attempt: int
    what: str


class AttemptSucceeded(_Event, frozen=True, kw_only=True):
    """A valid submission lies in the object store.  Written by the executor.

    `score` and `fold_scores` are the competition's metric over out-of-fold predictions.
    `disk_bytes_peak` is the most that the attempt's files were seen to take on the disk, null: nobody looked.
    """

    attempt: int
    task: str
    metric: str
    maximize: bool
    score: float
    fold_scores: tuple[float, ...]
    artifacts: tuple[Artifact, ...]
    disk_bytes_peak: int | None = None


class AttemptFailed(_Event, frozen=True, kw_only=True):
    """The attempt ended without a submission.  Written by the executor.

    `reason` is a short stable code, `message` is for a person; `retryable` says whether the same work
    could fare better later.  `disk_bytes_peak` is as in `AttemptSucceeded`.
    """

    attempt: int
    reason: str
    message: str
    retryable: bool
    disk_bytes_peak: int | None = None


class AttemptLost(_Event, frozen=True, kw_only=True):
    """The attempt's executor has been silent for longer than its lease.  Written by the scheduler.

    `left`: it had said that it ends and leaves the attempt to its successor, and none came.
    """

    attempt: int
    executor: str
    silent_s: float
    left: bool = False


class RetryScheduled(_Event, frozen=True, kw_only=True):
    """The job will be tried again as `attempt`, not before the time given.  Written by the scheduler."""

    attempt: int
    not_before: Annotated[datetime, msgspec.Meta(tz=True)]


class JobSucceeded(_Event, frozen=True, kw_only=True):
    """The job is done; `attempt` made its artifacts.  Written by the scheduler."""

    attempt: int


class JobFailed(_Event, frozen=True, kw_only=True):
    """The job is over without a submission.  Written by the scheduler."""

    reason: str
    message: str


class JobCancelled(_Event, frozen=True, kw_only=True):
    """The job ended because somebody asked for it.  Written by the scheduler."""


class JobArchived(_Event, frozen=True, kw_only=True):
    """The job's other events were copied to a file, to be taken out of the log.  Written by the archivist.

    `job` is what they fold to, and stands in for them from now on; `file` is the name of the file, `sha256`
    its digest, `events` how many of the job's events are in it.
    """

    file: str
    sha256: str
    events: int
    job: Job


Event: TypeAlias = (
    JobRequested
    | JobCancelRequested
    | AttemptScheduled
    | AttemptStarted
    | StageStarted
    | StageProgressed
    | StageCompleted
    | ModelEvaluated
    | LlmCallCompleted
    | SubmissionUploaded
    | EgressRefused
    | AttemptSucceeded
    | AttemptFailed
    | AttemptLost
    | RetryScheduled
    | JobSucceeded
    | JobFailed
    | JobCancelled
    | JobArchived
)

EVENT_TYPES: Final[tuple[type[Event], ...]] = get_args(Event)


class UnreadableEventError(Exception):
    """A stored payload that no event type fits; the message says why."""


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)

VERSIONS: Final[dict[str, int]] = {
    kind.__name__: next(field.default for field in msgspec.structs.fields(kind) if field.name == "version")
    for kind in EVENT_TYPES
}
"""The version of each type's shape, by its name."""


def schema_id(kind: type[Event]) -> str:
    """The name of the JSON Schema of a type's payloads, as `events.contracts` makes it."""
    return f"urn:podium:event:{kind.__name__}:{VERSIONS[kind.__name__]}"


def encode(event: Event) -> bytes:
    """The event as its JSON payload."""
    return _encoder.encode(event)


def decode(payload: bytes, *, upcasters: Upcasters = UPCASTERS) -> Event:
    """The event in a JSON payload, of whatever version.

    Raises:
        UnreadableEventError: the payload is not JSON, of no known type or shape, or of a version that is
            newer than this code.
    """
    try:
        event = _decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _decode_old(payload, upcasters, mismatch=error)
    if event.version == VERSIONS[type(event).__name__]:
        return event
    return _decode_old(payload, upcasters, mismatch=None)


def _decode_old(payload: bytes, upcasters: Upcasters, *, mismatch: Exception | None) -> Event:
    """The event in a payload that is not of today's shape or version; `mismatch` says how it is not."""
    try:
        fields = msgspec.json.decode(payload, type=dict[str, Any])
        kind = fields.get("type")
        if not isinstance(kind, str) or kind not in VERSIONS or fields.get("version") == VERSIONS[kind]:
            raise UnreadableEventError(str(mismatch)) from mismatch
        event: Event = msgspec.convert(
            upcast(fields, kind, known=VERSIONS[kind], upcasters=upcasters), type=Event
        )
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, UpcastError) as error:
        raise UnreadableEventError(str(error)) from error
    return event

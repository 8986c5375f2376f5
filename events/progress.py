"""What an agent says on its standard output: one JSON object a line, and nothing else of ours.

The agent imports this module and no other of the service's; it must therefore stay free of NATS,
Postgres and HTTP.  A line that is no message with the attempt's nonce is a log line, not an error.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

Stage: TypeAlias = Literal["analysis", "planning", "codegen", "training"]

SubmissionOutcome: TypeAlias = Literal["scored", "pending", "refused"]

STAGES: Final[tuple[Stage, ...]] = ("analysis", "planning", "codegen", "training")

KEPT_BACK: Final = "(kept back: ask at the way out)"
"""What a secret variable of a container holds: whoever may look at the container sees no more of it."""

KEYS_ASKED: Final = b"GET podium:keys HTTP/1.1\r\n\r\n"
"""What an agent says at its executor's socket to get them, as a JSON object: once, then nobody gets them."""

PORTER_GREETING: Final = "podium-porter {purpose} {token}\n"
"""How the porter of an attempt's pod begins a connection to its executor: `purpose` is one of these."""

PORTER_WAY_OUT: Final = "egress"
"""The agent's way out: what follows is what an agent says at a socket elsewhere."""

PORTER_FILES: Final = "files"
"""Questions about the output folder: the executor asks, the porter answers."""

PORTER_WELCOME: Final = b"ok\n"
"""What the executor answers to a porter that it knows."""

LINE_BYTES_MAX: Final = 64 * 1024
"""A longer line is a log line, cut: no message of ours comes near it."""


class StageStarted(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="stage_started"):
    """A stage began."""

    stage: Stage


class StageProgressed(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="stage_progressed"):
    """A stage moved on: `fraction` of it is done, in 0..1; `message` is for a person."""

    stage: Stage
    fraction: float
    message: str


class StageCompleted(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="stage_completed"):
    """A stage ended well; `summary` is one sentence of what it found or made."""

    stage: Stage
    summary: str


class ModelEvaluated(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="model_evaluated"):
    """A model (or the blend of them) was scored on its out-of-fold predictions.

    `score` is the metric over all out-of-fold rows, `fold_scores` the metric on each fold alone.
    """

    model: str
    metric: str
    maximize: bool
    score: float
    fold_scores: tuple[float, ...]


class LlmCalled(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="llm_called"):
    """A language model was called: its tokens, what they cost in dollars, and how long it took.

    `input_tokens` are those that the cache had no part in.  A call that was cut short is told at the most
    that it can have cost.
    """

    model: str
    purpose: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    dollars: float
    duration_ms: int


class Submitted(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="submitted"):
    """Kaggle was given the submission: it scored it, or had not yet when the time ran out, or refused it.

    `public_score` is Kaggle's own, None where it told none; `message` is for a person.
    """

    outcome: SubmissionOutcome
    public_score: float | None
    message: str


class Succeeded(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="succeeded"):
    """The attempt's last word when all went well: a valid submission.csv lies in the output folder.

    `artifacts` are plain file names (no directories) in the output folder; `score` and `fold_scores`
    are those of the submitted predictions, computed by the agent from the out-of-fold file.
    """

    competition: str
    task: str
    metric: str
    maximize: bool
    score: float
    fold_scores: tuple[float, ...]
    artifacts: tuple[str, ...]


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="failed"):
    """The attempt's last word when it knows why it could not go on.

    `reason` is a short stable code (``rules_not_accepted``); `message` tells a person what to do;
    `retryable` says whether the same attempt could fare better later.
    """

    reason: str
    message: str
    retryable: bool


Message: TypeAlias = (
    StageStarted
    | StageProgressed
    | StageCompleted
    | ModelEvaluated
    | LlmCalled
    | Submitted
    | Succeeded
    | Failed
)


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it stands on a line.

    `nonce` is what the executor gave this attempt's agent and nobody else, so that no other process can speak
    for the agent; `number` counts the agent's messages from 1, so that a reader who begins again knows
    which it has had.
    """

    nonce: str
    number: int
    message: Message


NONCE_VARIABLE: Final = "PODIUM_NONCE"
"""The environment variable by which an agent gets its nonce."""

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Spoken] = msgspec.json.Decoder(Spoken)


def encode_line(message: Message, *, nonce: str, number: int) -> bytes:
    """One message as one line of UTF-8 JSON, newline included."""
    return _encoder.encode(Spoken(nonce=nonce, number=number, message=message)) + b"\n"


def decode_line(line: bytes, *, nonce: str) -> Spoken | None:
    """The message on a line, or None where the line is something else (a log line, a forgery)."""
    if len(line) > LINE_BYTES_MAX or not line.startswith(b"{"):
        return None
    try:
        spoken = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return spoken if spoken.nonce == nonce else None

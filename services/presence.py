"""What an executor says of itself every two seconds, and whoever hears it reads.  Pure.

Heartbeats are told on core NATS and stored nowhere.  One of another version is read as far as it goes: fields
that are not known here are passed over, and those that are not there have the value that changes nothing.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

_Count = Annotated[int, msgspec.Meta(ge=0)]


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """An executor's name, its slots, and how many of them attempts take.

    `cpus` and `memory_bytes` are what each attempt gets (0: it does not say).  `left_over` sandboxes belong
    to no attempt that runs, and could not be removed yet.  A `draining` executor starts nothing more; one
    that is `leaving` says so with its last heartbeat, and left what still ran to its successor.
    """

    executor: str
    slots: _Count
    running: _Count
    left_over: _Count = 0
    cpus: float = 0.0
    memory_bytes: _Count = 0
    draining: bool = False
    leaving: bool = False

    @property
    def free(self) -> int:
        """How many more attempts it would start now."""
        return 0 if self.draining else max(0, self.slots - self.running)

    @property
    def places(self) -> int:
        """How many attempts it has room for, those that run included."""
        return self.running + self.free


class HeartbeatError(Exception):
    """A payload is no heartbeat; the message says why."""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Heartbeat)


def encode(beat: Heartbeat) -> bytes:
    """A heartbeat as JSON."""
    return _encoder.encode(beat)


def decode(payload: bytes) -> Heartbeat:
    """The heartbeat in a payload.

    Raises:
        HeartbeatError: it is none.
    """
    try:
        return _decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise HeartbeatError(str(error)) from error

"""What kind of world to simulate: how many of each process, how long, and which faults there are."""

from __future__ import annotations

import random
from typing import Final, Literal, TypeAlias, get_args

import msgspec

Fault: TypeAlias = Literal[
    # Things that happen now and then, and pass.
    "crash",  # a process is killed, and started anew later with an empty memory
    "host",  # an executor's machine dies: its sandboxes with it
    "stop",  # a process is told to end, and started anew later
    "drain",  # an executor is told to end in its own time, and started anew later
    "pause",  # a process does not run for a while
    "cut",  # a process's connection is down, and comes back
    "stall",  # nothing passes a connection for a while; then all of it comes
    "lag",  # a reader sees the log as it was some seconds ago
    "deaf",  # an executor's heartbeats get lost
    "clock",  # a process's clock jumps forward, as after a laptop's sleep
    "alien",  # a job gets an event that nobody here can read, as from a newer version
    # Chances that are there all the time.
    "unheard",  # an append is stored, its acknowledgement lost
    "lost",  # an append never arrives
    "late",  # an append arrives after its writer has given up
    "stale",  # a read of one job shows an old state
    "reopen",  # a feed breaks off, and repeats a little when it goes on
    "runtime",  # a sandbox fails to start, to stop, to be read or to be removed
    "store",  # an artifact is not stored
    "table",  # the projection's table is away, or its commit's answer is lost
]

FAULTS: Final[tuple[Fault, ...]] = get_args(Fault)
PASSING: Final[frozenset[Fault]] = frozenset(FAULTS[: FAULTS.index("unheard")])


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of world.  Faults happen in the first `chaos_s` seconds; `skew_s` bounds clocks' errors."""

    jobs: int = 10
    schedulers: int = 3
    executors: int = 3
    slots: int = 2
    running_max: int = 3
    chaos_s: float = 120.0
    fault_every_s: float = 4.0
    skew_s: float = 30.0
    faults: frozenset[Fault] = frozenset(FAULTS)


def shape_of(seed: int) -> Shape:
    """A kind of world drawn from a seed: all faults in one half of them, some in the other; some are busy."""
    rng = random.Random(f"shape {seed}")
    some = frozenset(fault for fault in FAULTS if rng.random() < 0.4)
    return Shape(
        jobs=rng.randint(4, 14) if rng.random() < 0.8 else 30,
        schedulers=rng.randint(2, 3),
        executors=rng.randint(2, 3),
        slots=rng.randint(1, 3),
        running_max=rng.randint(1, 5),
        chaos_s=rng.uniform(60, 180),
        fault_every_s=rng.uniform(2, 8),
        faults=frozenset(FAULTS) if rng.random() < 0.5 else some,
    )

"""How many attempts a machine has room for at once, and what each of them gets.  Pure.

16 cores, 64 GB, 4 CPUs and 8 GiB an attempt  ->  4 slots: there are CPUs for no more
32 cores, 64 GB, 4 CPUs and 8 GiB an attempt  ->  8 slots, 7.8 GiB each: such a machine tells of 62.8 GiB
 2 cores,  4 GB, 4 CPUs and 8 GiB an attempt  ->  1 slot with all there is
"""

from __future__ import annotations

from typing import Final

import msgspec

_SHORT_OF_MEMORY: Final = 1 / 16
"""What an attempt's memory may lack of what was asked for: a kernel keeps some of the machine's."""
_ROUNDING: Final = 1e-9


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What there is for attempts: CPUs, in parts where a cgroup bounds them so, and bytes of memory."""

    cpus: float
    memory_bytes: int


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """How many attempts run at once, what each may use, and how either differs from what was asked for."""

    slots: int
    cpus: float
    memory_bytes: int
    cpus_notes: tuple[str, ...] = ()
    memory_notes: tuple[str, ...] = ()


def share(machine: Machine, *, cpus: float, memory_bytes: int, slots: int | None = None) -> Share:
    """The machine divided into attempts of so many CPUs and bytes each.

    `slots` is what an operator wants whatever fits, None for as many as fit.  There is always room for one:
    where it asks for more than there is, it gets what there is.
    """
    count = slots or fitting(machine, cpus=cpus, memory_bytes=memory_bytes)
    # Who asks for slots of their own asks for more than fits on purpose: limits are no reservations.
    there_bytes = machine.memory_bytes if slots else machine.memory_bytes // count
    less_cpus = f"{cpus:g} CPUs were asked for, the machine has {machine.cpus:g}"
    among = "" if slots or count == 1 else f" for {count} attempts"
    less = f"{memory_bytes} bytes of memory were asked for, the machine has {machine.memory_bytes}{among}"
    return Share(
        slots=count,
        cpus=min(cpus, machine.cpus),
        memory_bytes=min(memory_bytes, there_bytes),
        cpus_notes=(less_cpus,) if cpus > machine.cpus else (),
        memory_notes=(less,) if memory_bytes > there_bytes else (),
    )


def fitting(machine: Machine, *, cpus: float, memory_bytes: int) -> int:
    """How many attempts of that size fit side by side, 1 at least."""
    by_cpus = int(machine.cpus / cpus + _ROUNDING)
    by_memory = int(machine.memory_bytes / (memory_bytes * (1 - _SHORT_OF_MEMORY)))
    return max(1, min(by_cpus, by_memory))

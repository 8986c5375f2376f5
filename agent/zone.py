"""How well a script is kept in here, and whether that is enough for one that a model has written."""

from __future__ import annotations

import functools
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from agent import child

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

VARIABLE: Final = "PODIUM_MODEL_CODE"
"""An operator's word on scripts that a model wrote: ``refuse`` or ``allow``; unset: where the zone holds."""

_PROBE_S: Final = 20.0
_FIRST_PROCESS: Final = 1


class Zone(msgspec.Struct, frozen=True, kw_only=True):
    """What a script that runs here cannot do, whatever it tries.

    `network_cut`: reach anybody; `files_closed`: open more than its data, programs and scratch folder;
    `processes_apart`: see any process but those of its own attempt.
    """

    network_cut: bool
    files_closed: bool
    processes_apart: bool


def judge(granted: Collection[str], *, first_process: bool) -> Zone:
    """The zone that the words of `agent.confine` make; `first_process`: the agent has a container."""
    return Zone(
        network_cut="no-network" in granted,
        files_closed="files" in granted,
        processes_apart=first_process,
    )


def refusal(choice: str, zone: Zone) -> str | None:
    """Why a script that a model wrote may not run here, as a sentence; None where it may.

    `choice` is an operator's: ``allow``, ``refuse`` or "" for what the zone says.  Any other is as good as
    ``refuse``.
    """
    if choice == "allow":
        return None
    if choice:
        return f"Model-written code does not run here: {VARIABLE} is {choice}."
    open_ways = [
        words
        for held, words in (
            (zone.network_cut, "its network cannot be cut (no network namespace, no seccomp filter)"),
            (zone.files_closed, "it could open the agent's files (no mount namespace, no Landlock)"),
            (zone.processes_apart, "it would see other processes (no process namespace, no container)"),
        )
        if not held
    ]
    if not open_ways:
        return None
    return f"Model-written code does not run here: {'; '.join(open_ways)}."


def model_code_refusal(environment: Mapping[str, str]) -> str | None:
    """Why a script that a model wrote may not run in this attempt; None where it may.

    `environment` is the agent's.  The zone is tried out at the first call, which takes some tenths of a
    second.
    """
    choice = environment.get(VARIABLE, "").strip()
    if choice:
        return refusal(choice, judge((), first_process=False))
    return refusal("", zone_here(environment))


def zone_here(environment: Mapping[str, str]) -> Zone:
    """The zone as an empty script finds it, tried once for this process."""
    return _tried(tuple(sorted(child.bare_environment(environment, 1).items())))


@functools.cache
def _tried(environment: tuple[tuple[str, str], ...]) -> Zone:
    with tempfile.TemporaryDirectory(prefix="zone-") as folder:
        ended = child.run(
            [os.devnull],
            folder=Path(folder),
            environment=dict(environment),
            timeout_s=_PROBE_S,
            hear=lambda _: None,
        )
    return judge(ended.granted, first_process=os.getpid() == _FIRST_PROCESS)

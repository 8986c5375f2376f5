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

BWRAP_VARIABLE: Final = "PODIUM_BWRAP"
"""Names the bubblewrap of a machine without containers; whether it works is tried out here."""

VARIABLE: Final = "PODIUM_MODEL_CODE"
"""An operator's word on scripts that a model wrote: ``refuse`` or ``allow``; unset: where the zone holds."""

_TRIAL: Final = Path(__file__).with_name("trial.py")
_TRIAL_S: Final = 20.0
_FIRST_PROCESS: Final = 1


class Zone(msgspec.Struct, frozen=True, kw_only=True):
    """What a script that runs here cannot do, whatever it tries.

    `network_cut`: reach anybody; `files_closed`: open more than its data, programs and scratch folder;
    `processes_apart`: see any process but those of its own attempt.
    """

    network_cut: bool
    files_closed: bool
    processes_apart: bool


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where scripts run: in `zone`, by `bwrap` where it works; `trouble` is why it does not, "" else.

    `granted` are the words of `agent.confine`.
    """

    zone: Zone
    granted: tuple[str, ...]
    bwrap: Path | None = None
    trouble: str = ""


def judge(granted: Collection[str], *, first_process: bool) -> Zone:
    """The zone that the words of `agent.confine` make; `first_process`: the agent has a container."""
    return Zone(
        network_cut=not {"no-network", "own-net"}.isdisjoint(granted),
        # A script finds only what was mounted for it in a namespace of its own.
        files_closed=not {"files", "own-mnt"}.isdisjoint(granted),
        processes_apart=first_process or "own-pid" in granted,
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
    """Why a script that a model wrote may not run in this attempt, in a sentence or two; None where it may.

    `environment` is the agent's.  Where scripts run is tried out at the first call, which takes some tenths
    of a second.
    """
    choice = environment.get(VARIABLE, "").strip()
    if choice:
        return refusal(choice, judge((), first_process=False))
    place = place_here(environment)
    why = refusal("", place.zone)
    return f"{why} {place.trouble}".strip() if why else None


def place_here(environment: Mapping[str, str]) -> Place:
    """Where scripts of this attempt run, tried once for this process; `environment` is the agent's."""
    return _place(
        tuple(sorted(child.bare_environment(environment, 1).items())),
        environment.get(BWRAP_VARIABLE, ""),
        environment.get("PODIUM_DATA_DIR", ""),
    )


@functools.cache
def _place(environment: tuple[tuple[str, str], ...], bwrap: str, data_dir: str) -> Place:
    first_process = os.getpid() == _FIRST_PROCESS
    trouble = ""
    if bwrap:
        ended = _trial(dict(environment), Path(bwrap), data_dir)
        if ended.exit_code == 0:
            zone = judge(ended.granted, first_process=first_process)
            return Place(zone=zone, granted=ended.granted, bwrap=Path(bwrap))
        said = child.clean(ended.error_tail.strip().rpartition("\n")[2].encode())
        trouble = f"There are no namespaces of its own here: {said or f'exit code {ended.exit_code}'}"
    ended = _trial(dict(environment), None, data_dir)
    return Place(
        zone=judge(ended.granted, first_process=first_process), granted=ended.granted, trouble=trouble
    )


def _trial(environment: dict[str, str], bwrap: Path | None, data_dir: str) -> child.Ended:
    with tempfile.TemporaryDirectory(prefix="trial-") as scratch:
        folder = Path(scratch).absolute()
        data = Path(data_dir).absolute() if data_dir else folder
        try:
            return child.run(
                [str(_TRIAL), str(data)],
                folder=folder,
                environment=environment,
                bwrap=bwrap,
                timeout_s=_TRIAL_S,
                hear=lambda _: None,
                readable=(data,),
            )
        except OSError as error:
            if bwrap is None:
                raise
            # The named program cannot be started at all.
            return child.Ended(exit_code=127, overran=None, granted=(), error_tail=str(error))

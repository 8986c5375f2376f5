"""What this machine has to keep a script in without a container, and what that means.  Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from agent.zone import VARIABLE, judge, refusal
from cli.finding import lacking, ok

if TYPE_CHECKING:
    from cli.finding import Finding

_ALLOW_NAMESPACES: Final = (
    "Use Docker; or let users make namespaces: sysctl user.max_user_namespaces, on Debian "
    "kernel.unprivileged_userns_clone, on Ubuntu kernel.apparmor_restrict_unprivileged_userns."
)


class KeptIn(msgspec.Struct, frozen=True, kw_only=True):
    """How an empty script fared here: what `agent.confine` was granted for it, and why not more.

    `trouble` says why bubblewrap does not work, "" where it does; `landlock` is its version, 0 where the
    kernel has none; `choice` is an operator's PODIUM_MODEL_CODE, "" where it is unset.
    """

    granted: tuple[str, ...]
    trouble: str
    landlock: int
    choice: str


def examine_zone(kept: KeptIn) -> tuple[Finding, ...]:
    """What was looked at of it, and last what it comes to for scripts that a model wrote."""
    return _namespaces(kept), _calls(kept), _landlock(kept.landlock), _model_code(kept)


def _namespaces(kept: KeptIn) -> Finding:
    if "own-pid" in kept.granted:
        return ok("namespaces", "bubblewrap works")
    meaning = "Without a container a script sees other processes."
    return lacking("namespaces", kept.trouble, meaning, _ALLOW_NAMESPACES)


def _calls(kept: KeptIn) -> Finding:
    if "no-network" in kept.granted:
        return ok("seccomp filter", "works")
    meaning = "Only namespaces keep a script from the network, and nothing from other calls of the kernel."
    remedy = "Run Linux with seccomp on x86-64 or ARM64."
    return lacking("seccomp filter", "refused", meaning, remedy)


def _landlock(version: int) -> Finding:
    if version:
        return ok("Landlock", f"version {version}")
    meaning = "A script in a container can read the agent's files, and one that a model wrote does not run."
    return lacking("Landlock", "absent", meaning, "Run Linux 5.13 or later with Landlock switched on.")


def _model_code(kept: KeptIn) -> Finding:
    name = "model's scripts"
    why = refusal("", judge(kept.granted, first_process=False))
    if kept.choice == "refuse":
        return ok(name, f"run nowhere: {VARIABLE} is refuse")
    if why is None:
        return ok(name, "run without a container too")
    if kept.choice == "allow":
        return lacking(name, f"run wherever they are: {VARIABLE} is allow", why, f"Unset {VARIABLE}.")
    return lacking(
        name,
        "run only in a container",
        f"{why} Templates do.",
        f"Mend what is lacking above, or set {VARIABLE}=allow.",
    )

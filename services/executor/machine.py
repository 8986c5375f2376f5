"""What this machine has for child processes: its CPUs and memory, within what its control groups allow.

Every group above a process holds it, so that the smallest bound counts.  Under version 1 the controllers have
trees of their own; in a container its group may be at the root of the mount, wherever /proc says that it is.

Source: https://docs.kernel.org/admin-guide/cgroup-v2.html, https://docs.kernel.org/scheduler/sched-bwc.html
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from services.executor.slots import Machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CGROUPS: Final = Path("/sys/fs/cgroup")
_GROUPS_OF_THIS: Final = Path("/proc/self/cgroup")


def this_machine(*, groups: Path = _GROUPS_OF_THIS, cgroups: Path = _CGROUPS) -> Machine:
    """The CPUs that this process may run on and the memory it may use; without cgroups all there is."""
    cpus = [float(_cpus_there()), *_bounds(_cpu_bound, "cpu", groups, cgroups)]
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    bounds = _bounds(_memory_bound, "memory", groups, cgroups)
    return Machine(cpus=min(cpus), memory_bytes=int(min([memory_bytes, *bounds])))


def _cpus_there() -> int:
    # Not on macOS.
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _bounds(
    bound: Callable[[Path], float | None], controller: str, groups: Path, cgroups: Path
) -> Iterator[float]:
    """What each group over this process allows, of those that say."""
    for folder in _folders(_text(groups), controller, cgroups):
        found = bound(folder)
        if found is not None:
            yield found


def _folders(groups: str, controller: str, cgroups: Path) -> Iterator[Path]:
    """The folders of this process's groups, the groups above them included, of both versions."""
    for line in groups.splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = cgroups / controller if controllers else cgroups
        folder = root / path.lstrip("/")
        yield folder
        yield from (above for above in folder.parents if above == root or root in above.parents)


def _cpu_bound(folder: Path) -> float | None:
    """A group's CPUs: its quota of time over the period that it is for."""
    quota, period = _numbers(folder / "cpu.max")
    if quota is None:
        quota, period = _numbers(folder / "cpu.cfs_quota_us")[0], _numbers(folder / "cpu.cfs_period_us")[0]
    return quota / period if quota and period and quota > 0 else None


def _memory_bound(folder: Path) -> float | None:
    """A group's bytes; version 1 says more than any machine has where there is no bound."""
    limit, _ = _numbers(folder / "memory.max")
    return limit if limit is not None else _numbers(folder / "memory.limit_in_bytes")[0]


def _numbers(file: Path) -> tuple[float | None, float | None]:
    """The first two words of a file as numbers, None for one that is none (``max``) or is not there."""
    words = [*_text(file).split(), "", ""]
    first, second = (float(word) if word.lstrip("-").isdigit() else None for word in words[:2])
    return first, second


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""

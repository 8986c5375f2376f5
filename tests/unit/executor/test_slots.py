"""What a machine has room for, and where that is read: control groups of both versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.executor.container import docker_facts
from services.executor.machine import this_machine
from services.executor.process import NOTE, process_facts
from services.executor.slots import Machine, share

if TYPE_CHECKING:
    from pathlib import Path

GIB = 1024**3
ASKED = {"cpus": 4.0, "memory_bytes": 8 * GIB}


@pytest.mark.parametrize(
    ("cpus", "memory_gib", "slots", "each_cpus", "each_gib"),
    [
        (32, 62.8, 8, 4, 7.85),  # sold as 64 GB; the kernel keeps the rest
        (32, 64, 8, 4, 8),
        (32, 59.5, 7, 4, 8),
        (32, 128, 8, 4, 8),
        (16, 62.8, 4, 4, 8),
        (64, 31, 4, 4, 7.75),
        (4, 8, 1, 4, 8),
        (2, 3.8, 1, 2, 3.8),  # one attempt always fits, with all there is
        (2.5, 64, 1, 2.5, 8),
    ],
)
def test_attempts_get_what_they_ask_for_as_many_as_fit(
    cpus: float, memory_gib: float, slots: int, each_cpus: float, each_gib: float
) -> None:
    each = share(Machine(cpus=cpus, memory_bytes=int(memory_gib * GIB)), **ASKED)
    assert (each.slots, each.cpus) == (slots, each_cpus)
    assert each.memory_bytes == pytest.approx(each_gib * GIB, abs=slots)
    assert bool(each.cpus_notes) == (each_cpus < 4)
    assert bool(each.memory_notes) == (each_gib < 8)


@pytest.mark.parametrize("slots", [1, 10])
def test_an_operator_who_asks_for_slots_has_them_and_limits_as_they_are(slots: int) -> None:
    each = share(Machine(cpus=2.0, memory_bytes=16 * GIB), **ASKED, slots=slots)
    assert (each.slots, each.cpus, each.memory_bytes) == (slots, 2.0, 8 * GIB)
    assert each.memory_notes == ()


def test_small_parts_of_a_cpu_are_counted_without_an_error_of_rounding() -> None:
    tenth = share(Machine(cpus=0.3, memory_bytes=GIB), cpus=0.1, memory_bytes=1)
    assert tenth.slots == 3


def test_both_runtimes_say_how_many_fit_and_what_was_less() -> None:
    host = {"host_cpus": 32, "host_memory_bytes": int(62.8 * GIB)}
    docker = docker_facts(**ASKED, **host)
    assert (docker.slots, docker.outlives) == (8, True)
    assert docker.notes == (
        f"{8 * GIB} bytes of memory were asked for, the machine has {int(62.8 * GIB)} for 8 attempts",
    )
    assert docker_facts(**ASKED, **host, slots=3).notes == ()
    process = process_facts(Machine(cpus=2, memory_bytes=4 * GIB), **ASKED)
    assert (process.slots, process.cpus, process.memory_bytes) == (1, 2, 4 * GIB)
    assert process.notes == (NOTE, "4 CPUs were asked for, the machine has 2")
    assert not process.outlives


VERSION_2 = {"pod/cpu.max": "max 100000", "pod/memory.max": "max", "cpu.max": "50000 100000"}
VERSION_2_OF_IT = {"pod/a/cpu.max": "150000 100000", "pod/a/memory.max": "1048576"}
VERSION_1 = {
    "cpu/pod/cpu.cfs_quota_us": "50000",
    "cpu/pod/cpu.cfs_period_us": "100000",
    "cpu/cpu.cfs_quota_us": "-1",
    "cpu/cpu.cfs_period_us": "100000",
    "memory/pod/memory.limit_in_bytes": "1048576",
    "memory/memory.limit_in_bytes": "9223372036854771712",
}
IN_A_CONTAINER = {
    "cpu/cpu.cfs_quota_us": "25000",
    "cpu/cpu.cfs_period_us": "100000",
    "memory/memory.limit_in_bytes": "2097152",
}


@pytest.mark.parametrize(
    ("groups", "files", "cpus", "memory_bytes"),
    [
        ("0::/pod/a", VERSION_2 | VERSION_2_OF_IT, 0.5, 1048576),
        ("0::/", {"cpu.max": "25000 100000", "memory.max": "2097152"}, 0.25, 2097152),
        ("3:cpu,cpuacct:/pod/a\n2:memory:/pod\n1:pids:/other\n0::/", VERSION_1, 0.5, 1048576),
        ("4:memory:/docker/0123\n1:cpu:/docker/0123", IN_A_CONTAINER, 0.25, 2097152),
    ],
    ids=["version 2", "version 2 in a container", "version 1", "version 1 in a container"],
)
def test_the_smallest_bound_of_all_groups_above_counts(
    tmp_path: Path, groups: str, files: dict[str, str], cpus: float, memory_bytes: int
) -> None:
    for name, text in files.items():
        (tmp_path / "cgroup" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "cgroup" / name).write_text(text + "\n")
    (tmp_path / "groups").write_text(groups + "\n")
    found = this_machine(groups=tmp_path / "groups", cgroups=tmp_path / "cgroup")
    assert found == Machine(cpus=cpus, memory_bytes=memory_bytes)


def test_without_control_groups_there_is_all_that_the_machine_has(tmp_path: Path) -> None:
    found = this_machine(groups=tmp_path / "absent", cgroups=tmp_path)
    assert found.cpus >= 1
    assert found.memory_bytes > 2**27

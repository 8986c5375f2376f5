"""The request for a container, the place in its log, and the words about its files."""

from __future__ import annotations

import asyncio
import base64
import struct
from pathlib import Path

import pytest
from msgspec.structs import replace

from services.executor.archive import path_stat
from services.executor.choice import runc_is_safe
from services.executor.container import container_config, docker_facts, variables_of, volume_config
from services.executor.docker_logs import Place, entries
from services.executor.runtime import SandboxSpec

SPEC = SandboxSpec(
    job_id="j",
    attempt=2,
    variables={"PODIUM_COMPETITION": "t"},
    data_dir=Path("/c/t/public"),
    cpus=1.5,
    memory_bytes=1024,
    network=False,
)


def test_a_container_can_do_no_more_than_it_needs() -> None:
    config = container_config(SPEC, image="i", executor="e", file_bytes=99)
    host = config["HostConfig"]
    assert (host["NanoCpus"], host["Memory"], host["MemorySwap"]) == (1_500_000_000, 1024, 1024)
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["ReadonlyRootfs"] is True
    assert host["NetworkMode"] == "none"
    assert host["AutoRemove"] is False
    assert {"Name": "fsize", "Soft": 99, "Hard": 99} in host["Ulimits"]
    assert "User" not in config
    assert config["Labels"] == {"podium.job_id": "j", "podium.attempt": "2", "podium.executor": "e"}
    binds = [mount for mount in host["Mounts"] if mount["Type"] == "bind"]
    assert binds == [{"Type": "bind", "Source": "/c/t/public", "Target": "/data", "ReadOnly": True}]
    assert set(config["Env"]) == {
        "PODIUM_COMPETITION=t",
        "PODIUM_DATA_DIR=/data",
        "PODIUM_OUTPUT_DIR=/output",
        "PODIUM_WORK_DIR=/output/work",
    }


def test_what_downloads_has_no_network_either_but_a_socket_and_no_data() -> None:
    spec = replace(SPEC, data_dir=None, network=True)
    config = container_config(
        spec, image="i", executor="e", file_bytes=99, egress=Path("/w/egress/podium-j-2/socket")
    )
    assert config["HostConfig"]["NetworkMode"] == "none"
    assert config["HostConfig"]["Mounts"][1:] == [
        {
            "Type": "bind",
            "Source": "/w/egress/podium-j-2/socket",
            "Target": "/run/podium",
            "ReadOnly": True,
        }
    ]
    given = variables_of(config)
    assert given["PODIUM_EGRESS_SOCKET"] == "/run/podium/proxy.sock"
    assert "PODIUM_DATA_DIR" not in given


def test_a_volume_has_a_size_only_where_the_kernel_keeps_to_it() -> None:
    labels = {"podium.job_id": "j", "podium.attempt": "2", "podium.executor": "e"}
    plain = {"Name": "podium-j-2", "Labels": labels}
    assert volume_config(SPEC, executor="e") == plain
    bound = volume_config(SPEC, executor="e", quota_bytes=99)
    assert bound == plain | {"DriverOpts": {"size": "99"}}


def test_the_engine_runs_it_with_its_default_unless_told() -> None:
    assert "Runtime" not in container_config(SPEC, image="i", executor="e", file_bytes=99)["HostConfig"]
    told = container_config(SPEC, image="i", executor="e", file_bytes=99, oci_runtime="runsc")
    assert told["HostConfig"]["Runtime"] == "runsc"


def test_facts_are_clamped_to_the_host_and_say_so() -> None:
    facts = docker_facts(cpus=4, memory_bytes=8, host_cpus=2, host_memory_bytes=6)
    assert (facts.cpus, facts.memory_bytes, len(facts.notes)) == (2, 6, 2)
    facts = docker_facts(cpus=2, memory_bytes=6, host_cpus=2, host_memory_bytes=6)
    assert (facts.cpus, facts.memory_bytes, facts.notes) == (2, 6, ())


def test_a_reader_of_a_log_goes_on_where_it_was() -> None:
    first, second = "2024-05-01T10:00:00.000000001Z", "2024-05-01T10:00:00.000000002Z"
    place = Place()
    assert place.since == "0"
    assert [place.is_new(stamp) for stamp in (first, second, second)] == [True, True, True]
    assert place.since == "1714557600.000000002"
    place.resume()
    assert [place.is_new(second) for _ in range(3)] == [False, False, True]
    place.resume()
    assert [place.is_new(second) for _ in range(4)] == [False, False, False, True]
    place.resume()
    assert place.is_new("2024-05-01T10:00:01.000000000Z")


async def test_entries_are_read_to_where_the_connection_broke() -> None:
    def frame(kind: int, data: bytes) -> bytes:
        return struct.pack(">BxxxL", kind, len(data)) + data

    stream = asyncio.StreamReader()
    stream.feed_data(frame(1, b"T1 a b\n") + frame(2, b"T2 \n") + frame(1, b"T3 cut")[:-2])
    stream.feed_eof()
    assert [entry async for entry in entries(stream)] == [
        ("stdout", "T1", b"a b\n"),
        ("stderr", "T2", b"\n"),
    ]


@pytest.mark.parametrize(
    ("mode", "regular"),
    [(0o644, True), (0o644 | 1 << 31, False), (0o777 | 1 << 27, False), (1 << 25, False), (1 << 26, False)],
)
def test_only_a_regular_file_is_one(mode: int, regular: bool) -> None:
    header = base64.b64encode(b'{"name":"x","size":5,"mode":%d,"mtime":"","linkTarget":""}' % mode)
    stat = path_stat(header.decode())
    assert (stat.size, stat.is_regular) == (5, regular)


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ("1.1.5+ds1", False),
        ("1.2.7", False),
        ("1.2.8", True),
        ("1.3.2", False),
        ("1.3.3", True),
        ("1.4.0", True),
        ("2.0.0", True),
        ("?", False),
    ],
)
def test_runc_is_known_to_be_safe_from_its_fixed_releases_on(version: str, safe: bool) -> None:
    assert runc_is_safe(version) is safe

"""What a machine's state is called, and that the command shows it: never a key, and never a password."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from cli.doctor import Engine, Facts, Server, examine, is_sound
from cli.embedded.servers import free_port
from cli.kept_in import KeptIn
from services.gateway.view_room import Room
from tests.unit.cli.command import podium

if TYPE_CHECKING:
    from pathlib import Path

ENGINE = Engine(
    version="29.0.0",
    runc="1.3.3",
    cgroup="2",
    options=("name=apparmor", "name=seccomp,profile=builtin", "name=userns", "name=cgroupns"),
    image="podium-agent:1",
    has_image=True,
    no_quota="",
)
KEPT = KeptIn(
    granted=("files", "signals", "own-net", "own-pid", "own-mnt", "no-network"),
    trouble="",
    landlock=6,
    choice="",
)
APART = replace(KEPT, granted=("files", "no-network"), trouble="bwrap: No permissions")
GOOD = Facts(
    python=(3, 12, 1),
    runtime="auto",
    servers=tuple(
        Server(name=name, address="h:1", version="9") for name in ("NATS", "Postgres", "Redis", "gateway")
    ),
    engine=ENGINE,
    kept=KEPT,
    disk_path="/d",
    disk_free_bytes=50 * 2**30,
    skew_s=-0.01,
    webhooks_waiting=0,
    room=Room(executors=2, draining=1, slots=8, running=3, free=1),
    secrets=dict.fromkeys(("KAGGLE_USERNAME", "KAGGLE_KEY", "ANTHROPIC_API_KEY"), True),
    has_openmp=True,
)


def troubles(facts: Facts) -> dict[str, str]:
    return {finding.name: finding.state for finding in examine(facts) if finding.state != "ok"}


def test_a_machine_that_has_all_is_well() -> None:
    assert troubles(GOOD) == {}
    assert is_sound(examine(GOOD))
    assert all(finding.found for finding in examine(GOOD))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"python": (3, 10, 9)}, {"Python": "broken"}),
        ({"python": (3, 15, 0)}, {"Python": "broken"}),
        ({"servers": (Server(name="NATS", address="h:1", problem="refused"),)}, {"NATS": "broken"}),
        ({"servers": (Server(name="Postgres", address="h:1", problem="no"),)}, {"Postgres": "broken"}),
        ({"servers": (Server(name="Redis", address="h:1", problem="no"),)}, {"Redis": "lacking"}),
        ({"servers": (Server(name="gateway", address="h:1", problem="no"),)}, {"gateway": "broken"}),
        ({"servers": (Server(name="NATS", address=None),)}, {"NATS": "lacking"}),
        ({"servers": (Server(name="gateway", address=None),)}, {"gateway": "lacking"}),
        ({"skew_s": 2.5}, {"clock": "lacking"}),
        ({"webhooks_waiting": 101}, {"webhooks": "lacking"}),
        ({"webhooks_waiting": None}, {}),
        ({"room": replace(GOOD.room, executors=0)}, {"executors": "lacking"}),
        ({"room": None}, {}),
        ({"skew_s": -2.5}, {"clock": "lacking"}),
        ({"skew_s": None}, {"clock": "lacking"}),
        ({"engine": "no socket was found"}, {"Docker": "lacking"}),
        ({"engine": "no socket was found", "runtime": "docker"}, {"Docker": "broken"}),
        ({"runtime": "process"}, {"Docker": "lacking"}),
        ({"engine": replace(ENGINE, has_image=False)}, {"agent's image": "lacking"}),
        ({"engine": replace(ENGINE, has_image=False), "runtime": "docker"}, {"agent's image": "broken"}),
        ({"engine": replace(ENGINE, runc="1.1.5+ds1")}, {"runc": "lacking"}),
        ({"engine": replace(ENGINE, runc=None)}, {}),
        ({"engine": replace(ENGINE, no_quota="no quota support")}, {"disk quota": "lacking"}),
        ({"engine": replace(ENGINE, options=("name=rootless", "name=seccomp", "name=selinux"))}, {}),
        (
            {"engine": replace(ENGINE, options=("name=seccomp,profile=unconfined",))},
            {"seccomp": "lacking", "AppArmor/SELinux": "lacking", "remapped users": "lacking"},
        ),
        ({"kept": replace(KEPT, landlock=0)}, {"Landlock": "lacking"}),
        ({"kept": APART}, {"namespaces": "lacking", "model's scripts": "lacking"}),
        ({"kept": replace(APART, choice="allow")}, {"namespaces": "lacking", "model's scripts": "lacking"}),
        ({"kept": replace(APART, choice="refuse")}, {"namespaces": "lacking"}),
        ({"kept": replace(KEPT, granted=("own-net", "own-pid", "own-mnt"))}, {"seccomp filter": "lacking"}),
        ({"has_openmp": False}, {"libgomp": "lacking"}),
        ({"disk_free_bytes": 9 * 2**30}, {"disk": "lacking"}),
        ({"disk_free_bytes": 2**30}, {"disk": "broken"}),
        ({"secrets": {"KAGGLE_KEY": False}}, {"KAGGLE_KEY": "lacking"}),
        ({"secrets": {"KAGGLE_KEY": "it cannot be read"}}, {"KAGGLE_KEY": "broken"}),
    ],
)
def test_each_trouble_is_named_with_what_it_means_and_how_to_mend_it(
    changes: dict[str, object], expected: dict[str, str]
) -> None:
    facts = replace(GOOD, **changes)
    assert troubles(facts) == expected
    assert is_sound(examine(facts)) == ("broken" not in expected.values())
    bad = [finding for finding in examine(facts) if finding.state != "ok"]
    assert all(finding.found and finding.meaning and finding.remedy for finding in bad)


def test_the_command_ends_with_one_where_a_server_is_gone_and_tells_no_secret(tmp_path: Path) -> None:
    port = free_port()
    more = {
        "NATS_URL": f"nats://me:canary-of-nats@127.0.0.1:{port}",
        "DATABASE_URL": f"postgresql://me:canary-of-postgres@127.0.0.1:{port}/podium",
        "PODIUM_URL": f"http://me:canary-of-url@127.0.0.1:{port}",
        "PODIUM_API_KEY": "canary-of-gateway",
        "REDIS_URL": "redis://:1/canary-of-redis@127.0.0.1/0",
        "KAGGLE_KEY": "canary-of-kaggle",
        "ANTHROPIC_API_KEY": "canary-of-anthropic",
        "KAGGLE_USERNAME_FILE": str(tmp_path / "absent"),
    }
    plain, told = (
        podium("doctor", home=tmp_path, more=more),
        podium("doctor", "--json", home=tmp_path, more=more),
    )
    assert (plain.returncode, told.returncode) == (1, 1)
    assert (plain.stderr, told.stderr) == ("", "")
    assert "canary" not in plain.stdout + told.stdout
    report = json.loads(told.stdout)
    found = {finding["name"]: finding for finding in report["findings"]}
    assert report["sound"] is False
    assert {name: found[name]["state"] for name in ("NATS", "Postgres", "Redis", "gateway")} == {
        "NATS": "broken",
        "Postgres": "broken",
        "Redis": "lacking",
        "gateway": "broken",
    }
    assert f"127.0.0.1:{port}" in found["NATS"]["found"]
    assert "Connect call failed" in found["NATS"]["found"]
    assert (found["KAGGLE_KEY"]["found"], found["KAGGLE_USERNAME"]["state"]) == ("set", "broken")
    shown = [line.partition(" | ")[0] for line in plain.stdout.splitlines()]
    assert [line[:17].rstrip() for line in shown] == list(found)
    assert [line[19:26].rstrip() for line in shown] == [finding["state"] for finding in found.values()]


def test_a_setting_that_cannot_be_is_named(tmp_path: Path) -> None:
    run = podium("doctor", home=tmp_path, more={"PODIUM_RUNTIME": "vm"})
    assert run.returncode == 2
    assert "PODIUM_RUNTIME should be docker, process or auto, not 'vm'" in run.stderr

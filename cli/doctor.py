"""What the state of a machine means for Podium: from facts to findings, each with its remedy.  Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

from cli.finding import broken, lacking, ok
from cli.kept_in import KeptIn, examine_zone
from services.gateway.view_room import Room
from services.runc import runc_is_safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.finding import Finding

Runtime: TypeAlias = Literal["docker", "process", "auto"]

_GIB: Final = 1024**3
_DISK_NEEDED_BYTES: Final = 2 * _GIB
_DISK_WISHED_BYTES: Final = 10 * _GIB
_SKEW_S_MAX: Final = 2.0
_WAITING_MAX: Final = 100


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """NATS, Postgres, Redis or a gateway; `problem` says why it does not answer, "" where it does.

    `address` is None where nobody says where it is; it never holds a password.  `remedy` is what would mend
    the problem, where that can be said from what came back.
    """

    name: str
    address: str | None
    version: str = ""
    problem: str = ""
    remedy: str = ""


class Engine(msgspec.Struct, frozen=True, kw_only=True):
    """A Docker daemon; `options` are its SecurityOptions, such as ``name=seccomp,profile=default``.

    `no_quota` is why its kernel keeps no volume in its size, "" where it does.

    Source: https://docs.docker.com/reference/api/engine/version/v1.41/#tag/System/operation/SystemInfo
    """

    version: str
    runc: str | None
    cgroup: str
    options: tuple[str, ...]
    image: str
    has_image: bool
    no_quota: str


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found out; `engine` is why there is no Docker, where there is none.

    `skew_s` is how far this machine's clock is before NATS's, None where no NATS could be asked;
    `webhooks_waiting` how many events the deliverer of webhooks has not read, None where there is none;
    `room` what executors have, None where no gateway says so;
    `secrets` say of each key whether it is set, or why it cannot be read, and hold no value.
    """

    python: tuple[int, int, int]
    runtime: Runtime
    servers: tuple[Server, ...]
    engine: Engine | str
    kept: KeptIn
    disk_path: str
    disk_free_bytes: int
    skew_s: float | None
    webhooks_waiting: int | None
    room: Room | None
    secrets: dict[str, bool | str]
    has_openmp: bool


def examine(facts: Facts) -> tuple[Finding, ...]:
    """Everything that was looked at, in the order of a stack's parts."""
    return (
        _python(facts.python),
        *(_server(server) for server in facts.servers),
        _clock(facts.skew_s),
        *_webhooks(facts.webhooks_waiting),
        *_executors(facts.room),
        *_docker(facts.engine, facts.runtime),
        *examine_zone(facts.kept),
        _openmp(has_openmp=facts.has_openmp),
        _disk(facts.disk_path, facts.disk_free_bytes),
        *(_secret(name, given) for name, given in facts.secrets.items()),
    )


def is_sound(findings: Sequence[Finding]) -> bool:
    """Nothing that is needed is broken."""
    return all(finding.state != "broken" for finding in findings)


def _python(version: tuple[int, int, int]) -> Finding:
    found = ".".join(str(number) for number in version)
    if (3, 11) <= version[:2] < (3, 15):
        return ok("Python", found)
    return broken("Python", found, "Podium runs on Python 3.11 to 3.14.", "make PYTHON=python3.12")


_WITHOUT: Final = {
    "NATS": "Nothing is accepted and nothing runs: it holds the log.",
    "Postgres": "Jobs run, but their status cannot be asked for.",
    "Redis": "Each gateway counts by itself how much a client submits.",
    "gateway": "Jobs can be neither asked for nor looked at from here.",
}
_SET_BY: Final = {
    "NATS": "NATS_URL",
    "Postgres": "DATABASE_URL",
    "Redis": "REDIS_URL",
    "gateway": "PODIUM_URL",
}


def _server(server: Server) -> Finding:
    if server.address is None:
        remedy = f"podium up, or set {_SET_BY[server.name]}"
        return lacking(server.name, "no address is known", "`podium up` brings its own.", remedy)
    if not server.problem:
        return ok(server.name, f"{server.version} at {server.address}")
    say = lacking if server.name == "Redis" else broken
    found = f"{server.address}: {server.problem}"
    return say(
        server.name, found, _WITHOUT[server.name], server.remedy or "Start it, or correct its address."
    )


def _webhooks(waiting: int | None) -> tuple[Finding, ...]:
    if waiting is None:
        return ()
    found = f"{waiting} events to look at"
    if waiting <= _WAITING_MAX:
        return (ok("webhooks", found),)
    meaning = "Receivers are told late, or not at all."
    return (lacking("webhooks", found, meaning, "See whether services.webhooks runs, and what it logs."),)


def _executors(room: Room | None) -> tuple[Finding, ...]:
    if room is None:
        return ()
    if not room.executors:
        meaning = "What is asked for waits: nobody runs it."
        remedy = "See whether services.executor runs, and what it logs."
        return (lacking("executors", "none is heard", meaning, remedy),)
    drain = f", {room.draining} draining" if room.draining else ""
    return (ok("executors", f"{room.executors} heard{drain}: {room.running} of {room.slots} slots taken"),)


def _clock(skew_s: float | None) -> Finding:
    if skew_s is None:
        meaning = "It can be compared with that of a NATS that holds Podium's log."
        return lacking("clock", "not compared", meaning, "podium up")
    found = f"{abs(skew_s):.2f} s {'before' if skew_s >= 0 else 'behind'} NATS"
    if abs(skew_s) <= _SKEW_S_MAX:
        return ok("clock", found)
    meaning = "Retries come early or late, and times in the log contradict each other."
    return lacking("clock", found, meaning, "Keep the clocks of all machines by NTP.")


_UNENFORCED: Final = "Limits are watched, not enforced, and nothing keeps the agent in."
_NONE_RUN: Final = "PODIUM_RUNTIME is docker: no attempt can run."


def _docker(engine: Engine | str, runtime: Runtime) -> tuple[Finding, ...]:
    if runtime == "process":
        found = "not used: PODIUM_RUNTIME is process"
        return (lacking("Docker", found, _UNENFORCED, "Set PODIUM_RUNTIME=auto."),)
    say, meaning = (broken, _NONE_RUN) if runtime == "docker" else (lacking, _UNENFORCED)
    if isinstance(engine, str):
        return (say("Docker", engine, meaning, "Install and start Docker, or set DOCKER_HOST."),)
    return (
        ok("Docker", f"{engine.version}, cgroup v{engine.cgroup}"),
        ok("agent's image", engine.image)
        if engine.has_image
        else say("agent's image", f"{engine.image} is not there", meaning, "make image"),
        _runc(engine.runc),
        _quota(engine.no_quota),
        *_protections(engine.options),
    )


def _runc(version: str | None) -> Finding:
    if version is None:
        return ok("runc", "another runtime runs containers")
    if runc_is_safe(version):
        return ok("runc", version)
    meaning = "A container can escape from it (CVE-2025-31133, -52565, -52881)."
    return lacking("runc", version, meaning, "Use 1.2.8, 1.3.3 or later, or a release with their fixes.")


def _quota(problem: str) -> Finding:
    if not problem:
        return ok("disk quota", "the kernel bounds what an attempt writes")
    return lacking(
        "disk quota",
        problem,
        "What an attempt writes to the disk is measured every second, and can pass its limit for as long.",
        "Docker's data root on XFS mounted with pquota, or ext4 (-O project,quota) mounted with prjquota.",
    )


def _protections(options: tuple[str, ...]) -> tuple[Finding, ...]:
    """Seccomp, a mandatory access control and remapped users, as the daemon's own options have them."""
    given = {option.partition(",")[0].removeprefix("name="): option for option in options}
    profile = given.get("seccomp", "").partition("profile=")[2]
    control = next((name for name in ("apparmor", "selinux") if name in given), None)
    remapped = next((name for name in ("rootless", "userns") if name in given), None)
    return (
        ok("seccomp", profile or "on")
        if "seccomp" in given and profile != "unconfined"
        else lacking(
            "seccomp",
            "off",
            "The agent may make every system call of the kernel.",
            "Run a kernel with seccomp, and no unconfined default in daemon.json.",
        ),
        ok("AppArmor/SELinux", control)
        if control
        else lacking(
            "AppArmor/SELinux",
            "neither",
            "One wall fewer between the agent and the host.",
            "Switch on what the distribution brings.",
        ),
        ok("remapped users", remapped)
        if remapped
        else lacking(
            "remapped users",
            "off",
            "Whoever breaks out of a container is the same user outside.",
            '"userns-remap": "default" in daemon.json',
        ),
    )


def _openmp(*, has_openmp: bool) -> Finding:
    if has_openmp:
        return ok("libgomp", "there")
    meaning = "LightGBM cannot be used without a container."
    return lacking("libgomp", "absent", meaning, "apt install libgomp1")


def _disk(path: str, free_bytes: int) -> Finding:
    found = f"{free_bytes / _GIB:.1f} GiB free in {path}"
    if free_bytes >= _DISK_WISHED_BYTES:
        return ok("disk", found)
    say = broken if free_bytes < _DISK_NEEDED_BYTES else lacking
    meaning = "The log takes no more events once the disk is full."
    return say("disk", found, meaning, "Free some, or name a folder elsewhere by --home.")


_USED_FOR: Final = {
    "KAGGLE_USERNAME": "Only competitions on this machine can be solved.",
    "KAGGLE_KEY": "Only competitions on this machine can be solved.",
    "ANTHROPIC_API_KEY": "Plans are made from templates.",
}


def _secret(name: str, given: bool | str) -> Finding:
    if given is True:
        return ok(name, "set")
    if given is False:
        return lacking(name, "not set", _USED_FOR[name], f"Set {name} or {name}_FILE.")
    return broken(name, given, "The executor does not start with it.", "Correct it, or unset both.")

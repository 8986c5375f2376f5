"""Each limit of an attempt's container, against code in the agent's place that tries to get past it."""

from __future__ import annotations

import asyncio
import json
import subprocess
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from events.catalogue import AttemptFailed, AttemptScheduled, AttemptStarted, JobRequested
from events.log import JobAt
from events.memory import MemoryLog
from services.executor import disk
from services.executor.container import docker_facts
from services.executor.docker import DockerRuntime
from services.executor.egress_gates import Gates
from services.executor.loop import Executor
from services.executor.runtime import SandboxSpec
from tests.unit.executor.stage import PRELUDE, MemoryStore, agent, events_of, running_here, settings, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from aiodocker import Docker

pytestmark = pytest.mark.docker

TOLD = """
import errno, stat
def tried(action):
    try:
        action()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "BROKE"
def tell(**facts):
    sys.stdout.write(json.dumps(facts) + "\\n")
    sys.stdout.flush()
def ids():
    lines = Path("/proc/self/status").read_text().splitlines()
    return {line.split(":")[0]: line.split(":")[1].split() for line in lines}
"""

FILLING = """
for number in range(10**6):
    (output / f"{number}").write_bytes(os.urandom(2**20))
    time.sleep(0.02)
"""


@pytest.fixture
async def runtime(docker: Docker, scripted_image: str, tmp_path: Path) -> AsyncIterator[DockerRuntime]:
    system = await docker.system.info()
    facts = docker_facts(
        cpus=64, memory_bytes=2**29, host_cpus=system["NCPU"], host_memory_bytes=system["MemTotal"]
    )
    runtime = DockerRuntime(
        docker,
        image=scripted_image,
        executor=f"limits-{uuid4().hex}",
        facts=facts,
        gates=Gates(tmp_path / "egress"),
    )
    yield runtime
    for left in await runtime.find():
        await left.remove()


async def told(runtime: DockerRuntime, tmp_path: Path, body: str, **changes: object) -> dict[str, Any]:
    """What an agent with this body says on its one line of JSON."""
    agent(tmp_path / "data", TOLD + body)
    given = {
        "job_id": uuid4().hex,
        "attempt": 1,
        "variables": {"PODIUM_COMPETITION": "t"},
        "data_dir": tmp_path / "data",
        "cpus": 1.0,
        "memory_bytes": 2**29,
        "network": False,
    }
    sandbox = await runtime.start(SandboxSpec(**(given | changes)))
    async with asyncio.timeout(60):
        lines = [line async for _, line in sandbox.lines()]
        end = await sandbox.wait()
    await sandbox.remove()
    assert end.code == 0, lines
    facts: dict[str, Any] = json.loads(lines[-1])
    return facts


async def test_the_agent_is_an_ordinary_user_who_can_become_no_other(
    runtime: DockerRuntime, tmp_path: Path
) -> None:
    body = """
status = ids()
tell(
    users=sorted(set(status["Uid"] + status["Gid"])),
    groups=sorted(os.getgroups()),
    capabilities=[int(status[name][0], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
    no_new_privileges=status["NoNewPrivs"],
    seccomp=status["Seccomp"],
    tried={
        "setuid": tried(lambda: os.setuid(0)),
        "chroot": tried(lambda: os.chroot("/tmp")),
        "device": tried(lambda: os.mknod("/tmp/disk", stat.S_IFBLK | 0o666, os.makedev(8, 0))),
        "hostname": tried(lambda: open("/proc/sys/kernel/hostname", "w")),
        "core pattern": tried(lambda: open("/proc/sys/kernel/core_pattern", "w")),
        "sysrq": tried(lambda: open("/proc/sysrq-trigger", "w")),
        "kernel's memory": tried(lambda: open("/proc/kcore", "rb").read(1)),
        "shadow": tried(lambda: open("/etc/shadow")),
    },
)
"""
    said = await told(runtime, tmp_path, body)
    assert said["users"] == ["10001"]
    assert set(said["groups"]) <= {10001}
    assert said["capabilities"] == [0, 0, 0, 0, 0]
    assert said["no_new_privileges"] == ["1"]
    assert said["seccomp"] == ["2"]
    assert [name for name, end in said["tried"].items() if end == "BROKE"] == []


async def test_a_set_user_id_program_gains_nothing(
    runtime: DockerRuntime, scripted_image: str, tmp_path: Path
) -> None:
    image = f"podium-limits-setuid:{uuid4().hex[:12]}"
    made = "RUN install -m 4755 /usr/bin/id /usr/bin/id-of-root"
    recipe = f"FROM {scripted_image}\nUSER root\n{made}\nUSER agent\n"
    command = ["docker", "build", "-q", "-t", image, "-"]
    await asyncio.to_thread(subprocess.run, command, input=recipe.encode(), check=True, capture_output=True)
    try:
        plain = ["docker", "run", "--rm", "--network=none", "--entrypoint=/usr/bin/id-of-root", image, "-u"]
        elsewhere = await asyncio.to_thread(subprocess.run, plain, check=True, capture_output=True)
        assert elsewhere.stdout == b"0\n", "the program is one that makes root of an ordinary user"
        there = DockerRuntime(
            runtime._docker,
            image=image,
            executor=runtime._executor,
            facts=runtime.facts,
            gates=runtime._gates,
        )
        body = "tell(user=subprocess.run(['/usr/bin/id-of-root', '-u'], capture_output=True).stdout.decode())"
        assert await told(there, tmp_path, body) == {"user": "10001\n"}
    finally:
        await asyncio.to_thread(
            subprocess.run, ["docker", "rmi", "-f", image], check=True, capture_output=True
        )


async def test_only_a_few_folders_can_be_written_and_each_is_bounded(
    runtime: DockerRuntime, tmp_path: Path
) -> None:
    body = """
def fill(path, bytes):
    with open(path, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, bytes)
writable, sockets = [], []
for folder, below, files in os.walk("/"):
    if folder == "/":
        below[:] = sorted(set(below) - {"proc", "sys"})
    if tried(lambda: open(f"{folder}/.probe", "w").close()) == "BROKE":
        writable.append(folder)
    sockets += [f"{folder}/{name}" for name in files if stat.S_ISSOCK(os.lstat(f"{folder}/{name}").st_mode)]
refused = ("/x", "/etc/passwd", "/opt/venv/x", "/app/agent/__main__.py", "/data/x")
program = Path("/tmp/program")
program.write_bytes(Path("/bin/true").read_bytes())
program.chmod(0o755)
tell(
    writable=sorted(set(writable) - {"/output/work"}),
    sockets=sockets,
    refused={path: tried(lambda: open(path, "w")) for path in refused},
    temporary=tried(lambda: fill("/tmp/x", 2 * 2**30 + 1)),
    shared=tried(lambda: fill("/dev/shm/x", 256 * 2**20 + 1)),
    inodes=os.statvfs("/tmp").f_files,
    program=tried(lambda: os.execv("/tmp/program", ["program"])),
)
"""
    said = await told(runtime, tmp_path, body)
    assert said["writable"] == ["/dev/mqueue", "/dev/shm", "/output", "/tmp"]
    assert said["sockets"] == []
    assert set(said["refused"].values()) == {"EROFS"}
    assert (said["temporary"], said["shared"], said["inodes"]) == ("ENOSPC", "ENOSPC", 100 * 1024)
    assert said["program"] == "EACCES"


async def test_nothing_of_the_host_is_mounted_but_the_job_s_own(
    runtime: DockerRuntime, tmp_path: Path
) -> None:
    body = """
kernel = {"proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2", "overlay"}
mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
tell(mounts=sorted(m[4] for m in mounts if m[m.index("-") + 1] not in kernel))
"""
    said = await told(runtime, tmp_path, body)
    assert said["mounts"] == ["/data", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/output"]


async def test_without_a_network_nobody_can_be_reached(runtime: DockerRuntime, tmp_path: Path) -> None:
    body = """
import socket
def reached(address):
    with socket.create_connection(address, 2): pass
with socket.socket(socket.AF_UNIX) as listening:
    listening.bind("\\0podium-limits")
    tell(
        interfaces=sorted(os.listdir("/sys/class/net")),
        routes=Path("/proc/net/route").read_text().splitlines()[1:],
        abstract=[word for word in Path("/proc/net/unix").read_text().split() if word.startswith("@")],
        processes=[name for name in os.listdir("/proc") if name.isdigit()],
        tried=[tried(lambda: reached((host, port))) for host, port in
               (("172.17.0.1", 22), ("172.17.0.2", 80), ("169.254.169.254", 80), ("1.1.1.1", 443))],
    )
"""
    said = await told(runtime, tmp_path, body)
    assert said["interfaces"] == ["lo"]
    assert said["routes"] == []
    assert said["abstract"] == ["@podium-limits"]
    assert said["processes"] == ["1"]
    assert set(said["tried"]) == {"ENETUNREACH"}


async def test_processes_are_counted(runtime: DockerRuntime, tmp_path: Path) -> None:
    body = """
def forked():
    if os.fork() == 0:
        signal.pause()
made = 0
while (end := tried(forked)) == "BROKE" and made < 2000:
    made += 1
tell(made=made, end=end)
"""
    said = await told(runtime, tmp_path, body)
    assert said == {"made": 511, "end": "EAGAIN"}


async def test_more_processes_get_no_more_processor_time(runtime: DockerRuntime, tmp_path: Path) -> None:
    body = """
until = time.monotonic() + 2
children = [os.fork() for _ in range(4) if os.getpid() == 1]
while time.monotonic() < until: pass
if os.getpid() == 1:
    for child in children: os.waitpid(child, 0)
    usage = os.times()
    tell(used=sum(usage[:4]))
"""
    said = await told(runtime, tmp_path, body, cpus=0.25)
    assert 0.05 < said["used"] < 0.9


async def test_a_job_that_takes_too_much_memory_time_or_disk_says_which(
    runtime: DockerRuntime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, jobs = MemoryLog(), {name: uuid4().hex for name in ("memory", "time", "disk")}
    monkeypatch.setattr(disk, "CHECK_S", 0.5)
    for name, body in (
        ("memory", "held = [os.urandom(2**22) for _ in range(1000)]"),
        ("time", "signal.signal(15, signal.SIG_IGN)\nwhile True: pass"),
        ("disk", FILLING),
    ):
        public = tmp_path / "competitions" / name / "public"
        public.mkdir(parents=True)
        (public / "agent.py").write_text(PRELUDE + body)
        requested = JobRequested(
            job_id=jobs[name],
            competition=name,
            source="local",
            kaggle_url=f"local:{name}",
            time_limit_s=2 if name == "time" else None,
        )
        sequence = await log.append(requested, expect=JobAt(sequence=0))
        await log.append(AttemptScheduled(job_id=jobs[name], attempt=1), expect=JobAt(sequence=sequence))
    given = settings(tmp_path, disk_bytes_max=64 * 2**20)
    async with running_here(Executor(log, runtime, MemoryStore(), given)) as executor:
        ended = {name: (await until(log, job, AttemptFailed))[-1] for name, job in jobs.items()}
        async with asyncio.timeout(20):
            while executor.running:
                await asyncio.sleep(0.05)
    reasons = {name: event.reason for name, event in ended.items() if isinstance(event, AttemptFailed)}
    assert reasons == {"memory": "out_of_memory", "time": "time_limit", "disk": "disk_full"}
    started = (await events_of(log, jobs["memory"]))[2]
    assert isinstance(started, AttemptStarted)
    host_cpus = (await runtime._docker.system.info())["NCPU"]
    assert started.cpus == host_cpus
    assert started.notes == (f"64 CPUs were asked for, the Docker host has {host_cpus}",)
    assert await runtime.find() == []


async def test_memory_has_no_swap_behind_it(runtime: DockerRuntime, tmp_path: Path) -> None:
    body = """
def number(*paths):
    return next((Path(path).read_text().strip() for path in paths if Path(path).exists()), None)
tell(
    memory=number("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"),
    both=number("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes"),
    swap=number("/sys/fs/cgroup/memory.swap.max"),
)
"""
    said = await told(runtime, tmp_path, body)
    assert said["memory"] == str(2**29)
    assert said["both"] == said["memory"] or said["swap"] == "0"


async def test_what_the_host_has_of_its_own_keeps_a_container_in(
    docker: Docker, runtime: DockerRuntime, tmp_path: Path
) -> None:
    """AppArmor and user namespaces are Docker's to apply: nothing that is asked for switches them off."""
    offered = {option.split(",")[0] for option in (await docker.system.info())["SecurityOptions"]}
    body = """
confined = Path("/proc/self/attr/current")
tell(
    apparmor=confined.read_text() if tried(lambda: confined.read_text()) == "BROKE" else "",
    users=Path("/proc/self/uid_map").read_text().split(),
)
"""
    said = await told(runtime, tmp_path, body)
    assert "name=seccomp" in offered
    assert ("name=userns" in offered) == (said["users"][1] != "0")
    if "name=apparmor" in offered:
        assert said["apparmor"].startswith("docker-default (enforce)")

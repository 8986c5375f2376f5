"""How many jobs a gateway takes durably a second, beside a bare append and a rival, in one run.

make bench-gateway

All are asked over the same number of connections (or appends in flight), one after the other, with the
servers of `podium up`: a NATS that has each append on disk before its ack, a Postgres with its defaults, a
Valkey with an append-only file.  The gateway has everything on: API keys (each of many, within its rate),
idempotency keys, the rate limit in Redis, the hooks of the traces.  Nothing takes the jobs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import msgspec
import uvloop

from cli.embedded.postgres import Postgres
from cli.embedded.servers import free_port, valkey_command
from events.catalogue import JobRequested
from events.jetstream import JetStreamLog, ensure_stream
from events.log import JobAt
from events.subjects import STREAM
from services.gateway.job_id import new_job_id
from services.key_store import KeyStore, ensure_key_bucket
from services.running import utc_now
from tests.bench.http_load import Orders, Seen
from tests.servers import NatsServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

ROOT = Path(__file__).parents[2]
RIVAL_PYTHON = ROOT / ".podium" / "rival" / "bin" / "python"
BODY = '{"kaggle_url": "https://www.kaggle.com/competitions/titanic"}'
PER_MINUTE = 10
WARM_S = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--connections", type=int, default=32, help="at once (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=10, help="each measured for (default: %(default)s)")
    options = parser.parse_args()
    if not RIVAL_PYTHON.exists():
        parser.error("the rival is not installed: make bench-gateway")
    with tempfile.TemporaryDirectory(prefix="podium-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        measure(folder, connections=options.connections, seconds=options.seconds)


def measure(folder: Path, *, connections: int, seconds: float) -> None:
    nats = NatsServer(folder)
    nats.start()
    postgres = Postgres(folder / "postgres")
    database_url = postgres.start()
    try:
        with valkey(folder / "valkey") as redis_url:
            print(f"{connections} at once, {seconds:g} s each, {os.cpu_count()} processors", flush=True)
            one = uvloop.run(appends(nats, in_flight=1, seconds=seconds))
            print(f"append, one after the other {one:10,.0f}/s", flush=True)
            bare = uvloop.run(appends(nats, in_flight=connections, seconds=seconds))
            print(f"append, {connections:>3} in flight        {bare:10,.0f}/s", flush=True)
            tokens = asyncio.run(
                made_keys(nats, count=int((WARM_S + seconds) * bare / PER_MINUTE) + connections)
            )
            orders = Orders(
                port=0,
                path="/run",
                body=BODY,
                tokens=tokens,
                connections=connections,
                warm_s=WARM_S,
                seconds=seconds,
            )
            ours = loaded(gateway(nats, database_url, redis_url), orders, "gateway")
            stored = asyncio.run(length(nats))
            theirs = loaded(rival(folder, database_url, redis_url, tokens), orders, "FastAPI, Celery")
            rate, other = ours.accepted / seconds, theirs.accepted / seconds
            print(
                f"the gateway is {rate / other:.1f} times the rival and {rate / bare:.2f} of the bare append"
            )
            print(f"({rate / one:.2f} of one after the other); {stored:,} events were in the log at its end")
    finally:
        postgres.stop()
        nats.kill()


async def appends(nats: NatsServer, *, in_flight: int, seconds: float) -> float:
    """Events appended a second by nats-py over one connection."""
    async with nats.connection() as connection:
        log = JetStreamLog(connection, source="bench")
        await ensure_stream(connection.jetstream())
        end, done = time.perf_counter() + seconds, 0

        async def write() -> None:
            nonlocal done
            while time.perf_counter() < end:
                event = JobRequested(
                    job_id=new_job_id(),
                    competition="titanic",
                    source="kaggle",
                    kaggle_url="https://x.example",
                )
                await log.append(event, expect=JobAt(sequence=0))
                done += 1

        await asyncio.gather(*(write() for _ in range(in_flight)))
        return done / seconds


async def length(nats: NatsServer) -> int:
    async with nats.connection() as connection:
        return (await connection.jetstream().stream_info(STREAM)).state.messages


async def made_keys(nats: NatsServer, *, count: int) -> list[str]:
    async with nats.connection() as connection:
        await ensure_key_bucket(connection.jetstream())
        store = KeyStore(connection)
        made = []
        for start in range(0, count, 200):
            names = [f"bench {number}" for number in range(start, min(start + 200, count))]
            made += await asyncio.gather(
                *(store.make(name=name, scopes=("submit",), now=utc_now(), expires_at=None) for name in names)
            )
        return [token for _, token in made]


@contextmanager
def gateway(nats: NatsServer, database_url: str, redis_url: str) -> Iterator[int]:
    port = free_port()
    settings = {
        "NATS_URL": nats.url,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "PODIUM_PORT": str(port),
        "PODIUM_API_KEYS": "required",
        "PODIUM_SUBMITS_PER_MINUTE": str(PER_MINUTE),
    }
    with running([sys.executable, "-m", "services.gateway"], settings):
        wait_for(f"http://127.0.0.1:{port}/health/ready")
        yield port


@contextmanager
def rival(folder: Path, database_url: str, redis_url: str, tokens: Sequence[str]) -> Iterator[int]:
    port = free_port()
    (folder / "tokens").write_text("\n".join(tokens))
    settings = {
        "RIVAL_DATABASE_URL": database_url.replace("postgresql://", "postgresql+psycopg://", 1),
        "RIVAL_REDIS_URL": redis_url,
        "RIVAL_TOKENS": str(folder / "tokens"),
    }
    python = str(RIVAL_PYTHON)
    subprocess.run(
        [python, "-m", "tests.bench.rival.app"], env={**os.environ, **settings}, cwd=ROOT, check=True
    )
    serve = [python, "-m", "uvicorn", "tests.bench.rival.app:app", "--port", str(port), "--no-access-log"]
    with running([*serve, "--loop", "uvloop"], settings):
        wait_for(f"http://127.0.0.1:{port}/docs")
        yield port


@contextmanager
def valkey(folder: Path) -> Iterator[str]:
    port = free_port()
    with running(list(valkey_command(folder, port)), {}):
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def running(command: Sequence[str], settings: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PODIUM_")}
    process = subprocess.Popen(
        command, env=environment | settings, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
        assert process.poll() is None, f"{command} ended in the middle"
    finally:
        process.terminate()
        process.wait(timeout=20)


def wait_for(url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if httpx.get(url).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise TimeoutError(url)


def loaded(service: AbstractContextManager[int], orders: Orders, name: str) -> Seen:
    """What a service, whose port it gives, answers under the load."""
    with service as port:
        told = msgspec.json.encode(msgspec.structs.replace(orders, port=port))
        command = [sys.executable, "-m", "tests.bench.http_load"]
        run = subprocess.run(command, input=told, stdout=subprocess.PIPE, check=True, cwd=ROOT)
    seen = msgspec.json.decode(run.stdout, type=Seen)
    print(
        f"{name:<27} {seen.accepted / orders.seconds:10,.0f}/s   p50 {seen.p50_ms:.1f} ms"
        f"   p99 {seen.p99_ms:.1f} ms   other answers: {seen.others or 'none'}",
        flush=True,
    )
    return seen


if __name__ == "__main__":
    main()

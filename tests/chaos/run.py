"""One run: the stack comes up, jobs come in, things go wrong, everything comes back, and all is judged."""

from __future__ import annotations

import asyncio
import json
import random
import time
from typing import TYPE_CHECKING, Final

import httpx
import msgspec

from tests.chaos import agent
from tests.chaos.clients import Clients
from tests.chaos.faults import Fault, Trouble
from tests.chaos.history import History, read_log, read_marks, read_rows
from tests.e2e.database import own_postgres
from tests.e2e.stack import Stack, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.database import KillablePostgres

SLUG: Final = "chaos"
GATEWAYS: Final = ("gateway", "gateway-2")
SCHEDULERS: Final = ("scheduler", "scheduler-2")
EXECUTORS: Final = ("executor", "executor-2", "executor-3")
PARTS: Final = (*GATEWAYS, *SCHEDULERS, *EXECUTORS, "projector", "projector-2")
PAUSE_BEYOND_LEASE_S: Final = 2.5
_LOOK_S: Final = 0.1


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How much of what.

    Jobs come in over the first half of `trouble_s`, the time in which things go wrong, one `every_s`;
    `settle_s` is how long jobs may take to end once everything is back.
    """

    jobs: int
    seed: int
    trouble_s: float
    every_s: tuple[float, float]
    settle_s: float
    lease_s: float = 6.0
    running_max: int = 4
    slots: int = 2
    cancel_share: float = 0.15


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to judge, and what was done to bring it about.

    `outages_s` are times without a gateway that takes jobs; `own_ends` the last words of parts that ended
    without having been killed; `unsure` counts requests to submit that were sent again, because nobody told
    their fate, `resumed` streams that began anew.
    """

    history: History
    faults: tuple[Fault, ...]
    outages_s: tuple[float, ...]
    own_ends: tuple[str, ...]
    cancelled: frozenset[str]
    unsure: int
    resumed: int
    settled_s: float


async def run(plan: Plan, home: Path) -> Outcome:
    """Do all of it in a folder.

    Raises:
        TimeoutError: a job had not ended, or a watcher not seen its end, in time.
    """
    marks = home / "marks"
    marks.mkdir()
    (home / "competitions" / SLUG / "public").mkdir(parents=True)
    settings = {
        "PODIUM_LEASE_S": str(plan.lease_s),
        "PODIUM_MAX_RUNNING": str(plan.running_max),
        "PODIUM_SLOTS": str(plan.slots),
        "PODIUM_RETRY_DELAYS_S": "0.5,1",
        "PODIUM_EXECUTOR_ID": "chaos",
        "PODIUM_CHAOS_AGENT": json.dumps(agent.command(home / "agent", marks=marks, seed=plan.seed)),
    }
    with own_postgres() as (postgres, url):
        stack = Stack(home, url, settings, modules={"executor": "tests.chaos.executor"})
        stack.nats.start()
        try:
            stack.start(*PARTS)
            await asyncio.to_thread(stack.wait_ready)
            return await _in_trouble(plan, stack, postgres, marks)
        finally:
            stack.stop()


async def _in_trouble(plan: Plan, stack: Stack, postgres: KillablePostgres, marks: Path) -> Outcome:
    loop = asyncio.get_running_loop()
    clients = Clients([stack.url_of(name) for name in GATEWAYS], seed=plan.seed)
    trouble = Trouble(stack, postgres, PARTS, seed=plan.seed, pause_s=plan.lease_s + PAUSE_BEYOND_LEASE_S)
    outages: list[float] = []
    looking = asyncio.create_task(_look(stack, outages))
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(trouble.make(every_s=plan.every_s, until_s=loop.time() + plan.trouble_s))
            tasks.create_task(_submit(plan, clients))
        await trouble.over()
        calm_at = loop.time()
        async with asyncio.timeout(plan.settle_s):
            await clients.all_seen()
        records = await read_log(stack.nats.url)
        settled_s = loop.time() - calm_at
        rows = await read_rows(stack.database_url, last=records[-1].sequence)
        await asyncio.to_thread(_assert_quiet, marks)
    finally:
        looking.cancel()
        await clients.close()
    return Outcome(
        history=History(
            records=records,
            rows=rows,
            marks=read_marks(marks),
            accepted=frozenset(clients.accepted),
            seen=clients.seen,
        ),
        faults=tuple(trouble.done),
        outages_s=tuple(outages),
        own_ends=tuple(trouble.own_ends),
        cancelled=frozenset(clients.cancelled),
        unsure=clients.unsure,
        resumed=clients.resumed,
        settled_s=settled_s,
    )


async def _submit(plan: Plan, clients: Clients) -> None:
    """Submit all jobs at moments of their own, and cancel some a little later."""
    chance = random.Random(plan.seed)

    async def one(number: int, after_s: float, cancel_after_s: float | None) -> None:
        await asyncio.sleep(after_s)
        job_id = await clients.submit(number, SLUG)
        if cancel_after_s is not None:
            await asyncio.sleep(cancel_after_s)
            await clients.cancel(job_id)

    async with asyncio.TaskGroup() as tasks:
        for number in range(plan.jobs):
            cancel = chance.uniform(0, 5) if chance.random() < plan.cancel_share else None
            tasks.create_task(one(number, chance.uniform(0, plan.trouble_s / 2), cancel))


async def _look(stack: Stack, outages: list[float]) -> None:
    """Note how long there is no gateway that takes jobs."""
    away_since: float | None = None
    async with httpx.AsyncClient(timeout=2) as client:
        while True:
            now = time.monotonic()
            ready = [await _is_ready(client, stack.url_of(name)) for name in GATEWAYS]
            if any(ready) and away_since is not None:
                outages.append(now - away_since)
                away_since = None
            elif not any(ready) and away_since is None:
                away_since = now
            await asyncio.sleep(_LOOK_S)


async def _is_ready(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(f"{url}/health/ready")).is_success
    except httpx.TransportError:
        return False


def _assert_quiet(marks: Path) -> None:
    """No agent is left that beats."""

    def stands_still() -> bool:
        before = read_marks(marks)
        time.sleep(4 * agent.BEAT_S)
        return before == read_marks(marks)

    wait_for(stands_still, timeout_s=15, what=lambda: "agents go on after the end of all jobs")

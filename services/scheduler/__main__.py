"""Run a scheduler: ``python -m services.scheduler``."""

from __future__ import annotations

import asyncio
import os
import time
from functools import partial
from typing import TYPE_CHECKING

from events import subjects
from events.jetstream import ensure_stream
from events.live import LiveJobs
from services import broker, logs, tracing
from services.environment import Environment, SettingError
from services.live_store import LiveStore, ensure_live_bucket
from services.presence import HeartbeatError, decode
from services.pulse import PulsingLog
from services.running import refuse, until_stopped, utc_now
from services.scheduler.keeping import Keeper
from services.scheduler.loop import Scheduler
from services.scheduler.roster import Roster
from services.scheduler.settings import read

if TYPE_CHECKING:
    from nats.aio.msg import Msg

    from services.scheduler.settings import Settings


async def serve(settings: Settings) -> None:
    """Schedule until a signal comes."""
    roster = Roster(utc_now)

    async def on_heartbeat(message: Msg) -> None:
        executor = message.subject.rsplit(".", 1)[-1]
        try:
            roster.heard(executor, decode(message.data))
        except HeartbeatError:
            # One of another version lives all the same.
            roster.heard(executor)

    connection = await broker.connect(
        settings.nats_url,
        name="scheduler",
        tls=settings.nats_tls,
        inbox="scheduler",
        on_reconnect=roster.listen_afresh,
    )
    await broker.insist(partial(ensure_stream, connection.jetstream(), replicas=settings.nats_replicas))
    await broker.insist(partial(ensure_live_bucket, connection.jetstream(), replicas=settings.nats_replicas))
    await connection.subscribe(subjects.HEARTBEATS, cb=on_heartbeat)
    log = PulsingLog(connection, source="podium/scheduler", file=settings.pulse_file)
    store = LiveStore(connection, log)
    known = await store.load()
    log.go_on_from(known)
    keeper = Keeper(store, kept=known.sequence, clock=time.monotonic)
    scheduler = Scheduler(log, settings.rules, roster, clock=utc_now, jobs=LiveJobs(known), seen=keeper.offer)
    await until_stopped(scheduler.run())
    await connection.close()


def main() -> None:
    """Read the settings and serve; exit with 2 where they are wrong."""
    logs.configure("scheduler")
    try:
        settings = read(Environment(os.environ))
        tracing.configure("scheduler", Environment(os.environ))
    except SettingError as error:
        refuse("scheduler", error)
    asyncio.run(serve(settings))


if __name__ == "__main__":
    main()

"""Run an executor: ``python -m services.executor``."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from events import subjects
from events.jetstream import ensure_stream
from events.live import LiveJobs
from services import broker, logs, tracing
from services.artifacts import ArtifactStore, ensure_bucket, keep_artifacts
from services.attendance import Attendance
from services.environment import Environment, SettingError
from services.executor.choice import RuntimeChoiceError, choose
from services.executor.heartbeat import beat, say_last
from services.executor.loop import Executor
from services.executor.settings import read
from services.live_store import LiveStore
from services.logstream import LogLines, ensure_log_stream
from services.pulse import PulsingLog
from services.running import refuse, until_stopped

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from nats.aio.msg import Msg

    from services.executor.settings import Settings


async def serve(settings: Settings) -> None:
    """Execute attempts until a signal comes.

    Raises:
        RuntimeChoiceError: the runtime that was asked for cannot be used.
    """
    runtime, closing = await choose(settings)
    connection = await broker.connect(
        settings.nats_url, name=f"executor {settings.executor}", tls=settings.nats_tls, inbox="executor"
    )
    js = connection.jetstream()
    await broker.insist(partial(ensure_stream, js, replicas=settings.nats_replicas))
    await broker.insist(partial(ensure_bucket, js, replicas=settings.nats_replicas))
    await broker.insist(partial(keep_artifacts, js, days=settings.artifact_days))
    log = PulsingLog(connection, source=f"podium/executor/{settings.executor}", file=settings.pulse_file)
    kept = partial(ensure_log_stream, js, bytes_max=settings.log_bytes, days=settings.log_days)
    await broker.insist(partial(kept, replicas=settings.nats_replicas))
    known = await LiveStore(connection, log).load()
    log.go_on_from(known)
    others = Attendance(time.monotonic)
    await connection.subscribe(subjects.HEARTBEATS, cb=_hearing(others))
    executor = Executor(
        log,
        runtime,
        ArtifactStore(js),
        settings,
        lines=LogLines(connection),
        others=others.alive,
        jobs=LiveJobs(known),
    )
    beating = asyncio.create_task(beat(connection, executor.told))
    try:
        await until_stopped(executor.run(), gently=executor.drain if settings.drain_s else None)
    finally:
        beating.cancel()
        await say_last(connection, executor.told(leaving=True))
        await connection.close()
        if closing is not None:
            await closing.close()


def _hearing(others: Attendance) -> Callable[[Msg], Awaitable[None]]:
    async def hear(message: Msg) -> None:
        others.heard(message.data)

    return hear


@contextmanager
def only_one(settings: Settings) -> Iterator[None]:
    """Hold the executor's id on this machine: a second process of it would take the first one's attempts.

    Raises:
        SettingError: there is one already.
    """
    settings.work_dir.mkdir(parents=True, exist_ok=True)
    with (settings.work_dir / f"executor-{settings.executor}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingError(
                f"an executor named {settings.executor} runs already in {settings.work_dir}; "
                "give this one another PODIUM_EXECUTOR_ID"
            ) from None
        yield


def main() -> None:
    """Read the settings and serve; exit with 2 where they are wrong for this machine."""
    logs.configure("executor")
    try:
        settings = read(Environment(os.environ))
        tracing.configure("executor", Environment(os.environ))
        with only_one(settings):
            asyncio.run(serve(settings))
    except (SettingError, RuntimeChoiceError) as error:
        refuse("executor", error)


if __name__ == "__main__":
    main()

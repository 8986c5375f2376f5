"""Run a deliverer of webhooks: ``python -m services.webhooks``."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from typing import TYPE_CHECKING, Final

from events.jetstream import JetStreamLog, ensure_stream
from services import broker, logs
from services.delivery_log import DeliveryLog, ensure_delivery_stream
from services.environment import Environment, SettingError
from services.running import refuse, until_stopped, utc_now
from services.webhook_secrets import WebhookSecrets, ensure_secret_bucket
from services.webhooks.intake import Intake
from services.webhooks.loop import Deliverer
from services.webhooks.sender import Sender
from services.webhooks.settings import read

if TYPE_CHECKING:
    from nats.aio.client import Client

    from services.webhooks.settings import Settings

_LEASES: Final = 3
"""A try counts as lost after so many times what a receiver may take."""


async def serve(settings: Settings) -> None:
    """Deliver until a signal comes."""
    connection = await broker.connect(
        settings.nats_url, name="webhooks", tls=settings.nats_tls, inbox="webhooks"
    )
    js = connection.jetstream()
    for ensure in (ensure_stream, ensure_delivery_stream, ensure_secret_bucket):
        await broker.insist(partial(ensure, js, replicas=settings.nats_replicas))
    try:
        await until_stopped(_run(settings, connection))
    finally:
        await connection.close()


async def _run(settings: Settings, connection: Client) -> None:
    deliveries = DeliveryLog(connection)
    intake = Intake(connection, JetStreamLog(connection, source="podium/webhooks"), deliveries, utc_now)
    async with Sender(answer_s_max=settings.answer_s_max, allowed=settings.allowed) as sender:
        deliverer = Deliverer(
            deliveries,
            WebhookSecrets(connection),
            sender,
            clock=utc_now,
            lease_s=_LEASES * settings.answer_s_max,
            on_pulse=settings.pulse_file.touch if settings.pulse_file else _quiet,
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(intake.run())
            tasks.create_task(deliverer.run())


def _quiet() -> None:
    """There is no file to touch."""


def main() -> None:
    """Read the settings and serve; exit with 2 where they are wrong."""
    logs.configure("webhooks")
    try:
        settings = read(Environment(os.environ))
    except SettingError as error:
        refuse("webhooks", error)
    asyncio.run(serve(settings))


if __name__ == "__main__":
    main()

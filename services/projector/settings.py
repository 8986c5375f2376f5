"""The projector's settings, from the environment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from services import nats_tls
from services.nats_tls import NatsTls

if TYPE_CHECKING:
    from services.environment import Environment


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the log is, and where the rows go (a URL that may hold a password: never log it)."""

    nats_url: str
    nats_replicas: int
    database_url: str
    pulse_file: Path | None
    nats_tls: NatsTls | None = None


def read(environment: Environment) -> Settings:
    """The settings in the environment.

    Raises:
        SettingError: one of them is missing or wrong.
    """
    return Settings(
        nats_url=environment.text("NATS_URL", "nats://127.0.0.1:4222"),
        nats_replicas=environment.integer("PODIUM_NATS_REPLICAS", 1, at_least=1),
        nats_tls=nats_tls.read(environment),
        database_url=environment.text("DATABASE_URL"),
        pulse_file=environment.path("PODIUM_PULSE_FILE"),
    )

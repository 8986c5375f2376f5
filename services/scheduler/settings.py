"""The scheduler's settings, from the environment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import msgspec

from events.subjects import HEARTBEAT_S
from services import nats_tls
from services.environment import SettingError
from services.nats_tls import NatsTls
from services.scheduler.rules import Rules

if TYPE_CHECKING:
    from services.environment import Environment
    from services.scheduler.rules import Jitter


LEASE_S_MIN: Final = 3 * HEARTBEAT_S
"""A heartbeat that is late or lost must not cost attempts that run."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the log is, and the rules."""

    nats_url: str
    nats_replicas: int
    pulse_file: Path | None
    rules: Rules
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
        pulse_file=environment.path("PODIUM_PULSE_FILE"),
        rules=Rules(
            running_max=environment.integer("PODIUM_MAX_RUNNING", 10, at_least=1),
            retry_delays_s=environment.numbers("PODIUM_RETRY_DELAYS_S", (60.0, 120.0)),
            retry_jitter=_jitter(environment),
            submitter_running_max=environment.integer("PODIUM_SUBMITTER_RUNNING_MAX", 0) or None,
            lease_s=environment.number("PODIUM_LEASE_S", 15.0, at_least=LEASE_S_MIN),
            handover_s=environment.number("PODIUM_HANDOVER_S", 120.0, at_least=LEASE_S_MIN),
        ),
    )


def _jitter(environment: Environment) -> Jitter:
    choice = environment.text("PODIUM_RETRY_JITTER", "none")
    if choice not in {"none", "full"}:
        raise SettingError(f"PODIUM_RETRY_JITTER should be none or full, not {choice!r}")
    return cast("Jitter", choice)

"""The deliverer's settings, from the environment."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from services import nats_tls
from services.environment import SettingError
from services.nats_tls import NatsTls

if TYPE_CHECKING:
    from services.environment import Environment


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the log is; how long a receiver may take; what networks besides the internet it may be in."""

    nats_url: str
    nats_replicas: int
    pulse_file: Path | None
    answer_s_max: float
    allowed: tuple[IPv4Network | IPv6Network, ...]
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
        answer_s_max=environment.number("PODIUM_WEBHOOK_ANSWER_S", 15.0, at_least=0.1),
        allowed=_networks("PODIUM_WEBHOOK_NETWORKS", environment.optional("PODIUM_WEBHOOK_NETWORKS")),
    )


def _networks(name: str, value: str | None) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(part.strip()) for part in value.split(",")) if value else ()
    except ValueError as error:
        raise SettingError(f"{name} should hold networks such as 10.0.0.0/8: {error}") from None

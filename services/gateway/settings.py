"""The gateway's settings: the only place that reads its environment."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast, get_args

import msgspec

from services import nats_tls
from services.broker import servers_of
from services.environment import SettingError
from services.nats_tls import NatsTls

if TYPE_CHECKING:
    from services.environment import Environment


_PORT_MAX: Final = 65535
_NATS: Final = ("nats://", "tls://", "ws://", "wss://")
_POSTGRES: Final = ("postgresql://", "postgres://")
_ORIGIN: Final = re.compile(r"https?://[a-z0-9.-]+(?::[0-9]{1,5})?|https?://\[[0-9a-f:]+\](?::[0-9]{1,5})?")
_REDIS: Final = ("redis://", "rediss://", "unix://")


ProxyHeader: TypeAlias = Literal["x-forwarded-for", "forwarded"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway is told at its start.

    `submits_per_minute` and `reads_per_minute` hold for one client (0: no limit), whose address a proxy
    may tell in its `proxy_header` that is in one of the networks `trusted_proxies`; `competitions_dir` holds
    a folder ``<slug>/public`` for each ``local:<slug>``; `attempt_limit_s` is the executors' own limit, the
    most that a job may ask for; pages of `cors_origins` may use the interface from a browser.  One that is
    `read_only` shows a log and appends nothing to it.  With `keys_required` nothing is shown or done
    without an API key; `metrics_open` leaves the metrics out of that.
    """

    nats_url: str
    database_url: str
    redis_url: str | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    competitions_dir: Path | None = None
    submits_per_minute: int = 10
    reads_per_minute: int = 1200
    trusted_proxies: tuple[str, ...] = ()
    proxy_header: ProxyHeader = "x-forwarded-for"
    nats_replicas: int = 1
    attempt_limit_s: int = 7200
    read_only: bool = False
    cors_origins: tuple[str, ...] = ()
    keys_required: bool = False
    metrics_open: bool = False
    nats_tls: NatsTls | None = None

    @property
    def is_open_to_all(self) -> bool:
        """Whoever reaches this machine may do everything."""
        return not self.keys_required and not _is_loopback(self.host)


def read(env: Environment) -> Settings:
    """The settings in the environment.

    Raises:
        SettingError: one of them is missing or wrong; the message names it and holds no secret.
    """
    redis_url = env.optional("REDIS_URL")
    host = env.text("PODIUM_HOST", "127.0.0.1")
    port = env.integer("PODIUM_PORT", 8080, at_least=1)
    if port > _PORT_MAX:
        raise SettingError(f"PODIUM_PORT should be at most {_PORT_MAX}, not {port}")
    return Settings(
        nats_url=_nats_url(env.text("NATS_URL")),
        database_url=_url("DATABASE_URL", env.text("DATABASE_URL"), _POSTGRES),
        redis_url=None if redis_url is None else _url("REDIS_URL", redis_url, _REDIS),
        host=host,
        port=port,
        competitions_dir=_folder("PODIUM_COMPETITIONS_DIR", env.optional("PODIUM_COMPETITIONS_DIR")),
        submits_per_minute=env.integer("PODIUM_SUBMITS_PER_MINUTE", 10),
        reads_per_minute=env.integer("PODIUM_READS_PER_MINUTE", 1200),
        trusted_proxies=_networks("PODIUM_TRUSTED_PROXIES", env.optional("PODIUM_TRUSTED_PROXIES")),
        proxy_header=_proxy_header("PODIUM_PROXY_HEADER", env.text("PODIUM_PROXY_HEADER", "x-forwarded-for")),
        nats_replicas=env.integer("PODIUM_NATS_REPLICAS", 1, at_least=1),
        attempt_limit_s=int(env.number("PODIUM_ATTEMPT_LIMIT_S", 7200, at_least=1)),
        read_only=_flag("PODIUM_READ_ONLY", env.text("PODIUM_READ_ONLY", "0")),
        cors_origins=_origins("PODIUM_CORS_ORIGINS", env.optional("PODIUM_CORS_ORIGINS")),
        keys_required=_keys_required("PODIUM_API_KEYS", env.optional("PODIUM_API_KEYS"), host),
        metrics_open=_flag("PODIUM_METRICS_OPEN", env.text("PODIUM_METRICS_OPEN", "0")),
        nats_tls=nats_tls.read(env),
    )


def _nats_url(value: str) -> str:
    """Addresses of one or several servers, as they are."""
    for server in servers_of(value):
        _url("NATS_URL", server, _NATS)
    return value


def _url(name: str, value: str, schemes: tuple[str, ...]) -> str:
    """The value as it is; it may hold a password, so an error does not repeat it."""
    if not value.lower().startswith(schemes):
        raise SettingError(f"{name} should start with {schemes[0]}")
    return value


def _keys_required(name: str, value: str | None, host: str) -> bool:
    """Without a word about it, keys are needed where others than this machine can reach the gateway."""
    if value is None:
        return not _is_loopback(host)
    if value not in {"required", "off"}:
        raise SettingError(f"{name} should be required or off, not {value!r}")
    return value == "required"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _flag(name: str, value: str) -> bool:
    if value not in {"0", "1"}:
        raise SettingError(f"{name} should be 0 or 1, not {value!r}")
    return value == "1"


def _proxy_header(name: str, value: str) -> ProxyHeader:
    """Only one is read: a client could write the other, and its proxy pass that on."""
    if (known := value.lower()) not in get_args(ProxyHeader):
        raise SettingError(f"{name} should be {' or '.join(get_args(ProxyHeader))}, not {value!r}")
    return cast("ProxyHeader", known)


def _origins(name: str, value: str | None) -> tuple[str, ...]:
    """Origins with commas between them, each as a browser sends it.  Source: RFC 6454, section 6.1."""
    origins = tuple(part.strip() for part in value.split(",")) if value else ()
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise SettingError(f"{name} should hold origins such as https://podium.example, not {origin!r}")
    return origins


def _networks(name: str, value: str | None) -> tuple[str, ...]:
    """Addresses and networks with commas between them."""
    networks = tuple(part.strip() for part in value.split(",")) if value else ()
    for network in networks:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            raise SettingError(
                f"{name} should hold addresses or networks such as 10.0.0.0/8, not {network!r}"
            ) from None
    return networks


def _folder(name: str, value: str | None) -> Path | None:
    if value is None:
        return None
    folder = Path(value)
    if not folder.is_dir():
        raise SettingError(f"{name} should be an existing folder, not {value!r}")
    return folder

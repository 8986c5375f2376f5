"""Which settings are taken, and how a wrong one is named without telling its secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.environment import Environment, SettingError
from services.gateway import settings
from services.gateway.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NEEDED = {"NATS_URL": "nats://n:4222", "DATABASE_URL": "postgresql://u:secret@p/db"}


def read(variables: Mapping[str, str]) -> Settings:
    return settings.read(Environment(variables))


def test_the_defaults() -> None:
    assert read(NEEDED) == Settings(nats_url="nats://n:4222", database_url="postgresql://u:secret@p/db")


def test_everything_set(tmp_path: Path) -> None:
    more = {
        "REDIS_URL": "redis://r:6379/0",
        "PODIUM_HOST": "::",
        "PODIUM_PORT": "80",
        "PODIUM_COMPETITIONS_DIR": str(tmp_path),
        "PODIUM_SUBMITS_PER_MINUTE": "0",
        "PODIUM_READS_PER_MINUTE": "90",
        "PODIUM_TRUSTED_PROXIES": "10.0.0.0/8, ::1",
        "PODIUM_PROXY_HEADER": "Forwarded",
        "PODIUM_NATS_REPLICAS": "3",
        "PODIUM_ATTEMPT_LIMIT_S": "600",
        "PODIUM_CORS_ORIGINS": "https://a.example, http://127.0.0.1:3000",
        "PODIUM_API_KEYS": "off",
        "PODIUM_METRICS_OPEN": "1",
    }
    assert read(NEEDED | more) == Settings(
        nats_url="nats://n:4222",
        database_url="postgresql://u:secret@p/db",
        redis_url="redis://r:6379/0",
        host="::",
        port=80,
        competitions_dir=tmp_path,
        submits_per_minute=0,
        reads_per_minute=90,
        trusted_proxies=("10.0.0.0/8", "::1"),
        proxy_header="forwarded",
        nats_replicas=3,
        attempt_limit_s=600,
        cors_origins=("https://a.example", "http://127.0.0.1:3000"),
        keys_required=False,
        metrics_open=True,
    )


@pytest.mark.parametrize(
    ("host", "wanted", "required", "open_to_all"),
    [
        ("127.0.0.1", "", False, False),
        ("127.1.2.3", "", False, False),
        ("::1", "", False, False),
        ("localhost", "", False, False),
        ("0.0.0.0", "", True, False),
        ("::", "", True, False),
        ("podium.example", "", True, False),
        ("10.0.0.7", "off", False, True),
        ("localhost", "required", True, False),
        ("localhost", "off", False, False),
    ],
)
def test_keys_are_wanted_where_others_can_reach_the_gateway(
    host: str, wanted: str, required: bool, open_to_all: bool
) -> None:
    found = read(NEEDED | {"PODIUM_HOST": host, "PODIUM_API_KEYS": wanted})
    assert (found.keys_required, found.is_open_to_all) == (required, open_to_all)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NATS_URL", ""),
        ("NATS_URL", "http://secret"),
        ("DATABASE_URL", ""),
        ("DATABASE_URL", "mysql://u:secret@p/db"),
        ("REDIS_URL", "secret"),
        ("PODIUM_PORT", "0"),
        ("PODIUM_PORT", "65536"),
        ("PODIUM_PORT", "web"),
        ("PODIUM_COMPETITIONS_DIR", "/no/such/folder"),
        ("PODIUM_SUBMITS_PER_MINUTE", "-1"),
        ("PODIUM_READS_PER_MINUTE", "x"),
        ("PODIUM_PROXY_HEADER", "via"),
        ("PODIUM_TRUSTED_PROXIES", "*"),
        ("PODIUM_TRUSTED_PROXIES", "proxy.example"),
        ("PODIUM_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("PODIUM_NATS_REPLICAS", "0"),
        ("PODIUM_API_KEYS", "yes"),
        ("PODIUM_CORS_ORIGINS", "*"),
        ("PODIUM_CORS_ORIGINS", "https://a.example/"),
        ("PODIUM_CORS_ORIGINS", "https://a.example,"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=name) as raised:
        read(NEEDED | {name: value})
    assert "secret" not in str(raised.value)

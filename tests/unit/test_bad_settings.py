"""A service that is told what it cannot work with says so in one line, and ends with 2."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("service", "name", "value"),
    [
        ("gateway", "DATABASE_URL", "mysql://u:secret@p/db"),
        ("scheduler", "PODIUM_RETRY_JITTER", "some"),
        ("executor", "PODIUM_RUNTIME", "cloud"),
        ("projector", "PODIUM_NATS_REPLICAS", "none"),
    ],
)
def test_a_bad_setting_ends_a_service_with_2(service: str, name: str, value: str) -> None:
    good = {"NATS_URL": "nats://127.0.0.1:1", "DATABASE_URL": "postgresql://127.0.0.1:1/db"}
    ended = subprocess.run(
        [sys.executable, "-m", f"services.{service}"],
        env={**os.environ, **good, name: value},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    [line] = ended.stderr.splitlines()
    assert line.startswith(f"podium {service}: {name} should ")
    assert "secret" not in line

"""Fixtures of tests on real servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.servers import NatsServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    """A server of the test's own, to be killed and started at will."""
    server = NatsServer(tmp_path)
    server.start()
    yield server
    server.kill()

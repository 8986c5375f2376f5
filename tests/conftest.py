"""Fixtures that more than one kind of test needs."""

from __future__ import annotations

import atexit
import os
import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import settings

from cli.embedded.postgres import Postgres
from tests.servers import NatsServer
from tests.turns import turn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterator

# How long one example takes says more of the machine's load than of the code.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """One test, its fixtures included, in its turn; its own limit of time begins then."""
    cache = item.config.cache
    if "PYTEST_XDIST_WORKER" not in os.environ or cache is None:
        return (yield)
    with turn(cache.mkdir("turns"), alone=item.get_closest_marker("alone") is not None):
        return (yield)


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    server = NatsServer(tmp_path_factory.mktemp("nats"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    # Not under pytest's own folder: each run of pytest closes that to other users, and Postgres runs as one.
    folder = Path(mkdtemp(prefix="podium-postgres-"))
    # The library makes its lock file once more at the very end; what is registered first comes after it.
    atexit.register(shutil.rmtree, folder)
    server = Postgres(folder / "data")
    yield server.start()
    server.stop(timeout_s=10)


@pytest.fixture
async def database_url(postgres_url: str) -> AsyncIterator[str]:
    """An empty database of the test's own."""
    name = f"test_{uuid4().hex}"
    admin = await asyncpg.connect(postgres_url)
    try:
        await admin.execute(f"CREATE DATABASE {name}")
        yield urlsplit(postgres_url)._replace(path=f"/{name}").geturl()
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()

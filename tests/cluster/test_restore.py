"""A backup of one server put onto an empty cluster: three copies of everything, and the same fold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import nats
import pytest

from events.jetstream import JetStreamLog, ensure_stream
from events.log import LogAt
from services import broker, nats_tls
from services.archivist.backup import back_up
from services.archivist.restore import restore
from services.environment import Environment
from services.key_store import KeyStore, ensure_key_bucket
from tests.cluster.servers import NAMES, NatsCluster
from tests.e2e.stack import wait_for
from tests.integration.gateway_serving import requested
from tests.integration.test_backup import fill, quiet
from tests.servers import NatsServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 1, 31, tzinfo=UTC)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[NatsCluster]:
    (tmp_path / "cluster").mkdir()
    made = NatsCluster(tmp_path / "cluster")
    for name in NAMES:
        made.start(name)
    try:
        wait_for(lambda: all(map(made.is_healthy, NAMES)), timeout_s=60, what=lambda: "no leader")
        yield made
    finally:
        made.stop()


async def test_a_cluster_that_holds_nothing_gets_all_of_it(cluster: NatsCluster, tmp_path: Path) -> None:
    one = NatsServer(tmp_path)
    one.start()
    tls = nats_tls.read(Environment(cluster.settings("operator")))
    assert tls is not None
    target = await nats.connect(list(broker.servers_of(cluster.url("operator"))), tls=tls.context())
    try:
        async with one.connection() as source:
            await ensure_stream(source.jetstream())
            await ensure_key_bucket(source.jetstream())
            await KeyStore(source).make(name="ci", scopes=["read"], now=NOW, expires_at=None)
            for _ in range(100):
                await fill(source)
            made = await back_up(source, tmp_path / "backup", artifacts=True, now=NOW, tell=quiet)
            assert made.log.jobs == 200
            # It compares the folds itself.
            await restore(target, tmp_path / "backup", replicas=3, replace=False, tell=quiet)
            assert await KeyStore(target).all() == await KeyStore(source).all()
        copies = {info.config.name: info.config.num_replicas for info in await target.jsm().streams_info()}
        assert copies == {"JOBS": 3, "KV_api-keys": 3}
        log = JetStreamLog(target, source="test")
        assert await log.append(requested(), expect=LogAt(sequence=made.log.last)) == made.log.last + 1
    finally:
        await target.close()
        one.kill()

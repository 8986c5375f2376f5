"""What a service needs of JetStream before it can work: asked for until the server is able to."""

from __future__ import annotations

import pytest
from nats.js.errors import ServiceUnavailableError
from structlog.testing import capture_logs

from services import broker


async def test_a_server_that_is_not_ready_is_asked_again_and_that_is_said(monkeypatch) -> None:
    monkeypatch.setattr(broker, "_RETRY_S", 0.001)
    troubles = [ServiceUnavailableError(), TimeoutError(), ConnectionRefusedError()]

    async def prepare() -> None:
        if troubles:
            raise troubles.pop(0)

    with capture_logs() as lines:
        await broker.insist(prepare)
    assert [line["event"] for line in lines] == ["jetstream_not_ready"] * 3


async def test_a_mistake_of_ours_is_no_outage() -> None:
    async def prepare() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        await broker.insist(prepare)

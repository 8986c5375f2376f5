"""Dead letters on a real nats-server: each message once, as it was, whoever sets it aside and how often."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from events import subjects
from events.dead_letters import OMITTED, DeadLetter, DeadLetters, ensure_dead_letters
from events.jetstream import ensure_stream
from events.log import UnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from nats.aio.client import Client

    from tests.servers import NatsServer

SUBJECT = "jobs.j.JobExploded"
HEADERS = {"ce-id": "x", "Nats-Msg-Id": "x", "Nats-Expected-Last-Subject-Sequence": "0"}


@pytest.fixture
async def connection(server: NatsServer) -> AsyncIterator[Client]:
    async with server.connection() as connection:
        await ensure_stream(connection.jetstream())
        await ensure_dead_letters(connection.jetstream())
        yield connection


async def test_a_letter_is_the_message_with_the_reason_and_its_place(connection: Client) -> None:
    js = connection.jetstream()
    await js.publish(SUBJECT, b"\xff poison", headers=HEADERS)
    letters = DeadLetters(connection)
    await letters.set_aside(1, "not\nJSON")
    stored = await js.get_msg(subjects.DEAD_STREAM, 1)
    assert (stored.subject, stored.data) == (f"dead.{SUBJECT}", b"\xff poison")
    originals = {
        "ce-id": "x",
        "Original-Nats-Msg-Id": "x",
        "Original-Nats-Expected-Last-Subject-Sequence": "0",
    }
    assert originals.items() <= stored.headers.items()
    assert await letters.newest(5) == [DeadLetter(sequence=1, subject=SUBJECT, reason="not JSON")]


async def test_a_message_is_set_aside_once_by_any_number_over_any_restart(server, connection) -> None:
    js = connection.jetstream()
    for _ in range(3):
        await js.publish(SUBJECT, b"poison")
    both = (DeadLetters(connection), DeadLetters(connection))
    await asyncio.gather(*(letters.set_aside(place, "no") for place in (1, 2, 3) for letters in both))
    server.kill()
    server.start()
    async with server.connection() as again:
        letters = DeadLetters(again)
        await letters.set_aside(2, "no")
        assert await letters.count() == 3
        assert [letter.sequence for letter in await letters.newest(2)] == [
            letter.sequence for letter in (await letters.newest(3))[:2]
        ]
        assert {letter.sequence for letter in await letters.newest(9)} == {1, 2, 3}


async def test_letters_that_were_dealt_with_may_be_deleted(connection) -> None:
    js = connection.jetstream()
    for place in (1, 2, 3):
        await js.publish(SUBJECT, b"poison")
        await DeadLetters(connection).set_aside(place, "no")
    await js.delete_msg(subjects.DEAD_STREAM, 2)
    letters = DeadLetters(connection)
    assert [letter.sequence for letter in await letters.newest(9)] == [3, 1]
    assert await letters.count() == 2


async def test_a_message_as_large_as_can_be_is_set_aside_without_its_payload(connection) -> None:
    js = connection.jetstream()
    await js.publish(SUBJECT, b"x" * connection.max_payload)
    await DeadLetters(connection).set_aside(1, "no JSON")
    stored = await js.get_msg(subjects.DEAD_STREAM, 1)
    assert (stored.data or b"", stored.headers[OMITTED]) == (b"", str(connection.max_payload))


async def test_a_server_that_is_away_is_not_taken_for_one_without_letters(server, connection) -> None:
    await connection.jetstream().publish(SUBJECT, b"poison")
    server.kill()
    letters = DeadLetters(connection)
    outcomes = await asyncio.gather(
        letters.set_aside(1, "no"), letters.count(), letters.newest(1), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [UnavailableError] * 3
    server.start()
    while not connection.is_connected:
        await asyncio.sleep(0.02)

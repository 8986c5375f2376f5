"""What is written to a connection in one turn of the loop goes out together, in order, and is never lost."""

from __future__ import annotations

import asyncio

from services.gateway.joined import JoinedWrites


class Wire(asyncio.Transport):
    """Keeps what it was told to do."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 80)})
        self.done: list[bytes | str] = []
        self.is_gone = False

    def is_closing(self) -> bool:
        return self.is_gone

    def write(self, data: bytes) -> None:  # type: ignore[override]
        self.done.append(data)

    def close(self) -> None:
        self.done.append("closed")


async def test_a_turn_s_writes_go_out_as_one() -> None:
    wire = Wire()
    joined = JoinedWrites(wire)
    joined.write(b"head ")
    joined.write(b"body")
    assert wire.done == []
    await asyncio.sleep(0)
    joined.write(b"next")
    await asyncio.sleep(0)
    assert wire.done == [b"head body", b"next"]


async def test_much_goes_out_at_once() -> None:
    wire = Wire()
    joined = JoinedWrites(wire)
    joined.write(b"a")
    joined.write(b"b" * 65_536)
    joined.write(b"c")
    assert wire.done == [b"a" + b"b" * 65_536]
    await asyncio.sleep(0)
    assert b"".join(wire.done[1:]) == b"c"


async def test_a_close_follows_what_was_written() -> None:
    wire = Wire()
    joined = JoinedWrites(wire)
    joined.write(b"last words")
    joined.close()
    await asyncio.sleep(0)
    assert wire.done == [b"last words", "closed"]


async def test_nothing_is_written_to_who_has_hung_up() -> None:
    wire = Wire()
    joined = JoinedWrites(wire)
    joined.write(b"an event")
    wire.is_gone = True
    await asyncio.sleep(0)
    assert wire.done == []


async def test_all_else_is_the_transport_s_own() -> None:
    assert JoinedWrites(Wire()).get_extra_info("peername") == ("192.0.2.1", 80)

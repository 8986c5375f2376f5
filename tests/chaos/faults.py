"""What goes wrong, on purpose: one part after another is killed, paused or restarted while the rest go on."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

import msgspec

from cli.embedded.postgres import PostgresError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.e2e.database import KillablePostgres
    from tests.e2e.stack import Stack

Kind: TypeAlias = Literal[
    "kill gateway",
    "kill scheduler",
    "kill executor",
    "kill projector",
    "kill nats",
    "kill postgres",
    "pause executor",
    "pause scheduler",
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

_DOWN_S: Final = (0.2, 1.5)
_SERVER_DOWN_S: Final = (0.5, 2.5)
_AGAIN_S: Final = 0.3


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was done to a part, and when (seconds since 1970)."""

    kind: Kind
    part: str
    at_s: float
    until_s: float


class Trouble:
    """Makes faults; a part that is down or paused is left alone until it is back."""

    def __init__(
        self, stack: Stack, postgres: KillablePostgres, parts: Sequence[str], *, seed: int, pause_s: float
    ) -> None:
        self._stack = stack
        self._postgres = postgres
        self._parts = parts
        self._chance = random.Random(seed)
        self._pause_s = pause_s
        self._busy: set[str] = set()
        self._begun: list[asyncio.Task[None]] = []
        self.done: list[Fault] = []
        self.own_ends: list[str] = []

    async def make(self, *, every_s: tuple[float, float], until_s: float) -> None:
        """Do each kind once, in any order, then any kind; until a moment of the loop's clock."""
        loop = asyncio.get_running_loop()
        kinds = self._chance.sample(KINDS, len(KINDS))
        while kinds or loop.time() < until_s:
            await asyncio.sleep(self._chance.uniform(*every_s))
            self._revive()
            kind = kinds[0] if kinds else self._chance.choice(KINDS)
            verb, _, service = kind.partition(" ")
            there = [part for part in self._parts if part.partition("-")[0] == service] or [service]
            free = [part for part in there if part not in self._busy]
            if not free:
                continue
            kinds = kinds[1:]
            part = self._chance.choice(free)
            self._begun.append(asyncio.create_task(self._do(kind, verb, part)))

    async def over(self) -> None:
        """Wait until everything is back."""
        await asyncio.gather(*self._begun)
        self._revive()

    def _revive(self) -> None:
        """What ended by itself starts again, as a supervisor would have it, and is told of."""
        for part in self._stack.ended():
            self.own_ends.append(f"{part}: {self._stack.log_of(part).strip().splitlines()[-1]}")
            self._stack.start(part)

    async def _do(self, kind: Kind, verb: str, part: str) -> None:
        self._busy.add(part)
        began_s = time.time()
        if verb == "pause":
            await self._pause(part)
        elif part == "nats":
            await self._restart_nats()
        elif part == "postgres":
            await self._restart_postgres()
        else:
            self._stack.kill(part)
            await asyncio.sleep(self._chance.uniform(*_DOWN_S))
            self._stack.start(part)
        self.done.append(Fault(kind=kind, part=part, at_s=began_s, until_s=time.time()))
        self._busy.remove(part)

    async def _pause(self, part: str) -> None:
        self._stack.pause(part)
        await asyncio.sleep(self._pause_s)
        self._stack.resume(part)

    async def _restart_nats(self) -> None:
        self._stack.nats.kill()
        await asyncio.sleep(self._chance.uniform(*_SERVER_DOWN_S))
        await asyncio.to_thread(self._stack.nats.start)

    async def _restart_postgres(self) -> None:
        self._postgres.kill()
        await asyncio.sleep(self._chance.uniform(*_SERVER_DOWN_S))
        while True:
            try:
                await asyncio.to_thread(self._postgres.start)
            except PostgresError:
                # The killed server's children may hold its memory for a moment.
                await asyncio.sleep(_AGAIN_S)
            else:
                return

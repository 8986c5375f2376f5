"""For seconds, what `make fuzz` does for minutes: every answer is one that the OpenAPI document tells of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.fuzz.schemathesis_run import fuzz
from tests.fuzz.world import world

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import NatsServer

EXAMPLES = 1


async def test_schemathesis_finds_nothing(nats_server: NatsServer, database_url: str, tmp_path: Path) -> None:
    async with world(nats_server, database_url) as there:
        code, printed = await fuzz(there, tmp_path, "--phases=coverage,fuzzing", f"--max-examples={EXAMPLES}")
    assert code == 0, printed
    assert re.search(r"Selected: (\d+)/\1\n +Tested: \1\n", printed), printed

"""``python -m tests.chaos.executor``: an executor that is Podium's own but for the agent that it runs.

PODIUM_CHAOS_AGENT holds the agent's command as a JSON list; only this module knows of it.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from services.executor import __main__ as executor
from tests.unit.executor.stage import process_runtime

if TYPE_CHECKING:
    from services.executor.process import ProcessRuntime
    from services.executor.settings import Settings


async def scripted(settings: Settings) -> tuple[ProcessRuntime, None]:
    """In the place of `services.executor.choice.choose`."""
    return process_runtime(settings, tuple(json.loads(os.environ["PODIUM_CHAOS_AGENT"]))), None


if __name__ == "__main__":
    executor.choose = scripted  # type: ignore[attr-defined]
    executor.main()

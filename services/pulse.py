"""A file that a service touches while it keeps up with the log: what its container's health check looks at.

``python -m services.pulse FILE SECONDS`` ends with 0 if the file was touched within so many seconds.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from services.tracing import TracedLog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from nats.aio.client import Client

    from events.log import Batch


class PulsingLog(TracedLog):
    """A log whose follower touches `file` after every batch it has dealt with; None: no file.

    It tells in traces of what it wrote, or, where it only `projects`, of how that gets into a table.
    """

    def __init__(self, connection: Client, *, source: str, file: Path | None, projects: bool = False) -> None:
        super().__init__(connection, source=source)
        self._file = file
        self._following = self.follow_projected if projects else self.follow_told

    async def follow(self, *, after: int) -> AsyncIterator[Batch]:
        """See `events.log.Log.follow`; batches come even while all is quiet, and so do touches."""
        async for batch in self._following(after=after):
            yield batch
            if self._file is not None:
                self._file.touch()


def is_alive(file: Path, *, age_s_max: float, now_s: float) -> bool:
    """The file was touched at most so long before `now_s` (seconds since the epoch)."""
    try:
        return now_s - file.stat().st_mtime <= age_s_max
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    alive = is_alive(Path(sys.argv[1]), age_s_max=float(sys.argv[2]), now_s=time.time())
    sys.exit(not alive)

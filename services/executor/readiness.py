"""Whether attempts can be started now: one that is claimed in vain costs its job a retry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from services.executor.runtime import SandboxError

if TYPE_CHECKING:
    from services.executor.runtime import Runtime

_log = structlog.get_logger(__name__)


class Readiness:
    """Asks a runtime, and tells the log when its answer changes."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._answered = True

    async def can_start(self) -> bool:
        """Whether the runtime answers."""
        try:
            await self._runtime.ping()
        except SandboxError as error:
            if self._answered:
                _log.warning("not_claiming", reason=str(error))
            self._answered = False
            return False
        if not self._answered:
            _log.info("claiming_again")
        self._answered = True
        return True

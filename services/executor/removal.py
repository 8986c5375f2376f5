"""Removes a sandbox that nobody needs any more, now or by a later sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from services.executor.runtime import SandboxError

if TYPE_CHECKING:
    from services.executor.runtime import Remains

_log = structlog.get_logger(__name__)


async def removed(remains: Remains) -> bool:
    """Whether it is gone; one that cannot be removed now is found by the executor's next sweep."""
    try:
        await remains.remove()
    except SandboxError as error:
        _log.warning("sandbox_not_removed", reason=str(error))
        return False
    return True

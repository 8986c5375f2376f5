"""The planning stage: the plan by rules, and, where there is a key and time, Claude's advice on it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from msgspec import structs

from agent.planning.claude import advise
from agent.planning.claude_plan import apply, narrowed
from agent.planning.plan import make_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.brief import Brief
    from agent.planning.claude_call import Claude
    from agent.planning.means import Means
    from agent.planning.plan import Plan

_ADVICE_SHARE: Final = 0.2
"""The part of the seconds for training that may go into waiting for advice."""

_ADVICE_S_MIN: Final = 15.0
"""A model that thinks before it answers takes about as long: asking for less is paying for nothing."""


def plan_with_advice(
    brief: Brief,
    means: Means,
    *,
    target_min: float | None,
    description: str,
    claude: Claude | None,
    notice: Callable[[str], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[Brief, Plan]:
    """The plan, and the brief that it is for: without the columns that an advice dropped.

    With `claude` None it is the plan by rules.  Where an advice was asked for, or could have been, the
    plan's reasons say under ``advice`` what became of it.  The time it took is taken from the training's.
    """
    plan = make_plan(brief, means, target_min=target_min)
    if claude is None:
        return brief, plan
    wait_s = min(claude.settings.timeout_s, _ADVICE_SHARE * means.seconds)
    if wait_s < _ADVICE_S_MIN:
        return brief, _noted(plan, f"No advice: {means.seconds:.0f} s are too few to wait for one.")
    started = clock()
    answer = asyncio.run(advise(claude, brief, plan, description, timeout_s=wait_s, notice=notice))
    left = structs.replace(means, seconds=max(1.0, means.seconds - (clock() - started)))
    if isinstance(answer, str):
        return brief, _noted(make_plan(brief, left, target_min=target_min), answer)
    fewer = narrowed(brief, answer)
    return fewer, apply(make_plan(fewer, left, target_min=target_min), answer)


def _noted(plan: Plan, note: str) -> Plan:
    return structs.replace(plan, reasons=plan.reasons | {"advice": note})

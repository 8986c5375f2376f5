"""Whom to ask and for how much, and the first question: what Claude would change in the rules' plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from agent.errors import CompetitionError
from agent.planning.claude_call import Claude, Declined, Question
from agent.planning.claude_plan import INSTRUCTIONS, AdviceError, PlanAdvice, advice_from, context, question

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agent.brief import Brief
    from agent.planning.plan import Plan

MODEL: Final = "claude-sonnet-5-5"
"""Unless PODIUM_MODEL names another.  Sonnet 4.5 retires on 2026-11-30."""

_TOKENS_MAX: Final = 8_000


class ClaudeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to ask, and what an attempt may spend; `base_url` None is Anthropic's own.

    `timeout_s` is the limit for one answer with all its tries and waits.
    """

    key: str
    base_url: str | None = None
    model: str = MODEL
    dollars_max: float = 1.0
    timeout_s: float = 180.0

    def __repr__(self) -> str:
        return f"ClaudeSettings(key=<hidden>, base_url={self.base_url!r}, model={self.model!r})"


def claude_settings(environ: Mapping[str, str]) -> ClaudeSettings | None:
    """The settings in ``ANTHROPIC_*``, ``PODIUM_MODEL`` and ``PODIUM_DOLLARS``; None where no key is set.

    Raises CompetitionError ``settings_invalid`` where the limit of dollars is not a number of at least 0.
    """
    given = {name: value.strip() for name, value in environ.items() if value.strip()}
    if "ANTHROPIC_API_KEY" not in given:
        return None
    limit = given.get("PODIUM_DOLLARS", "1.00")
    try:
        dollars_max = float(limit)
    except ValueError:
        dollars_max = -1.0
    if not 0.0 <= dollars_max < float("inf"):
        message = f"PODIUM_DOLLARS must be a number of at least 0, not {limit[:40]!r}."
        raise CompetitionError("settings_invalid", message)
    return ClaudeSettings(
        key=given["ANTHROPIC_API_KEY"],
        base_url=given.get("ANTHROPIC_BASE_URL"),
        model=given.get("PODIUM_MODEL", MODEL),
        dollars_max=dollars_max,
    )


async def advise(
    claude: Claude,
    brief: Brief,
    plan: Plan,
    description: str,
    *,
    timeout_s: float,
    notice: Callable[[str], None] = lambda _: None,
) -> PlanAdvice | str:
    """Claude's advice on `plan`, or a sentence on why there is none."""
    answer = await claude.ask(_question(brief, plan, description), timeout_s=timeout_s, notice=notice)
    if isinstance(answer, Declined):
        return f"{answer.note} The rules' plan holds."
    try:
        return advice_from(brief, plan, answer)
    except AdviceError as error:
        return f"Claude's advice was not taken: {error}."


def _question(brief: Brief, plan: Plan, description: str) -> Question:
    """The system blocks are the same for every question of this kind and are cached."""
    import anthropic  # noqa: PLC0415 - takes seconds to import, and most attempts have no key

    schema = anthropic.transform_schema(msgspec.json.schema(PlanAdvice))
    request: dict[str, Any] = {
        "system": [
            {"type": "text", "text": INSTRUCTIONS},
            {"type": "text", "text": context(brief, description), "cache_control": {"type": "ephemeral"}},
        ],
        "messages": [{"role": "user", "content": question(plan)}],
        "output_config": {"format": {"type": "json_schema", "schema": schema}},
    }
    return Question(purpose="planning", request=request, tokens_max=_TOKENS_MAX, tokens_min=_TOKENS_MAX)

"""The planning stage with a model that answers, one that does not, and none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from agent.planning.advised import plan_with_advice
from agent.planning.claude import ClaudeSettings
from agent.planning.claude_call import Claude
from tests.fakes.anthropic_server import AnthropicServer, Script
from tests.unit.agent.planning.test_claude_plan import MEANS, toy_brief, toy_plan, words

if TYPE_CHECKING:
    from agent.brief import Brief
    from agent.planning.plan import Plan
    from events.progress import LlmCalled


def planned(claude: ClaudeSettings | None, *, seconds: float = MEANS.seconds) -> tuple[Brief, Plan, int]:
    said: list[LlmCalled] = []
    ticks = iter(range(100))
    brief, plan = plan_with_advice(
        toy_brief(),
        msgspec.structs.replace(MEANS, seconds=seconds),
        target_min=None,
        description="Predict y.",
        claude=Claude(claude, say=said.append) if claude else None,
        clock=lambda: float(next(ticks)),
    )
    return brief, plan, len(said)


def test_an_advice_shapes_the_plan_and_the_brief() -> None:
    with AnthropicServer(Script(text=words())) as server:
        brief, plan, calls = planned(ClaudeSettings(key=server.key, base_url=server.url))
    assert calls == 1
    assert (plan.folds, plan.members) == (7, ("LightGBM",))
    assert [feature.name for feature in brief.features] == ["age", "city", "seen"]
    assert "text_topics" not in plan.steps
    assert plan.seconds < MEANS.seconds
    assert "Few rows." in plan.reasons["advice"]


def test_an_advice_that_is_not_taken_leaves_the_rules_plan_and_a_note() -> None:
    with AnthropicServer(Script(text=words(folds=99))) as server:
        brief, plan, _ = planned(ClaudeSettings(key=server.key, base_url=server.url))
    rules = toy_plan()
    assert brief == toy_brief()
    assert (
        msgspec.structs.replace(plan, reasons=rules.reasons, seconds=rules.seconds, needs=rules.needs)
        == rules
    )
    assert "not taken" in plan.reasons["advice"]


def test_without_time_nothing_is_asked() -> None:
    with AnthropicServer(Script(text=words())) as server:
        _, plan, calls = planned(ClaudeSettings(key=server.key, base_url=server.url), seconds=60.0)
        assert server.bodies == []
    assert calls == 0
    assert "60 s" in plan.reasons["advice"]


def test_without_a_key_the_rules_decide() -> None:
    assert planned(None) == (toy_brief(), toy_plan(), 0)

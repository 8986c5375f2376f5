"""Asks Claude for advice on a plan, within a hard limit of dollars; with no answer the rules' plan holds."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any, Final

import msgspec

from agent.errors import CompetitionError
from agent.planning.claude_plan import INSTRUCTIONS, AdviceError, PlanAdvice, advice_from, context, question
from agent.planning.prices import ModelPrices, Tokens, dollars, prices_of, tokens_max
from events.progress import LlmCalled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from anthropic.types import Message

    from agent.brief import Brief
    from agent.planning.plan import Plan

MODEL: Final = "claude-sonnet-5-5"
"""Unless PODIUM_MODEL names another.  Sonnet 4.5 retires on 2026-11-30."""

_PURPOSE: Final = "planning"
_OUTPUT_TOKENS_MAX: Final = 8_000
_TRIES: Final = 3


class ClaudeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to ask, and what an attempt may spend; `base_url` None is Anthropic's own.

    `timeout_s` is the limit for an answer with all its tries and waits.
    """

    key: str
    base_url: str | None = None
    model: str = MODEL
    dollars_max: float = 1.0
    timeout_s: float = 180.0

    def __repr__(self) -> str:
        return f"ClaudeSettings(key=<hidden>, base_url={self.base_url!r}, model={self.model!r})"


class Declined(msgspec.Struct, frozen=True, kw_only=True):
    """No advice, and why, in a sentence for the report."""

    note: str


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


class Advisor:
    """One attempt's access to Claude; keeps account of what was spent.

    `say` gets a message for every call that was, or may have been, paid for.
    """

    def __init__(
        self,
        settings: ClaudeSettings,
        *,
        say: Callable[[LlmCalled], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._say = say
        self._clock = clock
        self.spent_dollars = 0.0

    async def advise(self, brief: Brief, plan: Plan, description: str) -> PlanAdvice | Declined:
        """Claude's advice on `plan`, or why there is none; never raises for what Claude or the net does.

        The call is made only if it could not pass the limit even where the prompt had a token in every
        byte, the answer were as long as it may be, and every try of the client were paid for.
        """
        prices = prices_of(self._settings.model)
        if prices is None:
            return Declined(note=f"The price of {self._settings.model} is not known, so it was not asked.")
        request = _request(self._settings.model, prices, context(brief, description), question(plan))
        worst = tokens_max(len(msgspec.json.encode(request)), _OUTPUT_TOKENS_MAX)
        at_most = _TRIES * dollars(prices, worst)
        left = self._settings.dollars_max - self.spent_dollars
        if at_most > left:
            note = f"Asking {self._settings.model} could cost ${at_most:.2f}, and ${left:.2f} are left."
            return Declined(note=f"{note} It was not asked.")
        started = self._clock()
        answer = await self._ask(request)
        if isinstance(answer, Declined):
            return answer
        if isinstance(answer, _CutShort):
            self._account(worst, at_most, started)
            return Declined(note=answer.note)
        tokens = _tokens(answer)
        self._account(tokens, dollars(prices, tokens), started)
        return _advice(brief, plan, answer)

    async def _ask(self, request: dict[str, Any]) -> Message | Declined | _CutShort:
        import anthropic  # noqa: PLC0415 - takes seconds to import, and most attempts have no key
        import httpx2  # noqa: PLC0415 - anthropic's own HTTP library

        settings = self._settings
        client = anthropic.AsyncAnthropic(
            api_key=settings.key,
            base_url=settings.base_url,
            max_retries=_TRIES - 1,
            timeout=settings.timeout_s,
        )
        try:
            async with (
                asyncio.timeout(settings.timeout_s),
                client,
                client.messages.stream(**request) as stream,
            ):
                ended = [event.message async for event in stream if event.type == "message_stop"]
        except anthropic.APIStatusError as error:
            if error.status_code >= 400:  # refused before any work: nothing is paid
                return Declined(note=f"Claude answered with status {error.status_code}.")
            return _CutShort(note="Claude's answer ended in an error.")
        except (anthropic.AnthropicError, httpx2.HTTPError, json.JSONDecodeError, TimeoutError) as error:
            if isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout):
                return Declined(note="Claude could not be reached.")
            return _CutShort(note=f"Claude did not answer in time or in full ({type(error).__name__}).")
        return ended[0] if ended else _CutShort(note="Claude's answer broke off.")

    def _account(self, tokens: Tokens, spent_dollars: float, started: float) -> None:
        self.spent_dollars += spent_dollars
        self._say(
            LlmCalled(
                model=self._settings.model,
                purpose=_PURPOSE,
                input_tokens=tokens.input,
                output_tokens=tokens.output,
                cache_read_tokens=tokens.cache_read,
                cache_write_tokens=tokens.cache_write,
                dollars=spent_dollars,
                duration_ms=round(1000 * (self._clock() - started)),
            )
        )


class _CutShort(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that did not end: what it cost is not known, and is counted at the most it could be."""

    note: str


def _request(model: str, prices: ModelPrices, about: str, ask: str) -> dict[str, Any]:
    """The request's parameters.  The system blocks are the same for every question and are cached."""
    import anthropic  # noqa: PLC0415 - see Advisor._ask

    schema = anthropic.transform_schema(msgspec.json.schema(PlanAdvice))
    output: dict[str, Any] = {"format": {"type": "json_schema", "schema": schema}}
    if prices.effort:
        output["effort"] = "medium"  # a dozen numbers are not worth the thought that models take by default
    return {
        "model": model,
        "max_tokens": _OUTPUT_TOKENS_MAX,
        "system": [
            {"type": "text", "text": INSTRUCTIONS},
            {"type": "text", "text": about, "cache_control": {"type": "ephemeral"}},
        ],
        "messages": [{"role": "user", "content": ask}],
        "output_config": output,
    }


def _tokens(message: Message) -> Tokens:
    usage = message.usage
    return Tokens(
        input=usage.input_tokens,
        output=usage.output_tokens,
        cache_write=usage.cache_creation_input_tokens or 0,
        cache_read=usage.cache_read_input_tokens or 0,
    )


def _advice(brief: Brief, plan: Plan, message: Message) -> PlanAdvice | Declined:
    if message.stop_reason != "end_turn":
        why = {"refusal": "declined to answer", "max_tokens": "ran out of tokens"}
        return Declined(
            note=f"Claude {why.get(str(message.stop_reason), 'stopped early')}; the rules' plan holds."
        )
    text = "".join(block.text for block in message.content if block.type == "text")
    try:
        return advice_from(brief, plan, text)
    except AdviceError as error:
        return Declined(note=f"Claude's advice was not taken: {error}.")

"""One attempt's access to Claude: every call streamed, accounted for, and made only where it can be paid."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec

from agent.planning.prices import ModelPrices, Tokens, affordable_tokens, dollars, prices_of, tokens_max
from agent.planning.retries import asked_wait_s, is_passing, wait_before_s
from events.progress import LlmCalled

if TYPE_CHECKING:
    from collections.abc import Callable

    from anthropic import AsyncAnthropic
    from anthropic.types import Message

    from agent.planning.claude import ClaudeSettings

_SILENCE_S_MAX: Final = 60.0
"""A server that works sends pings: one that is silent for so long is gone."""

Why: TypeAlias = Literal[
    "unpriced", "unaffordable", "denied", "unreachable", "cut_short", "refusal", "truncated"
]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked: the parameters of a request without model and length, and what it is for.

    The answer may take `tokens_max` tokens, or fewer where the money left is short, but not fewer than
    `tokens_min`.
    """

    purpose: str
    request: dict[str, Any]
    tokens_max: int
    tokens_min: int


class Declined(msgspec.Struct, frozen=True, kw_only=True):
    """No answer: the kind of reason, and the reason in a sentence for the report."""

    why: Why
    note: str

    @property
    def for_good(self) -> bool:
        """Whether no other question could fare better."""
        return self.why in {"unpriced", "unaffordable", "denied"}


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """All calls of an attempt together."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    dollars: float = 0.0

    def plus(self, call: LlmCalled) -> Spent:
        """With one more call."""
        return Spent(
            calls=self.calls + 1,
            input_tokens=self.input_tokens + call.input_tokens,
            output_tokens=self.output_tokens + call.output_tokens,
            cache_read_tokens=self.cache_read_tokens + call.cache_read_tokens,
            cache_write_tokens=self.cache_write_tokens + call.cache_write_tokens,
            dollars=self.dollars + call.dollars,
        )


class _Failed(msgspec.Struct, frozen=True, kw_only=True):
    """A try without an answer; `paid` where it may have cost something, which is then not known."""

    declined: Declined
    paid: bool
    passing: bool = False
    asked_wait_s: float | None = None


class Claude:
    """Asks Claude, and never spends more than the settings allow, over all questions together.

    `say` gets a message for every call that was, or may have been, paid for.
    """

    def __init__(
        self,
        settings: ClaudeSettings,
        *,
        say: Callable[[LlmCalled], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.spent = Spent()
        self._say = say
        self._clock = clock

    async def ask(
        self,
        question: Question,
        *,
        timeout_s: float,
        hear: Callable[[str], None] = lambda _: None,
        notice: Callable[[str], None] = lambda _: None,
    ) -> str | Declined:
        """The text of a whole answer, or why there is none; never raises for what Claude or the net does.

        A try is made only if it could not pass the limit even where the prompt had a token in every byte
        and the answer were as long as it may be.  `timeout_s` holds for all tries and pauses together.
        `hear` gets the answer so far, "" at its start and then each time it grows; `notice` is told of
        pauses before another try.
        """
        import anthropic  # noqa: PLC0415 - takes seconds to import, and most attempts have no key
        import httpx2  # noqa: PLC0415 - anthropic's own HTTP library

        settings, until = self.settings, self._clock() + timeout_s
        client = anthropic.AsyncAnthropic(
            api_key=settings.key,
            base_url=settings.base_url,
            max_retries=0,  # each try is accounted for by itself
            timeout=httpx2.Timeout(timeout_s, read=min(timeout_s, _SILENCE_S_MAX)),
        )
        async with client:
            tried = 0
            while True:
                request = self._affordable(question)
                if isinstance(request, Declined):
                    return request
                tried += 1
                answer = await self._try(client, question.purpose, request, until=until, hear=hear)
                if not isinstance(answer, _Failed):
                    return answer
                wait_s = wait_before_s(tried, answer.asked_wait_s) if answer.passing else None
                if wait_s is None or self._clock() + wait_s >= until:
                    return answer.declined
                notice(f"{answer.declined.note} Trying again in {wait_s:.0f} s.")
                await asyncio.sleep(wait_s)

    def _affordable(self, question: Question) -> dict[str, Any] | Declined:
        """The whole request, its answer no longer than there is money for."""
        model = self.settings.model
        prices = prices_of(model)
        if prices is None:
            return Declined(why="unpriced", note=f"The price of {model} is not known, so it was not asked.")
        request = question.request | {"model": model, "max_tokens": question.tokens_max}
        if prices.effort:
            output = request.get("output_config", {})
            request["output_config"] = output | {"effort": "medium"}
        left = self.settings.dollars_max - self.spent.dollars
        prompt_bytes = len(msgspec.json.encode(request))
        length = min(question.tokens_max, affordable_tokens(prices, prompt_bytes, left))
        if length < question.tokens_min:
            at_most = dollars(prices, tokens_max(prompt_bytes, question.tokens_min))
            note = f"Asking {model} could cost ${at_most:.2f}, and ${max(0.0, left):.2f} are left."
            return Declined(why="unaffordable", note=f"{note} It was not asked.")
        return request | {"max_tokens": length}

    async def _try(
        self,
        client: AsyncAnthropic,
        purpose: str,
        request: dict[str, Any],
        *,
        until: float,
        hear: Callable[[str], None],
    ) -> str | Declined | _Failed:
        """One call, accounted for."""
        started = self._clock()
        prices = prices_of(self.settings.model)
        assert prices is not None, "a model without a price is not asked"
        answer = await _streamed(client, request, until - started, hear)
        if isinstance(answer, _Failed):
            if answer.paid:
                worst = tokens_max(len(msgspec.json.encode(request)), request["max_tokens"])
                self._account(purpose, worst, prices, started)
            return answer
        self._account(purpose, _tokens(answer), prices, started)
        return _text_of(answer)

    def _account(self, purpose: str, tokens: Tokens, prices: ModelPrices, started: float) -> None:
        call = LlmCalled(
            model=self.settings.model,
            purpose=purpose,
            input_tokens=tokens.input,
            output_tokens=tokens.output,
            cache_read_tokens=tokens.cache_read,
            cache_write_tokens=tokens.cache_write,
            dollars=dollars(prices, tokens),
            duration_ms=round(1000 * (self._clock() - started)),
        )
        self.spent = self.spent.plus(call)
        self._say(call)


async def _streamed(
    client: AsyncAnthropic, request: dict[str, Any], timeout_s: float, hear: Callable[[str], None]
) -> Message | _Failed:
    """The whole message of one call, or how it failed."""
    import anthropic  # noqa: PLC0415 - see Claude.ask
    import httpx2  # noqa: PLC0415

    ended: list[Message] = []
    try:
        async with asyncio.timeout(timeout_s), client.messages.stream(**request) as stream:
            async for event in stream:
                if event.type == "message_start":
                    hear("")
                elif event.type == "text":
                    hear(event.snapshot)
                elif event.type == "message_stop":
                    ended.append(event.message)
    except anthropic.APIStatusError as error:
        if error.status_code >= 400:  # refused before any work: nothing is paid
            return _refused(error)
        return _cut_short("Claude's answer ended in an error.")
    except (anthropic.AnthropicError, httpx2.HTTPError, json.JSONDecodeError, TimeoutError) as error:
        if isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout):
            declined = Declined(why="unreachable", note="Claude could not be reached.")
            return _Failed(declined=declined, paid=False, passing=True)
        return _cut_short(f"Claude did not answer in time or in full ({type(error).__name__}).")
    return ended[0] if ended else _cut_short("Claude's answer broke off.")


def _refused(error: Any) -> _Failed:
    """An error status, before any answer."""
    headers = {name.lower(): value for name, value in error.response.headers.items()}
    passing = is_passing(error.status_code, headers)
    return _Failed(
        declined=Declined(
            why="unreachable" if passing else "denied",
            note=f"Claude answered with status {error.status_code}.",
        ),
        paid=False,
        passing=passing,
        asked_wait_s=asked_wait_s(headers, time.time()),
    )


def _cut_short(note: str) -> _Failed:
    """An answer that did not end: what it cost is not known, and is counted at the most it could be."""
    return _Failed(declined=Declined(why="cut_short", note=note), paid=True)


def _tokens(message: Message) -> Tokens:
    usage = message.usage
    return Tokens(
        input=usage.input_tokens,
        output=usage.output_tokens,
        cache_write=usage.cache_creation_input_tokens or 0,
        cache_read=usage.cache_read_input_tokens or 0,
    )


def _text_of(message: Message) -> str | Declined:
    if message.stop_reason == "max_tokens":
        return Declined(why="truncated", note="Claude ran out of tokens before the end of its answer.")
    if message.stop_reason != "end_turn":
        said = "declined to answer" if message.stop_reason == "refusal" else "stopped early"
        return Declined(why="refusal", note=f"Claude {said}.")
    return "".join(block.text for block in message.content if block.type == "text")

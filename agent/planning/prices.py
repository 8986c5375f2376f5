"""What a call to a language model costs, and the most that one could cost.

Source: https://platform.claude.com/docs/en/about-claude/pricing, as of PRICES_DATE: dollars for a million
tokens, cache writes at the five-minute rate.
"""

from __future__ import annotations

from typing import Final

import msgspec

PRICES_DATE: Final = "2026-10-24"

_MILLION: Final = 1_000_000
_OVERHEAD_TOKENS: Final = 2_000
"""What the API adds to a prompt of its own: message frames, and its words on the output's schema."""


class ModelPrices(msgspec.Struct, frozen=True, kw_only=True):
    """Dollars for a million tokens; `effort` says whether the model takes the parameter of that name."""

    input: float
    output: float
    cache_write: float
    cache_read: float
    effort: bool = True


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens of one call; `input` are those that were neither written to nor read from the cache."""

    input: int
    output: int
    cache_write: int
    cache_read: int


_OPUS: Final = ModelPrices(input=5.0, output=25.0, cache_write=6.25, cache_read=0.5)

# Haiku 5.5 costs more from 100,000 tokens of prompt on; ours are held far below that.
PRICES: Final = {
    "claude-fable-5-1": ModelPrices(input=10.0, output=50.0, cache_write=12.5, cache_read=0.25),
    "claude-opus-5-5": ModelPrices(input=4.0, output=20.0, cache_write=5.0, cache_read=0.2),
    "claude-opus-5": _OPUS,
    "claude-opus-4-8": _OPUS,
    "claude-opus-4-7": _OPUS,
    "claude-opus-4-6": _OPUS,
    "claude-opus-4-5": _OPUS,
    "claude-sonnet-5-5": ModelPrices(input=2.0, output=10.0, cache_write=2.5, cache_read=0.1),
    "claude-sonnet-5": ModelPrices(input=2.0, output=10.0, cache_write=2.5, cache_read=0.2),
    "claude-sonnet-4-6": ModelPrices(input=3.0, output=15.0, cache_write=3.75, cache_read=0.3),
    "claude-sonnet-4-5": ModelPrices(input=3.0, output=15.0, cache_write=3.75, cache_read=0.3, effort=False),
    "claude-haiku-5-5": ModelPrices(input=0.1, output=0.5, cache_write=0.125, cache_read=0.01),
    "claude-haiku-4-5": ModelPrices(input=1.0, output=5.0, cache_write=1.25, cache_read=0.1, effort=False),
}


def prices_of(model: str) -> ModelPrices | None:
    """The prices of a model, with or without a date at the end of its name; None where unknown."""
    name, _, date = model.rpartition("-")
    return PRICES.get(name if len(date) == 8 and date.isdigit() else model)


def dollars(prices: ModelPrices, tokens: Tokens) -> float:
    """What a call cost."""
    return (
        tokens.input * prices.input
        + tokens.output * prices.output
        + tokens.cache_write * prices.cache_write
        + tokens.cache_read * prices.cache_read
    ) / _MILLION


def tokens_max(prompt_bytes: int, output_tokens_max: int) -> Tokens:
    """The most that a call can use: no token is shorter than a byte, and all may be written to the cache."""
    return Tokens(
        input=0, output=output_tokens_max, cache_write=prompt_bytes + _OVERHEAD_TOKENS, cache_read=0
    )


def affordable_tokens(prices: ModelPrices, prompt_bytes: int, dollars_left: float) -> int:
    """How many tokens an answer may have so that the call cannot cost more than is left; 0 where none."""
    after_prompt = dollars_left - dollars(prices, tokens_max(prompt_bytes, 0))
    return max(0, int(after_prompt * _MILLION / prices.output))

"""What the estimates are made of: one table of figures, each with how it was come by.

Pure.  `podium capacity --json` tells them all, ``docs/scale.md`` shows them (a test compares), and
`tests.bench.bench_scale` measures again those that it can.
"""

from __future__ import annotations

from typing import Final

import msgspec

from agent.planning.prices import PRICES_DATE, Tokens, dollars, prices_of
from cli.capacity.plan import JobCost

DATE: Final = "2026-11-24"
MODEL: Final = "claude-sonnet-5-5"

_RUNS: Final = "five jobs of the real agent"


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A number, its unit, and how it was come by: measured on `DATE`, or assumed."""

    value: float
    unit: str
    how: str


FIGURES: Final[dict[str, Figure]] = {
    "attempts": Figure(value=1.1, unit="a job", how="assumed: one job in ten is tried twice"),
    "budget_used": Figure(value=0.65, unit="of the budget", how=f"measured: {_RUNS}, 0.36 to 0.92"),
    "events": Figure(value=60, unit="an attempt", how=f"measured: {_RUNS}"),
    "events_per_s": Figure(value=1.2, unit="more for each second of it", how=f"measured: {_RUNS}"),
    "event_bytes": Figure(value=810, unit="bytes in the stream JOBS", how=f"measured: {_RUNS}"),
    "event_overhead": Figure(value=600, unit="of these are no payload", how=f"measured: {_RUNS}"),
    "artifact_bytes": Figure(value=330_000, unit="bytes a job", how=f"measured: {_RUNS}"),
    "row_bytes": Figure(value=4_700, unit="bytes a job", how="measured: 4,148 rows with indexes"),
    "model_calls": Figure(value=8, unit="an attempt", how="assumed: scripts by the model in 30 min"),
    "prompt_tokens": Figure(value=2_300, unit="a call", how="measured: 32 prompts, by 4 bytes a token"),
    "answer_tokens": Figure(value=4_000, unit="a call", how="assumed: a script, and the thoughts before"),
    "appends_per_s": Figure(value=2_800, unit="a second", how="measured: on disk before each answer"),
    "projected_per_s": Figure(value=6_500, unit="a second", how="measured: `podium bench projector`"),
    "service_cpus": Figure(value=4, unit="processors", how="assumed: NATS, Postgres, Redis, services"),
    "cpu_hour_dollars": Figure(value=0.045, unit="dollars", how="assumed: common machines on demand"),
    "gb_month_dollars": Figure(value=0.1, unit="dollars", how="assumed: block storage with SSDs"),
}


def value(name: str) -> float:
    """The figure of that name."""
    return FIGURES[name].value


def estimated(*, budget_s: float, model_dollars: float | None) -> JobCost:
    """What a job with that budget takes by the figures; `model_dollars` None is as `MODEL` would cost."""
    attempt_s = budget_s * value("budget_used")
    events = value("attempts") * (value("events") + attempt_s * value("events_per_s"))
    calls = call_dollars() * value("model_calls") * value("attempts")
    return JobCost(
        attempts=value("attempts"),
        attempt_s=attempt_s,
        events=events,
        log_bytes=events * value("event_bytes"),
        artifact_bytes=value("artifact_bytes"),
        row_bytes=value("row_bytes"),
        model_dollars=calls if model_dollars is None else model_dollars,
    )


def call_dollars() -> float:
    """What one call to `MODEL` costs by the figures; prices as of `PRICES_DATE`."""
    prices = prices_of(MODEL)
    assert prices is not None, f"{MODEL} has no price of {PRICES_DATE}"
    tokens = Tokens(
        input=0, output=int(value("answer_tokens")), cache_write=int(value("prompt_tokens")), cache_read=0
    )
    return dollars(prices, tokens)

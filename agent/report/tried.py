"""The part of the report on what a model wrote: the tree of attempts, and what its calls used."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from agent.report.markup import facts, number, table

if TYPE_CHECKING:
    from agent.planning.claude_call import Spent
    from agent.search.tree import Attempt, Tree


def tried(attempts: Tree, search: str, spent: Spent | None) -> str:
    """Each attempt with where it came from, its score and why it was accepted or not."""
    parts = [f"<p>{escape(search)}</p>"]
    if len(attempts) > 1:
        head = ("attempt", "idea", "score", "by fold", "verdict", "seconds", "dollars")
        parts.append(table(head, [_row(attempt) for attempt in attempts]))
    if spent is not None and spent.calls:
        tokens = {
            "calls": spent.calls,
            "tokens read": spent.input_tokens,
            "tokens read from the cache": spent.cache_read_tokens,
            "tokens written to the cache": spent.cache_write_tokens,
            "tokens written": spent.output_tokens,
        }
        rows = [(name, f"{count:,}") for name, count in tokens.items()]
        parts.append(f"<h3>Calls to the model</h3>{facts([*rows, ('cost', f'${spent.dollars:.4f}')])}")
    return "".join(parts)


def _row(attempt: Attempt) -> tuple[str, ...]:
    of = "" if attempt.parent is None else f" of {attempt.parent}"
    return (
        f"{attempt.number}: {attempt.kind}{of}",
        attempt.idea,
        "" if attempt.score is None else number(attempt.score),
        ", ".join(number(score) for score in attempt.fold_scores),
        attempt.verdict,
        f"{attempt.seconds:.0f}",
        f"{attempt.dollars:.4f}",
    )

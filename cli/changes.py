"""What an event changed in a job, as short text: pure functions over two folds of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from events.job import Job

Facts: TypeAlias = dict[str, Any]
Change: TypeAlias = tuple[str, Any, Any]
"""A fact's name, what it was and what it is; None where it was not or is not."""

_CHARS_MAX: Final = 60
_NAMED_BY: Final = ("number", "stage", "model", "name")
"""The fields that tell the elements of a list apart."""


def facts(job: Job | None) -> Facts:
    """All that is known of a job, flat: ``{"status": "running", "attempt 1 training fraction": 0.5, …}``.

    What is empty, zero or not known is left out.
    """
    return {} if job is None else dict(_flat("", msgspec.to_builtins(job)))


def changes(before: Job | None, after: Job | None) -> tuple[Change, ...]:
    """What differs between two folds of one job, in the order of the facts."""
    old, new = facts(before), facts(after)
    names = [*new, *(name for name in old if name not in new)]
    return tuple((name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name))


def change_words(found: tuple[Change, ...], *, at: datetime) -> str:
    """``status queued → running, attempt 1 executor host-1``; "" for nothing.

    A time that is `at` goes unsaid where anything else has changed.
    """
    now = msgspec.to_builtins(at)
    words = [_change(*change) for change in found if change[2] != now]
    return ", ".join(words or [name for name, _, _ in found])


def fact_lines(job: Job) -> list[str]:
    """Every fact on a line of its own, in two columns."""
    known = facts(job)
    width = max(len(name) for name in known)
    return [f"{name:<{width}}  {_line(value)}" for name, value in known.items()]


def _flat(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    match value:
        case dict():
            for name, part in value.items():
                if name != "sequence":
                    yield from _flat(f"{path} {name}".strip(), part)
        case list() | tuple() if value and isinstance(value[0], dict):
            for part in value:
                field = next(field for field in _NAMED_BY if field in part)
                rest = {name: of for name, of in part.items() if name != field}
                yield from _flat(f"{path.removesuffix('s')} {part[field]}", rest)
        case _ if value:
            yield path, value
        case _:
            return


def _change(name: str, old: Any, new: Any) -> str:
    if old is None:
        return f"{name} {_short(new)}"
    return f"{name} {_short(old)} → {'none' if new is None else _short(new)}"


def _line(value: Any) -> str:
    return " ".join(str(value).split()) if isinstance(value, str) else msgspec.json.encode(value).decode()


def _short(value: Any) -> str:
    text = f"{value:.5g}" if isinstance(value, float) else _line(value)
    return text if len(text) <= _CHARS_MAX else f"{text[: _CHARS_MAX - 1]}…"

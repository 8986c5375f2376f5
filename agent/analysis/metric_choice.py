"""Decides which metric a competition is scored by, from Kaggle's field and from the description's prose.

A description names metrics in passing, by comparison and to reject them.  Every mention is weighed by
where it stands and what its sentence says; the heaviest that fits the target is taken.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from agent.analysis.metric_names import PATTERNS, RANKED

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADING: Final = re.compile(r"^(#{1,6})\s+(.*)$")
_SCORING_HEADING: Final = re.compile(r"\b(evaluation|metrics?|scoring|grading|judging)\b", re.IGNORECASE)
_FENCED: Final = re.compile(r"```.*?```|\$\$.*?\$\$", re.DOTALL)
_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+(?=[A-Z*`\"'(])|(?<=[.!?]\*\*)\s+")
_VERDICT: Final = re.compile(
    r"\b(evaluat|scored?\b|scores? (is|are|will)|rank|judg|metric|grad(ed|ing)|assess|leaderboard|measured)",
    re.IGNORECASE,
)
# Said before a name: it is not the one.  What follows a turn ("but", "we use") is said anew.
_REJECTED_BEFORE: Final = re.compile(
    r"\b(not|never|no longer|unlike|rather than|instead of|plain|compared (to|with)|similar to|than|"
    r"previous(ly)?|last year('s)?|as opposed to|without)\b|n't\b",
    re.IGNORECASE,
)
_REJECTED_AFTER: Final = re.compile(
    r"^\W*(score )?(alone )?(would|is not|isn't|was|were|does not|doesn't|can be misleading|is misleading|"
    r"says little|tells)\b",
    re.IGNORECASE,
)
_TURN: Final = re.compile(
    r"\bbut\b|\binstead\b(?! of)|[;:]|\bwe use\b|\bthis (one|time|year|competition)\b|\buses\b", re.IGNORECASE
)
_LOGS: Final = re.compile(r"\blogarithm|\blog\s*\(|\blogs?\b(?!\s*loss)|\blog1p\b", re.IGNORECASE)
_F1_KINDS: Final = (
    ("f1_weighted", re.compile(r"\bweighted (?:by|with)\b|\bsupport\b", re.IGNORECASE)),
    ("f1_macro", re.compile(r"\bmacro\b|\b(?:per|each|every)[- ]class\b", re.IGNORECASE)),
    ("f1_micro", re.compile(r"\bmicro\b", re.IGNORECASE)),
)
_REACH_CHARS: Final = 70
_WEIGHT_MIN: Final = 3


class Mention(msgspec.Struct, frozen=True, kw_only=True):
    """A metric's name in a text: the sentence that holds it, and how much it speaks for the metric."""

    metric: str
    sentence: str
    weight: int


def mentions(description: str) -> tuple[Mention, ...]:
    """The metrics that a description names, weightiest first; those that it rejects are left out."""
    found = [
        mention
        for sentence, scoring in sentences(description)
        for mention in _in_sentence(sentence, scoring=scoring)
        if mention.weight >= _WEIGHT_MIN
    ]
    return tuple(sorted(found, key=lambda mention: -mention.weight))


def named_by_field(evaluation_metric: str) -> str | None:
    """The metric that Kaggle's own field names (``Categorization Accuracy``), or None for a custom one."""
    return next((metric for metric, _ in _names(evaluation_metric)), None)


def sentences(description: str) -> Iterator[tuple[str, bool]]:
    """Each sentence of a markdown text, and whether it stands under a heading about scoring."""
    open_headings: list[tuple[int, bool]] = []
    paragraph: list[str] = []
    for line in [*_FENCED.sub(" ", description).splitlines(), ""]:
        heading = _HEADING.match(line)
        if line.strip() and not heading and not line.lstrip().startswith(("- ", "* ", "|")):
            paragraph.append(line.strip())
            continue
        scoring = any(about for _, about in open_headings)
        for sentence in _SENTENCE_END.split(" ".join(paragraph)):
            if sentence:
                yield sentence, scoring
        paragraph = [] if heading or not line.strip() else [line.strip()]
        if heading:
            level, title = len(heading.group(1)), heading.group(2)
            about = bool(_SCORING_HEADING.search(title))
            open_headings = [(above, said) for above, said in open_headings if above < level]
            open_headings.append((level, about))
            yield title, about


def _in_sentence(sentence: str, *, scoring: bool) -> Iterator[Mention]:
    verdict = bool(_VERDICT.search(sentence))
    for metric, (start, end) in _names(sentence):
        if _rejected(sentence[max(0, start - _REACH_CHARS) : start], sentence[end:]):
            continue
        yield Mention(
            metric=_as_told(metric, sentence[:start] + sentence[end:]),
            sentence=" ".join(sentence.split()),
            weight=4 * scoring + 3 * verdict + sentence[:start].endswith("**"),
        )


def _as_told(metric: str, around: str) -> str:
    """The metric that a name stands for with the words around it."""
    if metric == "rmse" and _LOGS.search(around):
        return "rmsle"
    if metric == "f1":
        return next((kind for kind, told in _F1_KINDS if told.search(around)), metric)
    return metric


def _names(text: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """The metrics named in a text, in its order, and where; no part of it is read twice."""
    found: list[tuple[str, tuple[int, int]]] = []
    rest = text
    for ranked in RANKED.finditer(rest):
        count = _ranked_count(ranked.group("k") or ranked.group("count"), text)
        rest = rest[: ranked.start()] + "\0" * len(ranked.group()) + rest[ranked.end() :]
        if count is not None:
            found.append((f"map@{count}", ranked.span()))
    for metric, pattern in PATTERNS:
        for name in pattern.finditer(rest):
            found.append((metric, name.span()))
            rest = rest[: name.start()] + "\0" * len(name.group()) + rest[name.end() :]
    return iter(sorted(found, key=lambda named: named[1]))


def _ranked_count(written: str, text: str) -> int | None:
    """The number in MAP@5; for MAP@K the number that the text gives elsewhere."""
    if written.isdigit():
        return int(written)
    said = re.search(r"\b(?:up to|top|first|K\s*=)\s*(\d+)\b", text, re.IGNORECASE)
    return int(said.group(1)) if said else None


def _rejected(before: str, after: str) -> bool:
    """Whether the words around a name say that it is not the metric."""
    turns = list(_TURN.finditer(before))
    clause = before[turns[-1].end() :] if turns else before
    return bool(_REJECTED_BEFORE.search(clause) or _REJECTED_AFTER.search(after))

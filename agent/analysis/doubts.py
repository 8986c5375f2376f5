"""Questions on which the rules do not agree, and how a brief changes where one is settled.

Pure.  Whoever answers can only choose among candidates that the data allow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET, structs

if TYPE_CHECKING:
    from agent.brief import Brief, Doubt, Topic


class NoSuchChoiceError(Exception):
    """An answer to a doubt that is not there, or that is none of its candidates."""


def doubts_of(brief: Brief) -> tuple[Doubt, ...]:
    """What is in doubt, the question first on which the others hang."""
    return brief.doubts


def in_words(doubt: Doubt) -> str:
    """What stands where nobody settles a doubt."""
    names = [candidate.name for candidate in doubt.candidates]
    return f"The {doubt.topic} could be {' or '.join(names)}: by the rules it is {names[0]}."


def settle(brief: Brief, topic: Topic, choice: str, *, by: str) -> Brief:
    """The brief as it is where the doubt on `topic` is settled by the candidate called `choice`.

    A note says who settled it (`by`).  A target that was not the rules' first takes the other doubts with
    it: they were about the first one.  Raises NoSuchChoiceError.
    """
    doubt = next((each for each in brief.doubts if each.topic == topic), None)
    candidate = next((each for each in doubt.candidates if each.name == choice), None) if doubt else None
    if doubt is None or candidate is None:
        raise NoSuchChoiceError(f"No doubt about the {topic} has the candidate {choice!r}.")
    names = [each.name for each in doubt.candidates]
    note = f"The {topic} could be {' or '.join(names)}: {by} chose {choice}."
    kept = topic != "target" or candidate is doubt.candidates[0]
    changes = {
        field: value
        for field in candidate.then.__struct_fields__
        if (value := getattr(candidate.then, field)) is not UNSET
    }
    changes["doubts"] = tuple(each for each in brief.doubts if kept and each is not doubt)
    changes["notes"] = (*(each for each in brief.notes if each != in_words(doubt)), note)
    return structs.replace(brief, **changes)

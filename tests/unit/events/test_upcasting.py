"""Old shapes of events: read through every step that lies between, and refused where there is none."""

from __future__ import annotations

import msgspec
import pytest

from events.catalogue import EVENT_TYPES, VERSIONS, JobRequested, UnreadableEventError, decode
from events.upcasting import UPCASTERS

NOW = {"type": "JobRequested", "job_id": "j", "competition": "c", "source": "local", "kaggle_url": "local:c"}

# Two shapes that never were, older than the first: a slug for an address, and before that a name.
STEPS = {
    ("JobRequested", 0): lambda old: {**old, "kaggle_url": f"local:{old.pop('slug')}"},
    ("JobRequested", -1): lambda old: {**old, "slug": old.pop("name").lower()},
}
OLDER = {"type": "JobRequested", "job_id": "j", "competition": "c", "source": "local"}


def read(fields: dict[str, object], steps=STEPS) -> JobRequested:
    return decode(msgspec.json.encode(fields), upcasters=steps)


@pytest.mark.parametrize(
    "old",
    [{**OLDER, "version": 0, "slug": "c"}, {**OLDER, "version": -1, "name": "C"}, {**NOW, "version": 1}],
)
def test_an_old_event_is_read_as_one_of_today(old) -> None:
    assert read(old) == JobRequested(job_id="j", competition="c", source="local", kaggle_url="local:c")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({**NOW, "version": 2}, "version 2 of JobRequested is newer than 1"),
        ({"type": "JobRequested", "version": 9}, "version 9 of JobRequested is newer than 1"),
        ({**OLDER, "version": -2}, "nothing is known of version -2 of JobRequested"),
        ({**OLDER, "version": 0}, "version 0 of JobRequested is not as it was: KeyError"),
        ({**OLDER, "version": 0, "slug": "c", "source": 7}, "Expected `str`, got `int` - at `"),
        ({**OLDER, "version": "one"}, "the version of JobRequested is 'one', which is no number"),
        ({**OLDER, "version": 1}, "missing required field `kaggle_url`"),
    ],
)
def test_what_cannot_be_brought_to_today_says_why(fields, reason: str) -> None:
    with pytest.raises(UnreadableEventError) as raised:
        read(fields)
    assert reason in str(raised.value)


def test_a_step_changes_a_copy() -> None:
    fields = {**OLDER, "version": 0, "slug": "c"}
    read(fields)
    assert fields["slug"] == "c"


def test_there_is_a_step_from_every_version_that_was() -> None:
    wanted = {(kind.__name__, old) for kind in EVENT_TYPES for old in range(1, VERSIONS[kind.__name__])}
    assert set(UPCASTERS) == wanted

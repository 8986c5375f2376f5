"""Places out of reply subjects: the same as the client's own reading of them."""

from __future__ import annotations

import pytest
from nats.aio.msg import Msg

from events.places import place_of

NUMBERS = "1.17.5.1700000000123456789.3"


@pytest.mark.parametrize(
    "reply",
    [f"$JS.ACK.JOBS.c.{NUMBERS}", f"$JS.ACK._.hash.JOBS.c.{NUMBERS}", f"$JS.ACK.d.h.JOBS.c.{NUMBERS}.x"],
)
def test_a_place_is_what_the_client_reads(reply: str) -> None:
    place, theirs = place_of(reply), Msg(None, reply=reply).metadata
    assert (place.sequence, place.delivered) == (theirs.sequence.stream, theirs.sequence.consumer) == (17, 5)
    assert (place.pending, place.stored_at) == (theirs.num_pending, theirs.timestamp)


@pytest.mark.parametrize("reply", ["", "_INBOX.abc", "$JS.ACK.JOBS.c.x.x.x.x.x"])
def test_what_is_no_place_is_refused(reply: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        place_of(reply)

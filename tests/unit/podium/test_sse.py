from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from podium.sse import Frame, Parser

STREAM = (
    b"retry: 2000\n\n: ping\n\n"
    b'id: 7\nevent: StageStarted\ndata: {"a":\ndata: 1}\n\n'
    b"data:no space, no name\r\n\r\n"
    b"event: forgotten\n\n"
    b"id: 9\rdata: \xc3\xa9\xe2\x9c\x93\r\r"
    b"id: 8\x00\ndata: odd id\n\n"
    b"data: never ended"
)
FRAMES = [
    Frame(name="StageStarted", data='{"a":\n1}', last_id="7"),
    Frame(name="message", data="no space, no name", last_id="7"),
    Frame(name="message", data="é✓", last_id="9"),
    Frame(name="message", data="odd id", last_id="9"),
]


def test_frames_are_read_as_the_standard_says():
    assert list(Parser().feed(STREAM)) == FRAMES


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_it_does_not_matter_where_the_stream_is_cut(cuts: list[int]):
    ends = [0, *sorted(cuts), len(STREAM)]
    parser = Parser()
    found = [frame for start, end in itertools.pairwise(ends) for frame in parser.feed(STREAM[start:end])]
    assert found == FRAMES

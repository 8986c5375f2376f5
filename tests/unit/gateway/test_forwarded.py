"""What a proxy says in `Forwarded`, in the words that uvicorn reads; what a client wrote does no harm."""

from __future__ import annotations

import pytest

from services.gateway.forwarded import hops, translated


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("for=192.0.2.1", [{"for": "192.0.2.1"}]),
        (
            'For="[2001:db8::1]:4711";proto=https;by=203.0.113.43, for="192.0.2.1:80"',
            [{"for": "[2001:db8::1]:4711", "proto": "https", "by": "203.0.113.43"}, {"for": "192.0.2.1:80"}],
        ),
        (r'for="a\"b" ; by=_hidden', [{"for": 'a"b', "by": "_hidden"}]),
        # RFC 7239, section 4: an address with a colon has to be quoted.
        ("for=192.0.2.1:80", []),
        ("for=192.0.2.1, for=[2001:db8::1]", []),
        ('for=192.0.2.1, for="open', []),
        ('for="open, for=192.0.2.1', []),
        ("for", []),
        ("for=192.0.2.1,", []),
        ("", []),
    ],
)
def test_what_the_proxies_said(value: str, found: list[dict[str, str]]) -> None:
    assert hops(value) == found


def told(*lines: tuple[str, str]) -> dict[str, str]:
    headers = translated((name.encode(), value.encode()) for name, value in lines)
    return {name.decode(): value.decode() for name, value in headers if name != b"forwarded"}


def test_only_what_forwarded_says_is_told() -> None:
    assert told(
        ("x-forwarded-for", "203.0.113.66"),
        ("x-forwarded-proto", "https"),
        ("accept", "*/*"),
        ("forwarded", "for=192.0.2.1;proto=http"),
        ("forwarded", 'for="[2001:db8::1]"'),
    ) == {"accept": "*/*", "x-forwarded-for": "192.0.2.1, [2001:db8::1]"}
    assert told(("x-forwarded-for", "203.0.113.66")) == {}
    assert told(("forwarded", "for=unknown;proto=HTTPS")) == {
        "x-forwarded-for": "unknown",
        "x-forwarded-proto": "https",
    }


def test_a_node_can_bring_in_no_other_hop() -> None:
    assert told(("forwarded", 'for="10.0.0.1, 10.0.0.2", by=x'))["x-forwarded-for"] == "unknown, unknown"


def test_a_quote_that_a_client_opens_ends_in_nobody_being_believed() -> None:
    for opened in ('for="', 'for=10.0.0.1;x="', 'x="\\'):
        assert told(("forwarded", opened), ("forwarded", 'for="[2001:db8::9]:1"')) == {}

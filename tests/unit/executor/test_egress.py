"""The allow-list, the addresses that count, and what a proxy is asked for."""

from __future__ import annotations

import pytest

from services.executor.egress import (
    ANTHROPIC,
    KAGGLE,
    AllowList,
    Endpoint,
    RefusedError,
    allow_list,
    endpoint_of,
    is_public,
)
from services.executor.egress_request import read_request

API = Endpoint("api.kaggle.com", 443)
LOCAL = Endpoint("127.0.0.1", 8080)


@pytest.mark.parametrize(
    ("variables", "public", "named"),
    [
        ({}, KAGGLE, set()),
        ({"ANTHROPIC_API_KEY": "k"}, KAGGLE | ANTHROPIC, set()),
        ({"PODIUM_DATA_DIR": "/data", "ANTHROPIC_API_KEY": "k"}, ANTHROPIC, set()),
        ({"PODIUM_DATA_DIR": "/data", "KAGGLE_API_ENDPOINT": "http://k:1"}, set(), set()),
        ({"KAGGLE_API_ENDPOINT": "http://127.0.0.1:8080/api"}, KAGGLE, {LOCAL}),
        ({"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": "https://Llm."}, None, {Endpoint("llm", 443)}),
        ({"ANTHROPIC_BASE_URL": "https://llm"}, KAGGLE, set()),
    ],
)
def test_an_attempt_may_reach_what_it_needs(
    variables: dict[str, str], public: set[Endpoint] | None, named: set[Endpoint]
) -> None:
    allowed = allow_list(variables)
    assert allowed.named == named
    assert public is None or allowed.public == public


@pytest.mark.parametrize("url", ["", "ftp://a", "a.example:80", "http://", "http://a:port", "http://[::1"])
def test_what_is_no_url_names_nothing(url: str) -> None:
    assert endpoint_of(url) is None


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2001:4860:4860::8888", True),
        ("169.254.169.254", False),
        ("fd00:ec2::254", False),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.17.0.1", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("::ffff:169.254.169.254", False),
        ("::ffff:8.8.8.8", True),
        ("2002:a9fe:a9fe::1", False),
    ],
)
def test_only_addresses_of_the_internet_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_a_public_name_that_leads_to_a_private_address_is_refused() -> None:
    allowed = AllowList(public=frozenset({API}), named=frozenset({LOCAL}))
    assert allowed.usable(API, ["10.0.0.1", "8.8.8.8"]) == ["8.8.8.8"]
    assert allowed.usable(LOCAL, ["127.0.0.1"]) == ["127.0.0.1"]
    with pytest.raises(RefusedError, match=r"api\.kaggle\.com:443 has no public address"):
        allowed.usable(API, ["10.0.0.1", "169.254.169.254"])


@pytest.mark.parametrize(
    "other", [Endpoint("127.0.0.1", 8081), Endpoint("localhost", 8080), Endpoint("x.api.kaggle.com", 443)]
)
def test_a_neighbour_of_what_is_allowed_is_not(other: Endpoint) -> None:
    with pytest.raises(RefusedError, match=f"{other} is not on the allow-list"):
        AllowList(public=frozenset({API}), named=frozenset({LOCAL})).check(other)


def test_a_tunnel_is_asked_for_by_host_and_port() -> None:
    head = b"CONNECT API.kaggle.com.:443 HTTP/1.1\r\nHost: other.example\r\n\r\n"
    asked = read_request(head)
    assert (asked.endpoint, asked.head) == (API, None)
    assert read_request(b"CONNECT [::1]:80 HTTP/1.1\r\n\r\n").endpoint == Endpoint("::1", 80)


def test_a_plain_request_goes_on_to_the_host_of_its_url_and_to_no_other() -> None:
    asked = read_request(
        b"POST http://127.0.0.1:8080/v1/a%20b?c=d HTTP/1.1\r\nHost: other.example\r\n"
        b"Authorization: Basic x\r\nProxy-Authorization: Basic y\r\n"
        b"Connection: keep-alive\r\nContent-Length: 2\r\n\r\n"
    )
    assert asked.endpoint == LOCAL
    assert asked.head == (
        b"POST /v1/a%20b?c=d HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAuthorization: Basic x\r\n"
        b"Content-Length: 2\r\nConnection: close\r\n\r\n"
    )


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: api.kaggle.com\r\n\r\n",
        b"GET https://api.kaggle.com/ HTTP/1.1\r\n\r\n",
        b"GET http://user@host@other/ HTTP/1.1\r\n\r\n",
        b"CONNECT api.kaggle.com HTTP/1.1\r\n\r\n",
        b"CONNECT api.kaggle.com:0 HTTP/1.1\r\n\r\n",
        b"CONNECT api.kaggle.com\x00.evil.example:443 HTTP/1.1\r\n\r\n",
        b"GET http://a/ HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET http://a/ HTTP/1.1\r\nX : y\r\n\r\n",
        b"\x16\x03\x01\r\n\r\n",
    ],
)
def test_what_a_proxy_does_not_serve_is_refused(head: bytes) -> None:
    with pytest.raises(RefusedError) as caught:
        read_request(head)
    assert caught.value.status == 400

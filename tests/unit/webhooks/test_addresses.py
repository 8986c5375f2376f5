"""Where a webhook may go: nowhere that only this machine can reach, in whatever way it is written."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from services.gateway.webhook_url import problem_of
from services.webhooks.addresses import may_reach


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1"]
)
def test_the_internet_may_be_reached(address: str) -> None:
    assert may_reach(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1"),
        *("203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:7f00:1", "::127.0.0.1", "::10.0.0.1"),
        *("64:ff9b::7f00:1", "64:ff9b::169.254.169.254", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:7f00:1::"),
        *("2001:db8::1", "100::1", "localhost", "", "2130706433"),
    ],
)
def test_what_is_near_may_not(address: str) -> None:
    assert not may_reach(address)


def test_a_network_that_is_allowed_may_and_no_other() -> None:
    allowed = (ip_network("10.1.0.0/16"), ip_network("::1/128"))
    assert may_reach("10.1.2.3", allowed)
    assert may_reach("::ffff:10.1.2.3", allowed)
    assert may_reach("::1", allowed)
    assert not may_reach("10.2.0.1", allowed)


@pytest.mark.parametrize(
    "url",
    ["https://a.example/x?y=z", "http://a.example:8080", "https://[2606:4700::1]/", "http://2130706433/"],
)
def test_an_address_is_taken(url: str) -> None:
    assert problem_of(url) is None


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "a.example",
            "ftp://a.example",
            "file:///etc/passwd",
            "https://",
            "https:///x",
            "https://a.example:0",
        ),
        *("https://a.example:99999", "https://u:p@a.example", "https://u@a.example", "https://a.example/#x"),
        *("https://a.example/ü", "https://a.example/a b", "https://a.example/\n", "https://[::1"),
        "https://a.example/" + "x" * 2000,
    ],
)
def test_anything_else_is_not(url: str) -> None:
    assert problem_of(url) is not None

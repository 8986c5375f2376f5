"""How many requests a client may make in any minute, not one of the clock.  Pure: time is passed in.

Requests are counted by the second they came in, so what is kept of a client does not grow with its limit.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from typing import Final

import msgspec

WINDOW_S: Final = 60
CLIENTS_MAX: Final = 10_000
"""Of so many clients requests are counted here; the one that was quiet for longest is forgotten first."""

_NET_OF_ONE_IPV6: Final = 64


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """So many requests of a kind in any `WINDOW_S` seconds."""

    name: str
    most: int


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a request may go on, how many more may follow, and in how many seconds one more may."""

    allowed: bool
    left: int
    more_in_s: int

    def headers(self, policy: Policy) -> dict[str, str]:
        """What a client is told.  Source: draft-ietf-httpapi-ratelimit-headers-10."""
        return {
            "RateLimit-Policy": f'"{policy.name}";q={policy.most};w={WINDOW_S}',
            "RateLimit": f'"{policy.name}";r={self.left};t={self.more_in_s}',
        }


def client_at(address: str) -> str:
    """Who is behind an address: with IPv6, whoever has the /64 has all addresses in it."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, _NET_OF_ONE_IPV6), strict=False))
    return str(found)


class Windows:
    """The counts of one process."""

    def __init__(self, clients_max: int = CLIENTS_MAX) -> None:
        self._clients_max = clients_max
        self._counts: OrderedDict[str, dict[int, int]] = OrderedDict()

    def take(self, client: str, policy: Policy, *, second: int) -> Verdict:
        """Count a request that comes in this second, unless it is one too many."""
        counts = self._counts.setdefault(client, {})
        self._counts.move_to_end(client)
        if len(self._counts) > self._clients_max:
            self._counts.popitem(last=False)
        # A second counts until all of it has left the window: never are there more than allowed in one.
        for old in [past for past in counts if past < second - WINDOW_S]:
            del counts[old]
        used = sum(counts.values())
        allowed = used < policy.most
        if allowed:
            counts[second] = counts.get(second, 0) + 1
        return Verdict(
            allowed=allowed,
            left=policy.most - used - allowed,
            more_in_s=min(counts) + WINDOW_S + 1 - second,
        )

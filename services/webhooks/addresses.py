"""Where a webhook may go: to the public internet, and to no place that only this machine can reach.  Pure.

Source: the registries of special-purpose addresses of IANA, by `ipaddress`; OWASP's cheat sheet on
server-side request forgery.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Network

    Network: TypeAlias = IPv4Network | IPv6Network

_TRANSLATED: Final = (ip_network("64:ff9b::/96"), ip_network("::/96"))
"""Networks whose last 32 bits are an IPv4 address that is reached through them.  Source: RFC 6052, 4291."""

_TUNNELS: Final = (
    ip_network("64:ff9b:1::/48"),  # local translation, RFC 8215
    ip_network("2002::/16"),  # 6to4, RFC 3056
    ip_network("2001::/32"),  # Teredo, RFC 4380
    ip_network("fec0::/10"),  # site-local, RFC 3879
)


def may_reach(address: str, allowed: Iterable[Network] = ()) -> bool:
    """The address is one of the public internet, or in a network that the operator allows.

    False for what is private, loopback, link-local (a cloud's metadata), shared by a carrier, multicast,
    reserved, or an IPv6 form of one of these; and for what is no address.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    meant = _inner(parsed)
    return any(one in network for one in (parsed, meant) for network in allowed) or _is_public(meant)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if any(address in network for network in _TUNNELS):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _inner(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 one leads to, where it does."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if any(address in network for network in _TRANSLATED) and int(address) not in {0, 1}:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address

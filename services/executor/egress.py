"""Where an attempt may connect to: exact hosts and ports, and of their addresses only public ones.  Pure.

What the operator names himself, another endpoint of Kaggle's or Anthropic's, may be anywhere: on a private
network, or on this very machine.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_HTTPS: Final = 443
_PORTS: Final = {"http": 80, "https": _HTTPS}
_HOST: Final = re.compile(r"[A-Za-z0-9_.:-]{1,253}")


class Endpoint(msgspec.Struct, frozen=True):
    """A host by name or address, in lower case, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


KAGGLE: Final = frozenset(
    {
        Endpoint("api.kaggle.com", _HTTPS),
        Endpoint("www.kaggle.com", _HTTPS),
        Endpoint("storage.googleapis.com", _HTTPS),  # where downloads are redirected to
    }
)
ANTHROPIC: Final = frozenset({Endpoint("api.anthropic.com", _HTTPS)})


class RefusedError(Exception):
    """A connection is not made; the message says to where and why, `status` is HTTP's word for it."""

    def __init__(self, message: str, *, status: int = 403) -> None:
        super().__init__(message)
        self.status = status


class AllowList(msgspec.Struct, frozen=True, kw_only=True):
    """`public` endpoints count only by public addresses; those `named` by the operator by any."""

    public: frozenset[Endpoint]
    named: frozenset[Endpoint]

    def check(self, endpoint: Endpoint) -> None:
        """Nothing, where a connection to the endpoint may be tried.

        Raises:
            RefusedError: it may not.
        """
        if endpoint not in self.public | self.named:
            raise RefusedError(f"{endpoint} is not on the allow-list")

    def usable(self, endpoint: Endpoint, addresses: Iterable[str]) -> list[str]:
        """Those of the addresses of an allowed endpoint that may be connected to, in their order.

        Raises:
            RefusedError: none of them.
        """
        found = [one for one in addresses if endpoint in self.named or is_public(one)]
        if not found:
            raise RefusedError(f"{endpoint} has no public address")
        return found


def allow_list(variables: Mapping[str, str]) -> AllowList:
    """What the agent with these variables needs: Kaggle where it downloads, Claude where it has a key."""
    named: set[Endpoint | None] = set()
    public: frozenset[Endpoint] = frozenset()
    if "PODIUM_DATA_DIR" not in variables:
        public |= KAGGLE
        named.add(endpoint_of(variables.get("KAGGLE_API_ENDPOINT", "")))
    if "ANTHROPIC_API_KEY" in variables:
        public |= ANTHROPIC
        named.add(endpoint_of(variables.get("ANTHROPIC_BASE_URL", "")))
    return AllowList(public=public, named=frozenset(one for one in named if one is not None))


def endpoint_of(url: str) -> Endpoint | None:
    """Where an http or https URL leads; None for what is no such URL."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    return Endpoint(_plain(parts.hostname), port) if parts.hostname and port else None


def endpoint(authority: str) -> Endpoint:
    """The endpoint in ``host:port``, as a proxy is asked for it.

    Raises:
        RefusedError: it is none.
    """
    host, _, port = authority.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not _HOST.fullmatch(host) or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise RefusedError("a request names no host and port", status=400)
    return Endpoint(_plain(host), int(port))


def is_public(address: str) -> bool:
    """An address of the Internet: not private, link-local (a cloud's metadata), loopback or multicast."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        found = found if inner is None else inner
    return found.is_global and not found.is_multicast


def _plain(host: str) -> str:
    return host.lower().removesuffix(".")

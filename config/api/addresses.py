"""Addresses and networks as texts name them; imports nothing of Django."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
MAX_TEXT_LENGTH = 100  # of an address with brackets, zone and port


def parse_networks(texts: Iterable[str]) -> list[Network]:
    """Return networks such as 10.0.0.0/8 or ::1; raise ValueError for other texts."""
    return [ip_network(text.strip(), strict=False) for text in texts]


def parse_address(text: str) -> Address | None:
    """Return an address without port, zone, brackets and IPv4 mapping, None for other texts."""
    text = text.strip()
    return _parse(text) if len(text) <= MAX_TEXT_LENGTH else None


@lru_cache(maxsize=4096)  # several times for each request, and clients send many
def _parse(text: str) -> Address | None:
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    if ":" in text:
        text = text.partition("%")[0]  # the network card that an IPv6 address belongs to
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def rate_key(address: str) -> str:
    """Return what a limit counts: an IPv4 address, or the /64 network of an IPv6 one."""
    return str(ip_network(f"{address}/64", strict=False)) if ":" in address else address

"""Addresses of clients behind trusted proxies."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
# Headers from which Django takes scheme and host (SECURE_PROXY_SSL_HEADER, USE_X_FORWARDED_HOST).
# Those with addresses are never dropped: is_loopback() needs to know that there is a proxy.
FORWARDED_BY = ("HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST")


def parse_networks(texts: Iterable[str]) -> list[Network]:
    """Return networks such as 10.0.0.0/8 or ::1; raise ValueError for other texts."""
    return [ip_network(text.strip(), strict=False) for text in texts]


def parse_address(text: str) -> Address | None:
    """Return an address without port, zone, brackets and IPv4 mapping, None for other texts."""
    text = text.strip()
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


def client_address(request: HttpRequest) -> str:
    """Return the canonical address of the client; only TRUSTED_PROXIES may name it in headers."""
    peer = parse_address(request.META.get("REMOTE_ADDR", ""))
    if peer is None:
        return "unknown"  # a Unix socket
    if not _is_trusted(peer):
        return str(peer)
    named = parse_address(request.headers.get("CF-Connecting-IP", ""))
    return str(named or _forwarded_for(request) or peer)


def forwarded_address(request: HttpRequest) -> Address | None:
    """Return the address that trusted proxies vouch for, None where there is none.

    It is client_address() without CF-Connecting-IP, which proxies other than Cloudflare's pass on
    as the client wrote it: good enough for statistics, not for access.
    """
    peer = parse_address(request.META.get("REMOTE_ADDR", ""))
    if peer is None or not _is_trusted(peer):
        return peer
    return _forwarded_for(request) or peer


def drop_untrusted_forwarding(request: HttpRequest) -> None:
    """Remove forwarded schemes and hosts unless a trusted proxy sent them.

    To be called before anything else reads the headers.
    """
    if any(name in request.META for name in FORWARDED_BY):
        peer = parse_address(request.META.get("REMOTE_ADDR", ""))
        if peer is None or not _is_trusted(peer):
            for name in FORWARDED_BY:
                request.META.pop(name, None)


def network_of(request: HttpRequest) -> str:
    """Return the network of the client, which is what rate limits count."""
    return rate_key(client_address(request))


def rate_key(address: str) -> str:
    """Return what a rate limit counts: an IPv4 address, or the /64 network of an IPv6 one."""
    return str(ip_network(f"{address}/64", strict=False)) if ":" in address else address


def is_loopback(request: HttpRequest) -> bool:
    """Return whether the request came from this machine and through no proxy."""
    peer = parse_address(request.META.get("REMOTE_ADDR", ""))
    forwarded = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "CF-Connecting-IP")
    return peer is not None and peer.is_loopback and not any(map(request.headers.get, forwarded))


def _forwarded_for(request: HttpRequest) -> Address | None:
    for entry in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
        address = parse_address(entry)
        if address is None:
            return None  # nobody vouches for what is left of it
        if not _is_trusted(address):
            return address
    return None


def _is_trusted(address: Address) -> bool:
    return any(address in network for network in settings.TRUSTED_PROXIES)

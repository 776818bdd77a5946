"""Addresses of clients behind trusted proxies."""

from django.conf import settings
from django.http import HttpRequest

from config.api.addresses import Address, parse_address, rate_key

# Headers from which Django takes scheme and host (SECURE_PROXY_SSL_HEADER, USE_X_FORWARDED_HOST).
# Those with addresses are never dropped: is_loopback() needs to know that there is a proxy.
FORWARDED_BY = ("HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST")


def client_address(request: HttpRequest) -> str:
    """Return the canonical address of the client; only TRUSTED_PROXIES may name it in headers."""
    peer = parse_address(request.META.get("REMOTE_ADDR", ""))
    if peer is None:
        return "unknown"  # a Unix socket
    if not is_trusted_proxy(peer):
        return str(peer)
    named = parse_address(request.headers.get("CF-Connecting-IP", ""))
    return str(named or _forwarded_for(request) or peer)


def forwarded_address(request: HttpRequest) -> Address | None:
    """Return the address that trusted proxies vouch for, None where there is none.

    It is client_address() without CF-Connecting-IP, which proxies other than Cloudflare's pass on
    as the client wrote it: good enough for statistics, not for access.
    """
    peer = parse_address(request.META.get("REMOTE_ADDR", ""))
    if peer is None or not is_trusted_proxy(peer):
        return peer
    return _forwarded_for(request) or peer


def drop_untrusted_forwarding(request: HttpRequest) -> None:
    """Remove forwarded schemes and hosts unless a trusted proxy sent them.

    To be called before anything else reads the headers.
    """
    if any(name in request.META for name in FORWARDED_BY):
        peer = parse_address(request.META.get("REMOTE_ADDR", ""))
        if peer is None or not is_trusted_proxy(peer):
            for name in FORWARDED_BY:
                request.META.pop(name, None)


def is_trusted_proxy(address: Address) -> bool:
    return any(address in network for network in settings.TRUSTED_PROXIES)


def network_of(request: HttpRequest) -> str:
    """Return the network of the client, which is what rate limits count."""
    return rate_key(client_address(request))


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
        if not is_trusted_proxy(address):
            return address
    return None

"""Addresses of clients behind trusted proxies."""

from django.conf import settings
from django.http import HttpRequest

from config.api.addresses import Address, parse_address, rate_key

# Headers from which Django takes scheme and host (SECURE_PROXY_SSL_HEADER, USE_X_FORWARDED_HOST).
FORWARDED_BY = ("HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST")
WAS_DROPPED = "millrace.forwarding_dropped"  # is_loopback() needs to know that there is a proxy
PROXIED = (
    *FORWARDED_BY,
    WAS_DROPPED,
    *("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_CF_CONNECTING_IP"),
)


def client_address(request: HttpRequest) -> str:
    """Return the canonical address of the client; only TRUSTED_PROXIES may name it in a header."""
    return str(forwarded_address(request) or "unknown")


def forwarded_address(request: HttpRequest) -> Address | None:
    """Return the address that trusted proxies vouch for, None behind a Unix socket.

    They do so in one header: others they may pass on as the client wrote them.
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
            request.META[WAS_DROPPED] = True


def is_trusted_proxy(address: Address) -> bool:
    return any(address in network for network in settings.TRUSTED_PROXIES)


def network_of(request: HttpRequest) -> str:
    """Return the network of the client, which is what rate limits count."""
    return rate_key(client_address(request))


def is_loopback(request: HttpRequest) -> bool:
    """Return whether the request came from this machine and through no proxy."""
    peer = parse_address(request.META.get("REMOTE_ADDR", ""))
    if peer is None or not peer.is_loopback:
        return False
    is_named = settings.CLIENT_ADDRESS_HEADER in request.headers
    return not is_named and not any(name in request.META for name in PROXIED)


def _forwarded_for(request: HttpRequest) -> Address | None:
    for entry in reversed(request.headers.get(settings.CLIENT_ADDRESS_HEADER, "").split(",")):
        address = parse_address(entry)
        if address is None:
            return None  # nobody vouches for what is left of it
        if not is_trusted_proxy(address):
            return address
    return None

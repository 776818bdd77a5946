"""The domain of a website, and the host by which two domains are the same."""

from contextlib import suppress

import idna

from config.api.web_urls import host_of


def as_url(domain: str) -> str:
    return domain if "://" in domain else f"http://{domain}"


def is_domain(domain: str) -> bool:
    return host_of(as_url(domain)) is not None


def normalised_host(domain: str) -> str:
    """Return the host that a valid domain means: ASCII, lower case, no leading www."""
    host = (host_of(as_url(domain)) or domain).lower().rstrip(".")
    with suppress(idna.IDNAError):  # an address, an underscore: it stands for itself
        host = idna.encode(host, uts46=True).decode()
    return host.removeprefix("www.")

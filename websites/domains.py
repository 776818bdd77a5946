"""The domain of a website, and the host by which two domains are the same."""

from contextlib import suppress
from ipaddress import IPv6Address

import idna

from config.api.web_urls import host_of, is_http

MAX_NAME_LENGTH = 253  # of a name in the DNS


def as_url(domain: str) -> str:
    return domain if "://" in domain else f"http://{domain}"


def is_domain(domain: str) -> bool:
    return is_http(as_url(domain))


def normalised_host(domain: str) -> str:
    """Return the host that a valid domain means: ASCII, lower case, no leading www."""
    host = (host_of(as_url(domain)) or domain).lower().rstrip(".")
    return _ascii_form(host).removeprefix("www.")


def canonical_host(host: str) -> str:
    """Return the one spelling of a valid host: ASCII, lower case, no trailing dot."""
    if host.startswith("["):
        return f"[{IPv6Address(host[1:-1])}]"
    name = host.lower().rstrip(".")
    return name if name.isascii() else _ascii_form(name)


def without_www(host: str) -> str:
    """Return a host without a leading www., unless www is the name below a suffix: www.com."""
    rest = host.removeprefix("www.")
    return rest if "." in rest else host


def _ascii_form(host: str) -> str:
    """Return the ASCII form of a name; what has none, such as an address, stands for itself."""
    with suppress(idna.IDNAError):
        return idna.encode(host, uts46=True).decode()
    with suppress(idna.IDNAError):  # IDNA has neither emoji nor underscores; browsers take both
        remapped = idna.uts46_remap(host, std3_rules=False)
        encoded = ".".join(map(_ascii_label, remapped.split(".")))
        return encoded if len(encoded) <= MAX_NAME_LENGTH else host
    return host


def _ascii_label(label: str) -> str:
    return label if label.isascii() else f"xn--{label.encode('punycode').decode()}"

"""Domains of referrers, each in one spelling."""

import re
import unicodedata
from ipaddress import IPv6Address

from config.api.web_urls import host_of
from websites.domains import without_www

DIRECT = "direct"
MAX_HOST_LENGTH = 253  # of a name in the DNS
_AUTHORITY = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*:)?//([^/?#\\]*)", re.IGNORECASE | re.ASCII)


def referrer_domain(referrer: str | None) -> str:
    """Return the host of a referrer without www., `direct` where there is none."""
    authority = _AUTHORITY.match(referrer or "")
    host = host_of(f"http://{authority[1]}") if authority else None
    domain = without_www(canonical_host(host)) if host else DIRECT
    return domain if len(domain) <= MAX_HOST_LENGTH else DIRECT


def canonical_host(host: str) -> str:
    """Return a valid host in Unicode and lower case, without a trailing dot."""
    if host.startswith("["):
        return f"[{IPv6Address(host[1:-1])}]"
    return ".".join(map(_unicode_label, host.removesuffix(".").split(".")))


def _unicode_label(label: str) -> str:
    lower = label.lower()
    try:
        decoded = (
            lower[4:].encode("ascii").decode("punycode") if lower.startswith("xn--") else lower
        )
    except UnicodeError:
        return lower
    name = unicodedata.normalize("NFKC", decoded).lower()
    # What encodes nothing, or what no name may have, such as control characters, stays as it is.
    is_valid = host_of(f"http://{name}") == name and "." not in name
    return name if is_valid and (decoded == lower or not name.isascii()) else lower

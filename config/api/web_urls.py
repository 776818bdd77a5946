"""Web addresses: which ones are valid, and whose host they name."""

import re
import unicodedata
from ipaddress import AddressValueError, IPv6Address

_URL = re.compile(
    r"https?://(?:[^/?#]*@)?(?P<host>\[[^\]/?#]*\]|[^:/?#@\[\]]+)"
    r"(?::0*(?P<port>[0-9]{0,5}))?(?:[/?#]|\Z)",
    re.IGNORECASE,
)
_FORBIDDEN = re.compile(r"[\s\x00-\x1f\x7f]")
_ASCII_NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?", re.IGNORECASE | re.ASCII)


def host_of(url: str) -> str | None:
    """Return the host of a valid http(s) URL as it stands there, None for any other text."""
    match = _URL.match(url)
    if match is None or _FORBIDDEN.search(url) or int(match["port"] or 0) > 65535:
        return None
    host = match["host"]
    return host if _ASCII_NAME.fullmatch(host) or _is_ipv6(host) or _is_name(host) else None


def _is_ipv6(host: str) -> bool:
    if not (host.startswith("[") and host.endswith("]")):
        return False
    try:
        return IPv6Address(host[1:-1]).scope_id is None
    except AddressValueError:
        return False


def _is_name(host: str) -> bool:
    """Return whether this is a name of letters and digits of any script, with single dots."""
    labels = host.removesuffix(".").split(".")
    return all(label and all(map(_is_name_character, label)) for label in labels)


def _is_name_character(character: str) -> bool:
    return (
        character.isalnum() or character in "-_" or unicodedata.category(character).startswith("M")
    )

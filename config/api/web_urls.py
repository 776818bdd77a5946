"""URLs: which ones are valid, and whose host they name."""

import re
import unicodedata
from ipaddress import AddressValueError, IPv6Address

_URL = re.compile(
    r"([a-z][a-z0-9+.-]*)://(?:[^/?#]*@)?(\[[^\]/?#]*\]|[^:/?#@\[\]]*)"  # scheme, host
    r"(?::0*([0-9]{0,5}))?(?:[/?#]|\Z)",  # port
    re.IGNORECASE | re.ASCII,
)
# Most URLs are of this form, which takes a third of the time.
_COMMON_URL = re.compile(r"https?://[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*(?:/[!-~]*)?").fullmatch
_HTTP = re.compile(r"https?://", re.IGNORECASE | re.ASCII)
_FORBIDDEN = re.compile(r"[\s\x00-\x1f\x7f]")
_FORBIDDEN_SCHEMES = ("javascript", "data", "vbscript", "blob")  # their text is code, or no address
_ASCII_NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?", re.IGNORECASE | re.ASCII)
# What IDNA allows between letters and no category has: the joiners of Persian, Hindi and emoji, the
# dots in Catalan and Japanese, the marks in Hebrew.
_JOINERS = "\u200c\u200d\u00b7\u30fb\u05f3\u05f4"
_OTHER_CHARACTERS = "-_" + _JOINERS  # beside letters, marks, numbers and symbols


def host_of(url: str) -> str | None:
    """Return the host of a valid URL as it stands there, None for any other text.

    It is empty in a `file:` URL that has none.
    """
    match = _URL.match(url)
    if match is None or _FORBIDDEN.search(url):
        return None
    scheme, host, port = match.groups()
    scheme = scheme.lower()
    if scheme in _FORBIDDEN_SCHEMES or (port and int(port) > 65535):
        return None
    if not host:
        return "" if scheme == "file" else None
    return host if _ASCII_NAME.fullmatch(host) or _is_ipv6(host) or _is_name(host) else None


def is_url(url: str) -> bool:
    """Return whether a text is a valid URL."""
    return _COMMON_URL(url) is not None or host_of(url) is not None


def is_http(url: str) -> bool:
    """Return whether a text is a valid http(s) URL: the only ones that may become links."""
    return _HTTP.match(url) is not None and host_of(url) is not None


def _is_ipv6(host: str) -> bool:
    if not (host.startswith("[") and host.endswith("]")):
        return False
    try:
        return IPv6Address(host[1:-1]).scope_id is None
    except AddressValueError:
        return False


def _is_name(host: str) -> bool:
    """Return whether this is a name of letters and symbols of any script, with single dots."""
    return all(map(_is_label, host.removesuffix(".").split(".")))


def _is_label(text: str) -> bool:
    """Return whether this may stand between the dots of a name; joiners may not be at its ends."""
    return text != "" and text.strip(_JOINERS) == text and all(map(_is_name_character, text))


def _is_name_character(character: str) -> bool:
    return character in _OTHER_CHARACTERS or unicodedata.category(character)[0] in "LMNS"

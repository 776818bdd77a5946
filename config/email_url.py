"""Where mail goes, as one URL"""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

EXAMPLES = "console: or smtp+tls://user:password@mail.example:587"
_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}


@dataclass(frozen=True, slots=True)
class EmailSettings:
    """Django's settings of mail."""

    backend: str
    host: str = ""
    port: int = 0
    user: str = ""
    password: str = ""
    use_tls: bool = False
    use_ssl: bool = False


def email_settings(url: str) -> EmailSettings:
    """Return the settings of a URL; raise ValueError with examples if it is none."""
    if url == "console:":
        return EmailSettings("django.core.mail.backends.console.EmailBackend")
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        raise ValueError(EXAMPLES) from None
    if not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(EXAMPLES)
    return EmailSettings(
        "django.core.mail.backends.smtp.EmailBackend",
        parts.hostname,
        port,
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        use_tls=parts.scheme == "smtp+tls",
        use_ssl=parts.scheme == "smtps",
    )

"""Client contexts as they are stored"""

from analytics.events.models import ClientContext

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36"
)
ORIGIN = {"Origin": "https://example.com"}
BROWSER = ORIGIN | {"User-Agent": CHROME, "Accept-Language": "de-AT,de;q=0.9,en;q=0.8"}
UNKNOWN = {
    "country": None,
    "region": None,
    "city": None,
    "browser": None,
    "browser_version": None,
    "os": None,
    "os_version": None,
    "device": None,
    "language": None,
    "screen": None,
    "is_bot": False,
}
KNOWN = UNKNOWN | {
    "browser": "Chrome",
    "browser_version": "142.0.0.0",
    "os": "Windows",
    "os_version": "10",
    "device": "desktop",
    "language": "de-AT",
}


def stored_contexts():
    """Return all contexts, the earliest first, each with its session and what the client sends."""
    rows = ClientContext.objects.order_by("id").values()
    return [{name: row[name] for name in ("session_id", *UNKNOWN)} for row in rows]

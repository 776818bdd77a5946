"""Websites of users"""

from config.db import uuid7

PATH = "/api/v1/websites"
GOOD = {"name": "My Website", "domain": "example.com", "description": "My example website"}
NOT_FOUND = (404, "NOT_FOUND", "Website not found")
TAKEN = (409, "CONFLICT", "This domain is already registered for your account")
NO_NAME, LONG_NAME = "Website name is required", "Website name must be less than 255 characters"
BAD_DOMAIN = "Invalid domain URL"
BROKEN = [
    ("name", "", [NO_NAME]),
    ("name", "x" * 256, [LONG_NAME]),
    ("name", 5, ["Expected string, received number"]),
    ("name", None, ["Expected string, received null"]),
    ("domain", "", ["Domain is required", BAD_DOMAIN]),
    ("domain", "ftp://x", [BAD_DOMAIN]),
    ("domain", "capacitor://localhost", [BAD_DOMAIN]),
    ("domain", "android-app://com.example/", [BAD_DOMAIN]),
    ("domain", "file:///index.html", [BAD_DOMAIN]),
    ("domain", "exa mple.com", [BAD_DOMAIN]),
    ("domain", "http://", [BAD_DOMAIN]),
    ("domain", "javascript:alert(1)", [BAD_DOMAIN]),
    ("domain", "example..com", [BAD_DOMAIN]),
    ("domain", "example.com:99999", [BAD_DOMAIN]),
    ("domain", "/shop", [BAD_DOMAIN]),
    ("domain", "example.com\n", [BAD_DOMAIN]),
    ("domain", f"{'a' * 252}.com", ["Domain must be less than 255 characters"]),
    ("domain", " " * 256, [BAD_DOMAIN, "Domain must be less than 255 characters"]),
    ("domain", ["example.com"], ["Expected string, received array"]),
    ("domain", None, ["Expected string, received null"]),
    ("description", "x" * 1001, ["Description must be less than 1000 characters"]),
    ("description", {}, ["Expected string, received object"]),
]


def milliseconds_text(at):
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def website_body(website):
    """Return how the API has to show a website."""
    return {
        "id": str(website.id),
        "userId": str(website.user_id),
        "name": website.name,
        "domain": website.domain,
        "description": website.description,
        "trackingCode": website.tracking_code,
        "isActive": website.is_active,
        "createdAt": milliseconds_text(uuid7.time_of(website.id)),
        "updatedAt": milliseconds_text(website.updated_at),
    }

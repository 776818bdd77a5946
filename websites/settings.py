"""Settings of a website: the rules of their values, and their change."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar
from zoneinfo import available_timezones

from config.api.fields import Boolean, Choice, List, Text
from config.api.rules import Rule, at_least, at_most, matching
from config.api.serializers import StrictSerializer
from websites.traffic_filter import is_host_pattern, is_network

TRAILING_SLASHES = (KEEP, REMOVE) = ("keep", "remove")
_NOT_IANA = {"Factory", "localtime"}  # files of the system that are no zones
_PATH = re.compile(r"/[^\s\x00-\x1f\x7f?#]*")


@cache
def timezones() -> frozenset[str]:
    return frozenset({"UTC"} | available_timezones() - _NOT_IANA)


def valid(kind: str, accepts: Callable[[str], bool], expected: str) -> Rule:
    """Return a rule whose message quotes the value, which may be one of a hundred."""
    message = f"Invalid {kind} '{{input!s:.64}}'. Expected {expected}"
    schema = {"description": f"{expected[0].upper()}{expected[1:]}."}
    return Rule(accepts, "value_error", message, schema=schema)


def texts(most: int, *rules: Rule, **kwargs: Any) -> List:
    """Return a field of a list of texts."""
    return List(child=Text(*rules), min_length=0, max_length=most, **kwargs)


IANA_NAME = valid(
    "time zone", lambda name: name in timezones(), "an IANA name such as Europe/Berlin"
)


class PageRulesChange(StrictSerializer):
    """How URLs become pages in statistics; whatever is left out stays."""

    queryKeys = texts(
        50,
        at_least(1, "Query key is required"),
        at_most(100, "Query key too long", final=True),
        matching(r"\A[^&=#\s]*\Z", "Invalid query key"),
    )
    trailingSlash = Choice(*TRAILING_SLASHES)
    patterns = texts(
        100,
        at_most(255, "Pattern too long", final=True),
        valid("pattern", lambda text: bool(_PATH.fullmatch(text)), "a path such as /user/*"),
    )

    example: ClassVar[Any] = {"queryKeys": ["id"], "trailingSlash": REMOVE}


class Change(StrictSerializer):
    """What is to be different; whatever is left out stays."""

    timezone = Text(IANA_NAME)
    honourPrivacySignals = Boolean(source="honour_privacy_signals")
    allowedHosts = texts(
        100,
        at_most(255, "Host too long", final=True),
        valid("host", is_host_pattern, "a host such as example.com or *.example.com"),
        source="allowed_hosts",
    )
    ignoredNetworks = texts(
        100,
        valid("network", is_network, "an address or a network such as 192.0.2.0/24"),
        source="ignored_networks",
    )
    pageRules = PageRulesChange(partial=True, source="page_rules")

    example: ClassVar[Any] = {
        "timezone": "Europe/Berlin",
        "allowedHosts": ["example.com", "*.example.com"],
        "ignoredNetworks": ["192.0.2.0/24"],
        "pageRules": PageRulesChange.example,
    }


SETTINGS = Change(partial=True)

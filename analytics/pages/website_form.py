"""The form of a website's settings, a line for each entry of a list."""

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from config.api.errors import Invalid
from websites.models import Website
from websites.settings import SETTINGS

LISTS = ("allowedHosts", "ignoredNetworks")
RULE_LISTS = ("queryKeys", "patterns")
Fields = dict[str, Any]


def fields_of(website: Website) -> Fields:
    """Return the values of the fields, lists as lines."""
    rules = website.page_rules
    return {
        "timezone": website.timezone,
        "honourPrivacySignals": website.honour_privacy_signals,
        "allowedHosts": "\n".join(website.allowed_hosts),
        "ignoredNetworks": "\n".join(website.ignored_networks),
        "queryKeys": "\n".join(rules["queryKeys"]),
        "patterns": "\n".join(rules["patterns"]),
        "trailingSlash": rules["trailingSlash"],
    }


def changed(website: Website, sent: QueryDict) -> tuple[Fields, Mapping[str, list[str]]]:
    """Store what was sent; return the fields as they were sent, and their errors, if any."""
    fields: Fields = {name: sent.get(name, "") for name in fields_of(website)}
    fields["honourPrivacySignals"] = "honourPrivacySignals" in sent
    values = {name: fields[name] for name in ("timezone", "honourPrivacySignals")}
    values |= {name: _lines(fields[name]) for name in LISTS}
    rules = {name: _lines(fields[name]) for name in RULE_LISTS}
    values["pageRules"] = rules | {"trailingSlash": fields["trailingSlash"]}
    try:
        website.change(**SETTINGS.run_validation(values))
    except Invalid as error:
        found: dict[str, list[str]] = {}
        for problem in error.problems:
            name = next(step for step in reversed(problem.location) if step in fields)
            found.setdefault(str(name), []).append(problem.describe())
        return fields, found
    return fields, {}


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]

"""The channel of a session, by the usual rules"""

import re
from collections.abc import Mapping

from analytics.reports.facts.sources import Kind, Source

_PAID = re.compile(r".*cp.*|ppc|retargeting|paid.*")
_CLICK_IDS = ("gclid", "msclkid")
_BY_MEDIUM = {
    **dict.fromkeys(("display", "banner", "expandable", "interstitial", "cpm"), "Display"),
    **dict.fromkeys(("email", "e-mail", "e_mail", "e mail", "newsletter"), "Email"),
    **dict.fromkeys(("affiliate", "affiliates"), "Affiliates"),
    **dict.fromkeys(("social", "social-network", "social-media", "sm"), "Organic Social"),
    "organic": "Organic Search",
    "video": "Organic Video",
    "audio": "Audio",
    "sms": "SMS",
    "push": "Mobile Push",
}
_BY_KIND = {
    Kind.SEARCH: "Organic Search",
    Kind.SOCIAL: "Organic Social",
    Kind.VIDEO: "Organic Video",
    Kind.EMAIL: "Email",
    Kind.ASSISTANT: "AI Assistants",
}
_PAID_BY_KIND = {
    Kind.SEARCH: "Paid Search",
    Kind.SOCIAL: "Paid Social",
    Kind.VIDEO: "Paid Video",
}


def channel_of(source: Source, parameters: Mapping[str, str]) -> str:
    """Return the channel of a source and the parameters of the first URL."""
    medium = parameters.get("utm_medium", "").lower()
    if medium in _BY_MEDIUM:
        return _BY_MEDIUM[medium]
    if _PAID.fullmatch(medium):
        return _PAID_BY_KIND.get(source.kind, "Paid Other")
    if any(name in parameters for name in _CLICK_IDS):
        return "Paid Search"
    if source.kind in _BY_KIND:
        return _BY_KIND[source.kind]
    return "Referral" if source.name or medium == "referral" else "Direct"

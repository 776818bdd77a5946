"""The source of a session: who sent its visitor, by name"""

import re
from collections.abc import Set
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from config.api.web_urls import host_of
from websites.domains import canonical_host, without_www

_SOURCE_PARAMETERS = ("utm_source", "ref", "source")


class Kind(StrEnum):
    SEARCH = "search"
    SOCIAL = "social"
    VIDEO = "video"
    EMAIL = "email"
    ASSISTANT = "assistant"
    OTHER = "other"


class Source(NamedTuple):
    """A source by name; None is none: the visitor came directly."""

    name: str | None
    kind: Kind = Kind.OTHER


DIRECT = Source(None)

# A name in the DNS also stands for all below it; words are values of utm_source.
_WELL_KNOWN = {
    Source("Google", Kind.SEARCH): "google com.google.android.googlequicksearchbox",
    Source("Bing", Kind.SEARCH): "bing bing.com com.microsoft.bing",
    Source("DuckDuckGo", Kind.SEARCH): "duckduckgo duckduckgo.com com.duckduckgo.mobile.android",
    Source("Yahoo", Kind.SEARCH): "yahoo",
    Source("Yandex", Kind.SEARCH): "yandex ya.ru",
    Source("Baidu", Kind.SEARCH): "baidu baidu.com",
    Source("Ecosia", Kind.SEARCH): "ecosia ecosia.org",
    Source("Brave", Kind.SEARCH): "search.brave.com",
    Source("Startpage", Kind.SEARCH): "startpage startpage.com",
    Source("Qwant", Kind.SEARCH): "qwant qwant.com",
    Source("Naver", Kind.SEARCH): "naver naver.com",
    Source("Seznam", Kind.SEARCH): "seznam seznam.cz",
    Source("Facebook", Kind.SOCIAL): "facebook fb facebook.com fb.me fb.com com.facebook.katana",
    Source("Instagram", Kind.SOCIAL): "instagram ig instagram.com com.instagram.android",
    Source("Threads", Kind.SOCIAL): "threads threads.net threads.com",
    Source("X", Kind.SOCIAL): "twitter x twitter.com x.com t.co com.twitter.android",
    Source("LinkedIn", Kind.SOCIAL): "linkedin linkedin.com lnkd.in com.linkedin.android",
    Source("Reddit", Kind.SOCIAL): "reddit reddit.com redd.it com.reddit.frontpage",
    Source("Pinterest", Kind.SOCIAL): "pinterest pin.it com.pinterest",
    Source("TikTok", Kind.SOCIAL): "tiktok tiktok.com com.zhiliaoapp.musically",
    Source("Hacker News", Kind.SOCIAL): "hackernews news.ycombinator.com",
    Source("Mastodon", Kind.SOCIAL): "mastodon mastodon.social org.joinmastodon.android",
    Source("Bluesky", Kind.SOCIAL): "bluesky bsky.app",
    Source("Telegram", Kind.SOCIAL): "telegram telegram.org t.me org.telegram.messenger",
    Source("WhatsApp", Kind.SOCIAL): "whatsapp whatsapp.com wa.me com.whatsapp",
    Source("VK", Kind.SOCIAL): "vk vk.com",
    Source("YouTube", Kind.VIDEO): "youtube youtube.com youtu.be com.google.android.youtube",
    Source("Vimeo", Kind.VIDEO): "vimeo vimeo.com",
    Source("Twitch", Kind.VIDEO): "twitch twitch.tv",
    Source("Gmail", Kind.EMAIL): "gmail mail.google.com com.google.android.gm",
    Source("Outlook", Kind.EMAIL): "outlook outlook.live.com outlook.office.com",
    Source("Yahoo Mail", Kind.EMAIL): "mail.yahoo.com",
    Source("Proton Mail", Kind.EMAIL): "mail.proton.me",
    Source("ChatGPT", Kind.ASSISTANT): "chatgpt chatgpt.com chat.openai.com",
    Source("Claude", Kind.ASSISTANT): "claude claude.ai",
    Source("Gemini", Kind.ASSISTANT): "gemini gemini.google.com",
    Source("Perplexity", Kind.ASSISTANT): "perplexity perplexity.ai",
    Source("Copilot", Kind.ASSISTANT): "copilot copilot.microsoft.com",
    Source("GitHub"): "github github.com",
}
_BY_KEY = {key: source for source, keys in _WELL_KNOWN.items() for key in keys.split()}
# These have a domain in many countries.
_OF_COUNTRIES = re.compile(
    r"(?:.+\.)?(google|yahoo|yandex|pinterest)\.(?:com|[a-z]{2}|com?\.[a-z]{2})"
)


@lru_cache(maxsize=10_000)
def host_name(url: str) -> str | None:
    """Return the host of a URL in its one spelling without www., None if it has none."""
    host = host_of(url)
    return without_www(canonical_host(host)) if host else None


@lru_cache(maxsize=10_000)
def parameters_of(url: str) -> dict[str, str]:
    """Return the first value of each parameter of a URL by its name in lower case."""
    try:
        fields = parse_qs(urlsplit(url).query, errors="replace")
    except ValueError:  # brackets that are no address
        return {}
    named = {name.lower(): values[0].strip() for name, values in reversed(fields.items())}
    return {name: value.replace("\0", "\ufffd") for name, value in named.items() if value}


def source_of(url: str, referrer: str | None, own_hosts: Set[str]) -> Source:
    """Return who sent a visitor to a URL: what its parameters say, else the referrer's host."""
    parameters = parameters_of(url)
    for name in _SOURCE_PARAMETERS:
        if value := parameters.get(name):
            return named_source(value)
    host = host_name(referrer) if referrer else None
    if host is None or host in own_hosts or host == host_name(url):
        return DIRECT
    return named_source(host)


@lru_cache(maxsize=10_000)
def named_source(value: str) -> Source:
    """Return the well-known source of a host or word, else one of this name."""
    key = value.lower().removeprefix("www.").rstrip(".")
    name = key
    while name:
        if source := _BY_KEY.get(name):
            return source
        name = name.partition(".")[2] if name.count(".") > 1 else ""
    if match := _OF_COUNTRIES.fullmatch(key):
        return _BY_KEY[match[1]] if match[1] in _BY_KEY else Source(key)
    return Source(key or value)

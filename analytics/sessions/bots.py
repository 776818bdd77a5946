"""Detection of crawlers by the User-Agent."""

import re
from functools import lru_cache

from analytics.sessions import crawler_patterns
from analytics.sessions.user_agents import MAX_LENGTH, without_model

_BROWSERS = ("mozilla/", "opera/")  # all of this is sought in lower case
# Systems of telephones, televisions, consoles and watches, and the HTTP stacks of their apps.
_HANDSETS = (
    *("android", "adr ", "iphone", "ipad", "ipod", " ios", "(ios", ";ios", "-ios", "/ios"),
    *("cfnetwork", "darwin/", "(darwin", "dalvik", "okhttp", "cronet", "alamofire", "dart/"),
    *("dart:io", "unityplayer", "exoplayer", "harmonyos", "watchos", "watch os", "apple watch"),
    *("tvos", "appletv", "tizen", "webos", "web0s", "roku", "vizios", "hbbtv", "smarttv"),
    *("smart-tv", "netfront", "midp", "cldc", "mre/", "up.browser", "up.link", "ucweb"),
    *("ucbrowser", "maui", "obigo", "dorado", "symbian", "blackberry", "nokia", "samsung"),
    *("sonyericsson", "docomo", "kddi", "kaios", "windows phone", "playstation", "nintendo"),
    *("xbox", "openharmony"),
)
_DESKTOPS = ("windows", "win32", "win64", "mac os", "macos", "macintosh", "osx", "linux", "x11")
_SYSTEMS = (
    *_HANDSETS,
    *_DESKTOPS,
    *("win16", "winnt", "win9", "wince", "mac_powerpc", "cros", "bsd", "sunos", "solaris"),
    *("beos", "haiku", "amiga", "morphos", "aros", "os/2", "risc", "qnx", "unix", "irix"),
    *("hp-ux", "aix", "openvms", "syllable", "inferno", "fuchsia", "ubuntu", "kde", "konqueror"),
    *("msie", "ms-office", "ppc", "amd64", "x86", "arm", "java", "j2me", "brew", "symb"),
    *("series40", "s60", "bb10", "playbook", "bada", "hpwos", "palm", "maemo", "meego"),
    *("mobile", "phone", "tablet", "kindle", "lg-", "lg/", "lge", "sanyo", "jig browser"),
    *("viera", "diga", "netcast", "dtv", "aoltv", "astro", "(tv", " tv", "tv;", "opera tv"),
    *("opera mini", "photon", "wii", "psp", "ps3", "dreamcast"),
)
# What apps, televisions and toolkits tell of themselves: [FBAN/FB4A;…], HbbTV/1.5.1 (…).
_ASIDES = re.compile(
    r"\[[^\]]*\]?|\b(?:HbbTV|FVC)/[\d.]+ ?\([^)]*\)?|http://bsalsa\.com|\bcubot[ _-]?\w*",
    re.ASCII | re.IGNORECASE,
)
# A browser begins with its system, Mozilla/5.0 (X11; …), or at least with its engine.
_NAMELESS = re.compile(
    r"(?:mozilla|opera)/[\w.]+\s*\((?!khtml|[^)]{0,200}rv:)"
    r"|^mozilla/[\d.]+ (?!firefox|chrome|safari|gecko|applewebkit|version|opera|msie)"
    r"[\w.-]+(?:/\S*)?$",
    re.ASCII,
)


def is_bot(user_agent: str) -> bool:
    """Return whether a User-Agent is a crawler's, a tool's or a library's; an empty one is not."""
    return _is_bot(user_agent[:MAX_LENGTH])


@lru_cache(maxsize=4096)
def _is_bot(user_agent: str) -> bool:
    lower = user_agent.lower()
    text = _ASIDES.sub(" ", without_model(user_agent))
    if _names(lower, _BROWSERS):
        return (
            crawler_patterns.crawlers().match(text)
            or crawler_patterns.automation().match(text)
            or crawler_patterns.addresses().match(text)
            or _is_no_browser(lower)
        )
    if _names(lower, _HANDSETS):
        return crawler_patterns.bots().match(text)
    return (
        crawler_patterns.crawlers().match(text)
        or crawler_patterns.machines().match(text)
        # Programs for desktops tell where their pages are.
        or (not _names(lower, _DESKTOPS) and crawler_patterns.websites().match(text))
    )


def _names(lower: str, words: tuple[str, ...]) -> bool:
    return any(word in lower for word in words)


def _is_no_browser(lower: str) -> bool:
    """Return whether what calls itself a browser names no system; browsers of people do."""
    return _NAMELESS.search(lower) is not None and not _names(lower, _SYSTEMS)

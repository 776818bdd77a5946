"""Devices, browsers and systems that User-Agents name."""

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from ua_parser import OS, UserAgent, parse_os, parse_user_agent

MAX_LENGTH = 512  # as much as is read and remembered; of 200,000 real ones one is longer
MAX_NAME_LENGTH = 255  # of a browser, of a system
MOBILE, TABLET, DESKTOP = "mobile", "tablet", "desktop"

# What ua-parser calls the browser of an app that names none: its HTTP stack, or the system.
_NO_BROWSERS = frozenset(
    {
        "Android",
        "Apache-HttpClient",
        "Apple Mail",
        "CFNetwork",
        "Mobile Safari UI/WKWebView",
        "okhttp",
    }
)
_SYSTEM_NAMES = {
    "ATV OS X": "tvOS",
    "Chromecast Android": "Android",
    "Chromecast Fuchsia": "Fuchsia",
    "Chromecast Linux": "Linux",
    "Chromecast SmartSpeaker": "Linux",
    "GoogleTV": "Android",
    "Kindle": "Linux",
    "Roku": "Roku OS",
    "WatchOS": "watchOS",
    "Web0S": "webOS",
}
# Of televisions ua-parser takes the brand for the system, unless it is one of these.
_SYSTEMS_OF_TELEVISIONS = frozenset(
    {"Android", "FreeBSD", "Fuchsia", "Linux", "Roku OS", "Tizen", "Windows", "tvOS", "webOS"}
)

# The model of a telephone and its build, as Android names them: (Linux; Android 15; CUBOT X9).
_MODEL = re.compile(
    r"(Andr[o0]id[^;)]{0,30};(?:\s*(?:U|wv|HarmonyOS|[a-z]{2}(?:[-_][a-z]{2,4})?)\s*;)*)"
    r"(?!\s*(?:mobile|tablet|opera))[^;)]*"
    r"|\bbuild/[^;)]*",
    re.ASCII | re.IGNORECASE,
)
# What apps tell of the device: Instagram 405.0 Android (31/12; 480dpi; 1080x2132; HTC; htc_bot).
_APP_DEVICE = re.compile(r"(?<=Android )\([^)]*\)?", re.ASCII)

_BROWSER = re.compile(r"\b(?:mozilla|opera)/")
_TELEVISION = re.compile(
    r"\btv\b|android ?tv|google ?tv|smart-?tv|apple ?tv|netcast|viera|aquos|bravia|hbbtv|roku|crkey"
    r"|chromecast|\baft[a-z]|mibox|mitv|shield android|\bstb\b|vizio|philipstv|tvos|web0s|ce-html"
    r"|tvs?[_-]|\bshell\b|led[-_]?\d|\bsmart box|\bstick\b|\b[xh]96|\ba95x"
)
_DESKTOP = re.compile(
    _TELEVISION.pattern
    + r"|playstation|nintendo|xbox|\bpsp\b|\bps[345]\b|\bcros\b|chromebook|\(pc; ?openharmony|2in1;"
)
_TABLET = re.compile(
    r"ipad|tablet(?! pc)|kindle|silk/|playbook|fbid/tablet|\btab\b|_tab\b|(?<!cool)pad\b"
    r"|galaxy tab|\bsm-[ptx]\d{3}|\bgt-(?:p|n[58])\d|lenovo (?:tb|yt)|\bkf[a-z]{3,5}\b"
    r"|nexus (?:7|9|10)\b|pixel c\b|mediapad|\btb-?[x\d]|xoom\b"
)
_MOBILE = re.compile(
    r"mobi|iphone|ipod|opera mini|blackberry|windows phone|j2me|midp|\(phone;|up\.browser|symbian"
    r"|kaios|nokia|docomo|wap-?browser|\bbrew|dv\(iph|\bbb10\b|watchos|watch os"
)
_HARMONY = re.compile(r"(?:openharmony|harmonyos)[ -]?([\d.]*)")
_MAC_PROCESSOR = re.compile(r"darwin/\S+ \((?:x86_64|i386|power)")
# The version of the system, as Facebook and Instagram tell it.
_APP_VERSION = re.compile(r"FBSV/([\d.]+)|Android \(\d+/([\d.]+);", re.ASCII)


@dataclass(frozen=True, slots=True)
class Agent:
    """What a User-Agent says, None for what it does not."""

    device: str | None = None
    browser: str | None = None
    os: str | None = None
    os_version: str | None = None
    browser_version: str | None = None


def agent_of(user_agent: str) -> Agent:
    """Return the device, browser and system that a User-Agent names."""
    return _agent_of(user_agent[:MAX_LENGTH])


def without_model(user_agent: str) -> str:
    """Return a User-Agent without the names of the device, which may be anything."""
    return _APP_DEVICE.sub("", _MODEL.sub(r"\1", user_agent))


@lru_cache(maxsize=4096)
def _agent_of(user_agent: str) -> Agent:
    text = user_agent.lower()
    browser, browser_version = _browser(user_agent, text)
    os, version = _system(user_agent, text)
    device = _device(text, os=os, browser=browser)
    # The HTTP library of an app names neither device nor system: what the app says is better.
    return Agent(device, browser, os, version, browser_version) if device else Agent()


def _device(text: str, *, os: str | None, browser: str | None) -> str | None:
    if _DESKTOP.search(text):
        return DESKTOP
    if _TABLET.search(text):
        return TABLET
    if _MOBILE.search(text):
        return MOBILE
    if os in ("Android", "HarmonyOS"):
        # Browsers of telephones say Mobile, and those of tablets do not; apps say neither.
        return TABLET if _BROWSER.search(text) else MOBILE
    if os == "iOS":
        return MOBILE
    return DESKTOP if os or browser else None


def _browser(user_agent: str, text: str) -> tuple[str | None, str | None]:
    """Return the name and the version of the browser."""
    found = parse_user_agent(without_model(user_agent))
    if found is None or (found.family in _NO_BROWSERS and not _BROWSER.search(text)):
        return None, None
    name = unquote(found.family).strip()
    name = (name if name.isprintable() else found.family)[:MAX_NAME_LENGTH]
    return (name, _version(found)) if name else (None, None)


def _system(user_agent: str, text: str) -> tuple[str | None, str | None]:
    """Return the name and the version of the operating system."""
    harmony = _HARMONY.search(text)
    if harmony:
        return "HarmonyOS", harmony[1].strip(".") or None
    if _MAC_PROCESSOR.search(text):
        return "Mac OS X", None  # ua-parser reads Darwin's version as that of iOS
    found = parse_os(user_agent)
    if found is None:
        return _system_of_app(user_agent, text)
    name = _SYSTEM_NAMES.get(found.family, found.family)
    if name not in _SYSTEMS_OF_TELEVISIONS and _TELEVISION.search(text):
        return ("Linux" if "linux" in text else None), None
    version = _version(found) or _version_in_app(user_agent)
    return name[:MAX_NAME_LENGTH], None if "crkey" in text else version


def _system_of_app(user_agent: str, text: str) -> tuple[str | None, str | None]:
    if "fb4a" in text:
        return "Android", _version_in_app(user_agent)
    return ("Mac OS X", None) if "(mac os" in text or "macos" in text else (None, None)


def _version_in_app(user_agent: str) -> str | None:
    found = _APP_VERSION.search(user_agent)
    return (found[1] or found[2])[:MAX_NAME_LENGTH] if found else None


def _version(found: OS | UserAgent) -> str | None:
    parts = (found.major, found.minor, found.patch, found.patch_minor)
    return ".".join(part for part in parts if part)[:MAX_NAME_LENGTH] or None

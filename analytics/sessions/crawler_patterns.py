"""Patterns that distinguish crawlers from people.

The names of crawlers come from a public list, crawler-user-agents. The rest are words for what a
client does. Each pattern is matched in linear time (ua-parser[regex]), so none may look around.
"""

from collections.abc import Iterable
from functools import cache

from crawleruseragents import CRAWLER_USER_AGENTS_DATA
from ua_parser import Domain, UserAgent
from ua_parser.core import Matcher
from ua_parser.lazy import UserAgentMatcher
from ua_parser.regex import Resolver

# Patterns of the list that also match people: names that browsers, in-app browsers and editors
# share with a crawler, and the build number of some Android telephones.
SHARED_WITH_PEOPLE = frozenset(
    {
        r"008\/",
        r"AP3A\.240617\.008",
        r"Blackboard",
        r"Code\/1\.",
        r"Fetch\/",
        r"Fluid",
        r"Freespoke\/",
        r"MetaIAB Facebook",
        r"Sogou",
        r"Sonic",
        r"TSM-turingos",
        r"Trae\/",
        r"Viber",
        r"WhatsApp",
        r"coccoc",
        r"okhttp",
    }
)

# What makes a crawler even of an app.
_BOT = (
    r"(?i)(?:^|[^a-z])bot|bots?(?:[^a-z]|$)",
    r"(?i)crawl|spider|headless",
    r"\(compatible; [^()]*https?:/",
)

# What no browser or program of a person has in its name.
_CRAWLER = (
    r"(?i)slurp|scrap(?:er|ing|y)|preview|unfurl|lighthouse|page ?speed|facebookexternal|curl|wget",
    r"(?i)phantomjs|selenium|puppeteer|playwright|cypress/|wkhtmlto|webkit2|webthumb|mshots|lightpanda",
    r"(?i)gomezagent|\bptst|\bwpm\b|24x7|dejaclick|iplabel|debugbear|\bdcv\b|daumoa|daum[ /]\d",
    r"(?i)mediapartners|googlead|[^a-z]google-[a-z]|google_partner",
    r"(?i)google (?:page|search con|keyword|pp |ads|web|favicon)",
    r"^(?:WhatsApp|Viber)(?:/|$)",  # previews; at the end of a text they name an in-app browser
    r"(?i); compatible; |mozilla/\S+ ?\([^()]*\).*\(compatible; [^;MT]",
    r"\$\{|\{\{|<\?|<script|<class|\(select",  # injections
)

# What stands beside the name of a browser that a machine drives.
_AUTOMATION = (
    r"(?i)monitor|synthetic|observatory|diagnos|transcod|measur|classif|validat|verif",
    r"(?i)fetch|extract|harvest|screenshot|thumbnail|inspector|checker|(?:^|[^m])scanner",
    r"[a-z]Agent(?:[/ ]|$)",
)

# Pages about the crawler, the people behind it, and its website.
_ADDRESS = (r"(?i)https?:/|www\.|@[a-z0-9-]+\.[a-z]{2}",)
_WEBSITE = (r"[a-z0-9-]{2,}\.(?:com|net|org|io|de|ru|info|uk|nl|fr|cz|eu|me|ai|dev)(?:[/ ,;)]|$)",)

# Where neither a browser nor a telephone is named: duties,
_DUTIES = (
    r"(?i)agent|analy[sz]|archiv|audit|capture|check|collect|cron\b|domain|embedder|expand",
    r"(?i)external_?hit|extract|fetch|harvest|health|index|inspect|link[-_ ]?(?:alarm|anal|check)",
    r"(?i)link[-_ ]?(?:exam|thumb|valid)|feed(?:burner|fetch|pars|valid| parser)|middleware",
    r"(?i)monitor|image[-_ ]?(?:cache|fetch|proxy|resiz|visu)|parser|\bping\b|pinger|probe",
    r"(?i)proxy|recon/|redirect|request|research|resolver|scan|scrap|screen ?shot|search|secur",
    r"(?i)\bseo|seo\b|sitemap|surveys?\b|synthetic|tester|thumb|\burl|url\b|valid|verif|webhook",
)
# libraries and languages of servers,
_LIBRARIES = (
    r"(?i)https?(?:[^:s]|$)|axios|faraday|golang|\bgo (?:http|pack|\d)|\bgrpc|hackney|^java",
    r"(?i)^libwww|^lwp|netty|\bnode\b|node[.-]?js|\bperl|\bphp|python|reqwest|rest-client|restsharp",
    r"(?i)^ruby|\blua\b|superagent|undici|unirest|\bureq",
)
# and tools and platforms.
_TOOLS = (
    r"(?i)apachebench|aria2|b0t(?:[^a-z]|$)|buster|censys|collectd|datadog|docker|dynatrace|fuzz",
    r"(?i)\bgit/|gradle|grafana|hobbit|insomnia/|kube|monit\b|munin|nagios|netcraft|newrelic|nikto",
    r"(?i)nmap|\bnpm/|nuclei|\bpip/|postman|prometheus|shodan|sqlmap|webcollage|webdav|xymon|zabbix",
    r"(?i)zgrab|amazon[- ](?:cloudf|kendra|route|simple)|\baws\b|azure|cloudflare|discourse|drupal",
    r"(?i)firebase|github|gitlab|^google|google-|joomla|laravel|symfony|wordpress|\bwp ",
)


class Patterns:
    """Regular expressions, searched together in linear time."""

    def __init__(self, patterns: Iterable[str]) -> None:
        matchers: list[Matcher[UserAgent]] = [
            UserAgentMatcher(each, "crawler") for each in patterns
        ]
        self._resolve = Resolver((matchers, [], []))

    def match(self, text: str) -> bool:
        """Return whether one of the patterns occurs in a text."""
        return self._resolve(text, Domain.USER_AGENT).user_agent is not None


@cache
def bots() -> Patterns:
    """Return what makes a crawler even of an app of a telephone."""
    return Patterns(_BOT)


@cache
def crawlers() -> Patterns:
    """Return the list, together with words that no browser of a person has in its name."""
    listed = (entry["pattern"] for entry in CRAWLER_USER_AGENTS_DATA)
    own = (pattern for pattern in listed if pattern not in SHARED_WITH_PEOPLE)
    return Patterns([*_BOT, *_CRAWLER, *(pattern.replace(r"\/", "/") for pattern in own)])


@cache
def automation() -> Patterns:
    """Return what stands beside the name of a browser that a machine drives."""
    return Patterns(_AUTOMATION)


@cache
def addresses() -> Patterns:
    """Return the addresses of pages and of mail."""
    return Patterns(_ADDRESS)


@cache
def websites() -> Patterns:
    """Return addresses of pages and of mail, and names of websites."""
    return Patterns([*_ADDRESS, *_WEBSITE])


@cache
def machines() -> Patterns:
    """Return duties, languages, libraries and tools, which people's programs do not name."""
    return Patterns([*_DUTIES, *_LIBRARIES, *_TOOLS])

"""Statistics: what parameters may be"""

import pytest

from tests.support.responses import assert_error
from tests.support.statistics import DATABASES, assert_refused

pytestmark = [
    pytest.mark.django_db(databases=DATABASES),
    pytest.mark.usefixtures("at_now"),
]
METRICS = (
    "'visitors' | 'sessions' | 'pageviews' | 'events' | 'pagesPerSession' | 'bounceRate' | "
    "'engagementRate' | 'sessionDuration' | 'timeOnPage' | 'scrollDepth' | 'entries' | 'exits' | "
    "'exitRate' | 'conversions' | 'conversionRate' | 'revenue' | 'averageRevenue' | 'share'"
)
DIMENSIONS = (
    "'time' | 'page' | 'hostname' | 'entryPage' | 'exitPage' | 'source' | 'channel' | 'referrer' | "
    "'utmSource' | 'utmMedium' | 'utmCampaign' | 'utmTerm' | 'utmContent' | 'country' | 'region' | "
    "'city' | 'browser' | 'browserVersion' | 'os' | 'osVersion' | 'device' | 'language' | "
    "'screen' | 'event' | 'outbound' | 'download' | 'goal'"
)
OPERATORS = "'not' | 'contains' | 'excludes' | 'matches' | 'known'"
DATE = "Expected YYYY-MM-DD, or an instant with an offset such as Z or +02:00"
YEARS = "Expected a date of the years 2000 to 2099"
REPEATED = "Must not be repeated"
UNKNOWN = "Unknown parameter"
EMPTY = "String must contain at least 1 character(s)"
NUL = "NUL characters are not allowed"
MIXED = "from and to must both be days, or both instants"
ZONE = "Invalid time zone '{}'. Expected an IANA name such as Europe/Berlin"
SHARE = (
    "share needs a count as the first other metric: visitors, sessions, pageviews, events, "
    "entries, exits"
)
LONG = "A filtered range may have at most 400 days"


def unknown(kind, name, known):
    return f"Unknown {kind} '{name}'. Expected {known}"


REFUSED = [
    # Names
    ("days=7", {"days": [UNKNOWN]}),
    ("conditions=1", {"conditions": [UNKNOWN]}),
    ("Country=DE", {"Country": [UNKNOWN]}),
    ("%00=1&a=2", {"\0": [UNKNOWN], "a": [UNKNOWN]}),
    ("property.=1", {"property.": [UNKNOWN]}),
    ("property.a%00=1", {"property.a\0": [UNKNOWN]}),
    (f"property.{'k' * 256}=1", {f"property.{'k' * 256}": [UNKNOWN]}),
    ("property.a__contains=", {"property.a__contains": [EMPTY]}),
    ("by=property.", {"by": [unknown("dimension", "property.", DIMENSIONS)]}),
    ("country__=DE", {"country__": [unknown("operator", "", OPERATORS)]}),
    ("country__is=DE", {"country__is": [unknown("operator", "is", OPERATORS)]}),
    ("page__a__not=1", {"page__a__not": [unknown("operator", "a__not", OPERATORS)]}),
    # Single parameters
    ("limit=1&limit=1", {"limit": [REPEATED]}),
    ("by=page&by=page", {"by": [REPEATED]}),
    ("from=2026-01-01&from=2026-01-01", {"from": [REPEATED]}),
    ("period=7d&period=7d&bots=only&bots=only", {"period": [REPEATED], "bots": [REPEATED]}),
    ("search=a&search=b", {"search": [REPEATED]}),
    ("metrics=visitors&metrics=events", {"metrics": [REPEATED]}),
    ("metrics=visits", {"metrics": [unknown("metric", "visits", METRICS)]}),
    ("metrics=", {"metrics": [unknown("metric", "", METRICS)]}),
    ("metrics=visitors,", {"metrics": [unknown("metric", "", METRICS)]}),
    ("metrics=visitors,visitors", {"metrics": ["A metric is named twice"]}),
    (
        "metrics=visits,conversion",
        {"metrics": [unknown("metric", each, METRICS) for each in ("visits", "conversion")]},
    ),
    ("metrics=exits", {"metrics": ["exits needs by=page"]}),
    ("metrics=entries&by=country", {"metrics": ["entries needs by=page"]}),
    ("sort=-exitRate&by=country", {"sort": ["exitRate needs by=page"]}),
    ("metrics=visitors,share", {"metrics": ["share needs a dimension in by"]}),
    ("metrics=visitors,share&by=time", {"metrics": ["share needs a dimension in by"]}),
    ("metrics=share&by=page", {"metrics": [SHARE]}),
    ("metrics=bounceRate,share,visitors&by=page", {"metrics": [SHARE]}),
    ("sort=--visitors", {"sort": [unknown("metric", "-visitors", METRICS)]}),
    ("sort=%2Bvisitors", {"sort": [unknown("metric", "+visitors", METRICS)]}),
    ("by=pages", {"by": [unknown("dimension", "pages", DIMENSIONS)]}),
    ("by=", {"by": [unknown("dimension", "", DIMENSIONS)]}),
    (
        "by=time&interval=year",
        {
            "interval": [
                "Invalid enum value. Expected 'minute' | 'hour' | 'day' | 'week' | 'month', "
                "received 'year'"
            ]
        },
    ),
    ("interval=day", {"interval": ["Needs by=time"]}),
    ("interval=day&by=page", {"interval": ["Needs by=time"]}),
    (
        "bots=all",
        {"bots": ["Invalid enum value. Expected 'only', received 'all'"]},
    ),
    (
        "compare=last",
        {"compare": ["Invalid enum value. Expected 'none' | 'previous' | 'year', received 'last'"]},
    ),
    ("limit=0", {"limit": ["Number must be greater than or equal to 1"]}),
    ("limit=1001", {"limit": ["Number must be less than or equal to 1000"]}),
    ("limit=", {"limit": ["Expected a whole number"]}),
    ("limit=1.0", {"limit": ["Expected a whole number"]}),
    ("limit=+5", {"limit": ["Expected a whole number"]}),
    ("limit=%D9%A3", {"limit": ["Expected a whole number"]}),
    (f"limit={'9' * 1000}", {"limit": ["Number must be less than or equal to 1000"]}),
    (f"limit={'9' * 9000}", {"limit": ["Expected a whole number"]}),
    ("offset=-1", {"offset": ["Number must be greater than or equal to 0"]}),
    ("offset=1000001", {"offset": ["Number must be less than or equal to 1000000"]}),
    ("search=a%00", {"search": [NUL]}),
    (f"search={'x' * 2049}", {"search": ["String must contain at most 2048 character(s)"]}),
    # Time zones
    ("timezone=Mars/Base", {"timezone": [ZONE.format("Mars/Base")]}),
    ("timezone=europe/berlin", {"timezone": [ZONE.format("europe/berlin")]}),
    ("timezone=", {"timezone": [ZONE.format("")]}),
    ("timezone=../etc/passwd", {"timezone": [ZONE.format("../etc/passwd")]}),
    ("timezone=UTC%00", {"timezone": [ZONE.format("UTC\0")]}),
    # Ranges
    ("from=2026-13-01", {"from": [DATE]}),
    ("from=2026-2-1", {"from": [DATE]}),
    ("from=2026-02-30", {"from": [DATE]}),
    ("from=20260201", {"from": [DATE]}),
    ("from=2026-W01-1", {"from": [DATE]}),
    ("from=&to=", {"from": [DATE], "to": [DATE]}),
    ("from=1767225600", {"from": [DATE]}),
    ("from=2026-01-01T00:00:00", {"from": [DATE]}),
    ("from=2026-01-01T00:00:00+01:00", {"from": [DATE]}),
    ("from=2026-01-01T25:00:00Z", {"from": [DATE]}),
    ("from=2026-01-01T00:00:00Z%00", {"from": [DATE]}),
    ("from=1999-12-31", {"from": [YEARS]}),
    ("from=0001-01-01", {"from": [YEARS]}),
    ("to=2100-01-01", {"to": [YEARS]}),
    ("to=9999-12-31T23:59:59-12:00", {"to": [YEARS]}),
    ("from=2026-02-02&to=2026-02-01", {"from": ["Must not be after to"]}),
    ("from=2026-03-30", {"from": ["Must not be after to"]}),
    ("from=2026-02-02T00:00:00Z&to=2026-02-01T23:59:59Z", {"from": ["Must not be after to"]}),
    ("from=2026-02-01&to=2026-02-02T00:00:00Z", {"from": [MIXED]}),
    ("from=2026-02-01T00:00:00Z&to=2026-02-02", {"from": [MIXED]}),
    (
        "period=1y",
        {
            "period": [
                "Invalid enum value. Expected 'today' | 'yesterday' | '24h' | '7d' | '28d' | '90d' "
                "| '12mo' | 'month' | 'year' | 'all', received '1y'"
            ]
        },
    ),
    ("period=7d&from=2026-02-01", {"period": ["Excludes from and to"]}),
    ("period=7d&to=2026-02-01", {"period": ["Excludes from and to"]}),
    ("compareFrom=2026-01-01", {"compareTo": ["Required"]}),
    ("compareTo=2026-01-01", {"compareFrom": ["Required"]}),
    (
        "compareFrom=2026-01-02&compareTo=2026-01-01",
        {"compareFrom": ["Must not be after compareTo"]},
    ),
    (
        "compareFrom=2026-01-02&compareTo=2026-01-03T00:00:00Z",
        {"compareFrom": ["compareFrom and compareTo must both be days, or both instants"]},
    ),
    (
        "compare=year&compareFrom=2026-01-01&compareTo=2026-01-02",
        {"compare": ["Excludes compareFrom and compareTo"]},
    ),
    (
        "from=2000-01-01&to=2000-01-02&compare=previous",
        {"compare": ["Begins before the year 2000"]},
    ),
    ("by=time&interval=minute", {"interval": ["A range may have at most 1000 buckets"]}),
    (
        "by=time&interval=day&from=2020-01-01",
        {"interval": ["A range may have at most 1000 buckets"]},
    ),
    # Conditions
    ("country=", {"country": [EMPTY]}),
    ("country=DE&country=", {"country": [EMPTY]}),
    ("page=%2Fa%00", {"page": [NUL]}),
    (f"page={'x' * 2049}", {"page": ["String must contain at most 2048 character(s)"]}),
    (f"page={'x' * 10_000}", {"page": ["String must contain at most 2048 character(s)"]}),
    ("country__known=1", {"country__known": [unknown("value", "1", "'true' | 'false'")]}),
    ("country__known=true&country__known=false", {"country__known": [REPEATED]}),
    (
        "&".join(f"page={n}" for n in range(51)),
        {"page": ["At most 50 values are allowed"]},
    ),
    (
        "&".join([*(f"page={n}" for n in range(50)), "country=DE", "os=x"]),
        {"country": ["At most 50 values are allowed"]},
    ),
    (
        "&".join(
            f"{name}{op}=true"
            for name in ("page", "country", "city", "os")
            for op in ("", "__not", "__contains", "__excludes", "__matches", "__known")
        ),
        {"os__contains": ["At most 20 conditions are allowed"]},
    ),
    ("country=DE&from=2025-02-22&to=2026-03-29", {"from": [LONG]}),
    ("country=DE&from=2020-01-01", {"from": [LONG]}),
    ("bots=only&from=2020-01-01", {"from": [LONG]}),
    (
        "country=DE&to=2026-01-01&compareFrom=2020-01-01&compareTo=2022-01-01",
        {"compareFrom": [LONG]},
    ),
]


@pytest.mark.parametrize("path", ["stats", "stats.csv"])
@pytest.mark.parametrize(("query", "fields"), REFUSED, ids=[query[:60] for query, _ in REFUSED])
def test_what_makes_no_sense_is_rejected(ask, path, query, fields):
    assert_refused(ask(query, path=path), **fields)


def test_a_flood_of_parameters_is_rejected(ask):
    many = "&".join(f"a{n}=1" for n in range(1001))
    assert_error(ask(many), 400, "BAD_REQUEST", "Bad request")
    assert len(ask(many.rpartition("&")[0]).json()["details"]["fieldErrors"]) == 1000


def test_a_name_without_a_value_is_rejected(ask):
    assert_refused(ask("country"), country=[EMPTY])


def test_all_problems_are_told_at_once(ask):
    response = ask("days=7&limit=x&by=pages&country=")
    assert list(response.json()["details"]["fieldErrors"]) == ["by", "limit", "days", "country"]


ACCEPTED = [
    "country=DE&from=2025-02-23&to=2026-03-29",  # 400 days
    "&".join(f"page={n}" for n in range(50)),
    "&".join(
        f"{name}{op}=true"
        for name in ("page", "country", "city", "os")
        for op in ("", "__not", "__contains", "__excludes", "__matches")
    ),
    "search=",
    "by=property.plan",
    "by=property.a%0D%0Ab%22%E2%82%AC&property.%27%25s__not=x",
    "page=%ED%A0%80&search=%FF",  # lone surrogates become U+FFFD
    f"page={'%F0%9F%98%80' * 2048}",
    "page__matches=**%2F*(&page__matches=%5B",
    "page__contains=%25&page__contains=_",
    "from=2000-01-01&to=2099-12-31",
    "from=2026-02-01T00:00:00Z&to=2026-02-01T00:00:00Z&by=time",
    "from=2026-02-01t00:00:00.1234567-03:30&to=2026-02-01T23:59:59z&by=time",
    "from=2011-12-30&to=2011-12-30&timezone=Pacific/Apia&by=time",  # a day that never was
    "sort=visitors&by=page",
    "by=page&metrics=visitors,share&sort=share",
    "by=page&metrics=share,visitors",
    "metrics=visitors,entries,exits,exitRate&by=page&sort=exitRate",
    "period=all&by=time",
    "by=time&interval=week&timezone=Australia/Lord_Howe",
    "limit=1000&offset=1000000&by=country",
]


@pytest.mark.parametrize("path", ["stats", "stats.csv"])
@pytest.mark.parametrize("query", ACCEPTED, ids=[query[:60] for query in ACCEPTED])
def test_what_makes_sense_is_accepted(ask, post, at_now, path, query):
    post((at_now.now, {}))
    response = ask(query, path=path)
    assert (response.status_code, response.content[:100]) == (200, response.content[:100])

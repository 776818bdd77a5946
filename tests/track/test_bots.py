"""Bots by User-Agent"""

from itertools import product
from time import perf_counter

import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from analytics.sessions.bots import is_bot
from analytics.sessions.crawler_patterns import SHARED_WITH_PEOPLE
from tests.support.user_agents import BOTS, PEOPLE

LISTED = {instance for entry in CRAWLER_USER_AGENTS_DATA for instance in entry["instances"]}
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36"

# Telephones whose names sound like a crawler's, and other words that stand in such a place.
WORDS = (
    *("CUBOT", "M bot", "C Bot Tab", "IDbot", "VR BOT", "XBot", "htc_bot", "Spider", "Crawler"),
    *("Sonic", "Butterfly", "Fever", "Expanse", "Preview", "Monitor", "Scanner", "Checker", "Curl"),
    *("Fetcher", "Agent", "Search", "Feed", "Archiver", "Proxy", "Google-X", "Validator", "Wget"),
)
VERSIONS = ("7.1.2", "11", "14", "15", "16")
PLACES = (
    "Mozilla/5.0 (Linux; Android {version}; {model}) " + CHROME,
    "Mozilla/5.0 (Linux; Android {version}; {model} Build/AP3A.240617.008; wv) " + CHROME,
    "Mozilla/5.0 (Linux; U; Android {version}; en-us; {model} Build/{model}) " + CHROME,
    "Mozilla/5.0 (Linux; Android {version}; S1; wv) " + CHROME + " [FB_IAB/FB4A;FBDV/{model};]",
    "Mozilla/5.0 (Linux; Android {version}; S1; wv) " + CHROME + " Instagram 405.0 Android"
    " (35/{version}; 480dpi; 1080x2132; HTC; {model}; {model}; qcom; de_DE; 812345678)",
    "Dalvik/2.1.0 (Linux; U; Android {version}; {model} Build/AP3A.240617.008)",
    "Mozilla/5.0 (Linux; Andr0id 9; TV) " + CHROME + " HbbTV/1.5.1 (+DRM;{model};TV;{version};)",
)


@pytest.mark.parametrize("user_agent", BOTS)
def test_the_table_says_what_is_a_bot(user_agent):
    assert is_bot(user_agent)


@pytest.mark.parametrize("user_agent", PEOPLE)
def test_the_table_says_who_is_none(user_agent):
    assert not is_bot(user_agent)


@pytest.mark.parametrize(
    "user_agent", ["", " ", "x", "Mozilla/5.0", "\xff\xfe 😀", "ShopApp/2.4.0"]
)
def test_who_says_little_is_no_bot(user_agent):
    assert not is_bot(user_agent)


def test_the_table_is_long_enough_and_names_each_once():
    assert len(BOTS) == len(set(BOTS)) >= 150
    assert len(PEOPLE) >= 150


def test_of_the_crawlers_of_the_list_at_least_95_percent_are_caught():
    """The patterns that people share are not used, so that some of its crawlers may be lost."""
    caught = sum(map(is_bot, LISTED))
    assert len(LISTED) > 2000
    assert caught / len(LISTED) >= 0.95


def test_of_people_at_most_one_in_5000_is_dropped():
    """All telephones and televisions here are named after a crawler; not one of them is lost."""
    models = [
        f"{word}{number}" for word, number in product(WORDS, ("", " 9", "_9 Pro", " KING KONG"))
    ]
    people = {
        place.format(version=version, model=model)
        for place, version, model in product(PLACES, VERSIONS, models)
    }
    assert len(people) > 3000
    assert [person for person in people if is_bot(person)] == []


def test_patterns_that_people_share_are_still_in_the_list():
    assert {entry["pattern"] for entry in CRAWLER_USER_AGENTS_DATA} >= SHARED_WITH_PEOPLE


@pytest.mark.parametrize(
    "user_agent",
    [
        "Mozilla/5.0 (Linux; Android 15; Pixel 9; Crawler/1.0) " + CHROME,
        "Mozilla/5.0 (Linux; Android 15; CUBOT X9) " + CHROME + " (compatible; Other/1.0)",
        "Mozilla/5.0 (Linux; Android 15; CUBOT X9) " + CHROME + " https://example.com/about",
        "Dalvik/2.1.0 (Linux; U; Android 13; CUBOT X9) ExampleBot/1.0",
        "ShopApp/1 (iPhone; iOS 18.6) okhttp/4.12.0 crawler",
    ],
)
def test_beside_a_device_a_crawler_is_one(user_agent):
    assert is_bot(user_agent)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "x",
            "Android ",
            "Android 1;",
            "Android 1;U;",
            "Mozilla/5.0 (",
            "(compatible; ",
            "[",
            "()",
        ),
        *(
            "build/",
            "HbbTV/1 (",
            "Mozilla/1 ",
            "mozilla/....",
            "google ",
            "bo t",
            "tv_",
            "%41",
            "😀",
        ),
    ],
)
def test_hostile_texts_are_read_in_bounded_time(text):
    """A few hundred microseconds here; the bound is wide for machines that are busy."""
    is_bot(text)
    best = min(_seconds(text * 60_000 + str(attempt)) for attempt in range(5))
    assert best < 0.01


def _seconds(text):
    start = perf_counter()
    is_bot(text)
    return perf_counter() - start

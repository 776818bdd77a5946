"""The warm-up of a worker"""

import pytest

from analytics.sessions import crawler_patterns
from analytics.sessions.bots import is_bot
from analytics.sessions.warm_up import warm_up
from tests.support.user_agents import BOTS, PEOPLE

COMPILED = ("bots", "crawlers", "automation", "addresses", "websites", "machines")


@pytest.fixture
def cold():
    """Forget the patterns, as in a new process."""
    for name in COMPILED:
        getattr(crawler_patterns, name).cache_clear()


@pytest.mark.usefixtures("cold")
def test_no_visitor_waits_for_patterns_to_be_compiled(monkeypatch):
    def compile(patterns):
        raise AssertionError("compiled again")

    warm_up()
    monkeypatch.setattr(crawler_patterns, "Patterns", compile)
    for user_agent in (*BOTS, *PEOPLE, ""):
        is_bot(f"{user_agent} ")  # as no other test has asked for

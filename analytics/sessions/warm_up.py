"""Warm-up of a worker: what takes long the first time is done before a visitor comes."""

from analytics.sessions.bots import is_bot
from analytics.sessions.user_agents import agent_of

# Of a browser, an app of a telephone and another program: together they meet all patterns.
_USER_AGENTS = ("Mozilla/5.0 (X11; Linux x86_64)", "Dalvik/2.1.0 (Android 16)", "Shop/1.0")


def warm_up() -> None:
    """Compile the patterns of User-Agents."""
    for user_agent in _USER_AGENTS:
        is_bot(user_agent)
        agent_of(user_agent)

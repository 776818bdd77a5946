"""Devices, browsers and systems by User-Agent"""

from dataclasses import replace
from unittest.mock import Mock

import pytest
import ua_parser

from analytics.sessions import user_agents
from analytics.sessions.user_agents import Agent
from tests.support.user_agents import PEOPLE

CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.2 Mobile/15E148 Safari/604.1"
)


def agent_of(user_agent):
    """Return what a User-Agent says, the version of the browser aside."""
    return replace(user_agents.agent_of(user_agent), browser_version=None)


@pytest.mark.parametrize(
    ("user_agent", "version"),
    [
        (IPHONE, "17.2"),
        (f"Mozilla/5.0 (X11; Linux x86_64) {CHROME} Safari/537.36", "142.0.0.0"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "145.0"),
        ("Dalvik/2.1.0 (Linux; U; Android 15; Pixel 9)", None),
        ("", None),
    ],
)
def test_a_browser_has_a_version(user_agent, version):
    assert user_agents.agent_of(user_agent).browser_version == version


@pytest.mark.parametrize(("user_agent", "agent"), PEOPLE.items())
def test_the_table_says_what_people_use(user_agent, agent):
    assert agent_of(user_agent) == agent


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        ("ShopApp/1 CFNetwork/3826.600.41 Darwin/24.6.0", Agent("mobile", "ShopApp", "iOS", "18")),
        (
            "ShopApp/1 CFNetwork/3826.600.41 Darwin/24.6.0 (x86_64)",
            Agent("desktop", "ShopApp", "Mac OS X"),
        ),
        ("Dalvik/2.1.0 (Linux; U; Android 15; Pixel 9)", Agent("mobile", None, "Android", "15")),
        ("Dalvik/2.1.0 (Linux; U; Android 15; SM-X920)", Agent("tablet", None, "Android", "15")),
        ("[FBAN/FB4A;FBAV/536.0;FBSV/15;]", Agent("mobile", "Facebook", "Android", "15")),
        ("[FBAN/FB4A;FBAV/536.0;FBDV/SM-X920;]", Agent("tablet", "Facebook", "Android")),
        ("[FBAN/FBIOS;FBAV/536.0;FBDV/iPad14,3;]", Agent("tablet", "Facebook", "iOS")),
    ],
)
def test_apps_of_telephones_are_mobile_unless_they_say_tablet(user_agent, expected):
    assert agent_of(user_agent) == expected


@pytest.mark.parametrize(
    "user_agent",
    [
        *("", "x", "\xff\xfe 😀", "Mozilla/5.0", "ShopApp/2.4.0", "ShopApp/2.4.0 okhttp/4.12.0"),
        *("okhttp/4.12.0", "Dart/3.9 (dart:io)", "ktor-client", "Cronet/133.0.6876.3"),
    ],
)
def test_what_names_neither_device_nor_system_says_nothing(user_agent):
    assert agent_of(user_agent) == Agent()


@pytest.mark.parametrize(
    ("user_agent", "os"),
    [
        ("Opera/9.80 (Linux armv7l; HbbTV/1.2.1 (; Sony; KDL32W650A; PKG3.2; 2013;);)", "Linux"),
        ("HbbTV/1.2.1 (;Panasonic;VIERA 2015;31.005;8501-0003 0002-0000;)", None),
        ("Mozilla/5.0 (SMART-TV; LINUX; Tizen 8.0) AppleWebKit/537.36 TV Safari/537.36", "Tizen"),
        (f"Mozilla/5.0 (Web0S; Linux/SmartTV) {CHROME} Safari/537.36", "webOS"),
        (f"Mozilla/5.0 (PlayStation; PlayStation 5/10.40) {CHROME} Safari/537.36", None),
        (f"Mozilla/5.0 (Windows NT 10.0; Xbox; Xbox Series X) {CHROME} Edge/44", "Windows"),
    ],
)
def test_televisions_and_consoles_are_desktops_and_their_system_is_no_brand(user_agent, os):
    agent = agent_of(user_agent)
    assert (agent.device, agent.os) == ("desktop", os)


@pytest.mark.parametrize(
    ("name", "browser"),
    [
        ("Shop%20App", "Shop App"),
        ("Caf%C3%A9", "Café"),
        ("%E5%BA%97", "店"),
        ("%00App", "%00App"),
        ("a%0Ab", "a%0Ab"),
        ("%FF", "\ufffd"),
        ("%zz", "%zz"),
    ],
)
def test_names_are_percent_decoded_unless_that_gives_control_characters(name, browser):
    assert agent_of(f"{name}/1 CFNetwork/1410.1 Darwin/22.6.0").browser == browser


@pytest.mark.parametrize("model", ["M bot 60", "Spider 8", "Firefox/3 Build/CUBOT"])
def test_a_model_is_no_browser(model):
    user_agent = f"Mozilla/5.0 (Linux; Android 15; {model}) {CHROME} Mobile Safari/537.36"
    assert agent_of(user_agent) == Agent("mobile", "Chrome Mobile", "Android", "15")


def test_what_is_parsed_of_a_user_agent_is_bounded(monkeypatch):
    parse = Mock(wraps=ua_parser.parse_os)
    monkeypatch.setattr(user_agents, "parse_os", parse)
    long = "Mozilla/5.0 (" + "Linux " * 8000
    assert agent_of(long) == agent_of(long + "Mobile")
    parse.assert_called_once_with(long[: user_agents.MAX_LENGTH])


def test_a_user_agent_is_parsed_once(monkeypatch):
    first = agent_of(IPHONE)
    monkeypatch.setattr(user_agents, "parse_os", None)
    assert agent_of(IPHONE) == first == Agent("mobile", "Mobile Safari", "iOS", "17.2")

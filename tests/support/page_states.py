"""The pages for people in the states that somebody has to look at"""

import json
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlencode

from tests.support.shown_pages import HOSTILE, LONG, Account


class State(NamedTuple):
    """A page in a state; path: with the names of `paths_of` in it."""

    path: str
    status: int = 200


OF_OWNERS = {
    "websites": State("/"),
    "dashboard": State("{busy}?compare=previous"),
    "dashboard with filters": State("{busy}?page=/&page__not=/pricing&country=DE"),
    "today": State("{busy}?period=today&compare=previous"),
    "before the first event": State("{empty}"),
    "no data in the range": State("{busy}?from=2020-01-01&to=2020-01-31"),
    "long names": State("{long}"),
    "map": State("{busy}?places=map&compare=previous"),
    "hours": State("{busy}hours/?country=DE"),
    "a question without sense": State("{busy}?period=x", 400),
    "breakdown": State("{busy}by/page/?compare=previous"),
    "breakdown of hostile texts": State("{busy}by/event/"),
    "breakdown without values": State("{busy}by/utmCampaign/"),
    "live": State("{busy}live/"),
    "nobody there": State("{empty}live/"),
    "retention": State("{busy}retention/"),
    "retention without visitors": State("{empty}retention/"),
    "annotations": State("{busy}annotations/"),
    "no annotations": State("{empty}annotations/"),
    "an annotation": State("{annotation}"),
    "goals": State("{busy}goals/?compare=previous"),
    "a goal": State("{goal}?compare=previous&country=DE"),
    "a goal of nobody": State("{goal}?by=entryPage&from=2020-01-01&to=2020-01-31"),
    "a goal that is changed": State("{goal}edit/"),
    "no goals": State("{empty}goals/"),
    "a new goal": State("{busy}goals/new/"),
    "funnels": State("{busy}funnels/"),
    "no funnels": State("{empty}funnels/"),
    "a funnel": State("{funnel}?compare=previous&country=DE"),
    "no funnel tried out": State("{empty}funnels/try/"),
    "a funnel tried out": State("{tried}&compare=previous"),
    "a funnel without sense": State("{busy}funnels/try/?steps=x", 400),
    "a range that is too long": State("{funnel}?period=12mo", 400),
    "a funnel that is changed": State("{funnel}edit/"),
    "settings": State("{busy}settings/"),
    "account": State("/accounts/me/"),
    "password": State("/accounts/password/"),
    "end of an account": State("/accounts/delete/"),
    "no such page": State("{busy}by/nothing/", 404),
}
OF_ALL = {
    "welcome": State("/"),
    "log in": State("/accounts/login/"),
    "register": State("/accounts/register/"),
    "reset": State("/accounts/reset/"),
    "shared dashboard": State("{share}"),
    "shared live view": State("{share}live/"),
    "shared breakdown": State("{share}by/page/"),
    "shared goal": State("{shared_goal}"),
    "shared retention": State("{share}retention/"),
}
# While the analytics database refuses everybody; the list of websites says so in each row.
AWAY = {
    "websites": State("/"),
    "dashboard": State("{busy}?country=DE&compare=previous", 503),
    "breakdown": State("{busy}by/page/", 503),
    "live": State("{busy}live/", 503),
    "retention": State("{busy}retention/", 503),
    "goals": State("{busy}goals/", 503),
    "a funnel": State("{funnel}", 503),
    "hours": State("{busy}hours/", 503),
    "settings": State("{busy}settings/", 503),
    "funnels": State("{busy}funnels/"),
    "shared dashboard": State("{share}", 503),
    "shared live view": State("{share}live/", 503),
}
GOALS = (("Seen", "page", "/pricing"), (LONG, "event", HOSTILE))
STEPS = (("page", "/"), ("page", "/**"), ("event", HOSTILE))


def paths_of(owner: Account) -> dict[str, str]:
    """Make an owner's websites, with what they define and share; return the path of each."""
    busy = owner.add_website("Busy", "busy.example", sessions=112)
    for name, kind, value in GOALS:
        goal = owner.add(busy, "goals", {"name": name, "kind": kind, "value": value})
    steps = [{"kind": kind, "value": value} for kind, value in STEPS]
    funnel = owner.add(busy, "funnels", {"name": "Pricing", "steps": steps})
    today = datetime.now(UTC).date()
    for days, text in ((3, "New price list"), (12, HOSTILE), (20, LONG)):
        note = {"at": f"{today - timedelta(days)}", "text": text, "isPublic": True}
        annotation = owner.add(busy, "annotations", note)
    tried = urlencode({"steps": json.dumps(steps)})
    share = owner.add(busy, "shares", {"name": "Agency"})
    shared = share["url"].removeprefix(owner.origin)
    return {
        "busy": busy,
        "empty": owner.add_website("Empty", "empty.example"),
        "long": owner.add_website(LONG, f"{LONG[:60]}.example", sessions=4),
        "goal": f"{busy}goals/{goal['id']}/",
        "funnel": f"{busy}funnels/{funnel['id']}/",
        "annotation": f"{busy}annotations/{annotation['id']}/",
        "tried": f"{busy}funnels/try/?{tried}",
        "share": shared,
        "shared_goal": f"{shared}goals/{goal['id']}/",
    }

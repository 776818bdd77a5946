"""The questions that are timed, as requests"""

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from tests.bench.statistics.data import Size

CARDS = "visitors,sessions,pageviews,bounceRate,sessionDuration"
LIST = "visitors,sessions,pageviews"

Values = dict[str, object]


@dataclass(frozen=True, slots=True)
class Question:
    """A request. `raw` names the statement over events that finds the same (raw_sql.py).

    Pages are for a browser, which is signed in; the others carry a token.
    """

    name: str
    path: str
    raw: str = ""

    @property
    def is_page(self) -> bool:
        return not self.path.startswith("/api/")


def questions_of(website: dict[str, str], size: Size, page: str = "/pricing") -> list[Question]:
    """Return the questions about a website, as the API gives it; page: one that many view."""
    last = size.until - timedelta(days=1)
    first = size.until - timedelta(days=size.days)
    middle = size.until - timedelta(days=size.days // 2)
    days: Values = {"from": first, "to": last}
    half: Values = {"from": middle, "to": last, "compare": "previous"}
    hours: Values = {"from": size.until - timedelta(days=3), "to": last, "interval": "hour"}
    odd: Values = {"from": f"{first}T07:30:00Z", "to": f"{last}T16:10:00Z"}
    series: Values = {"by": "time", "interval": "day"} | days

    def ask(name: str, values: Values, raw: str = "", *, metrics: str = LIST) -> Question:
        query = urlencode({"metrics": metrics} | values)
        return Question(name, f"/api/v1/websites/{website['id']}/stats?{query}", raw)

    def see(name: str, values: Values, below: str = "") -> Question:
        query = urlencode({"compare": "previous"} | days | values)
        return Question(name, f"/websites/{website['id']}/{below}?{query}")

    code = website["trackingCode"]
    return [
        ask("totals", days, "totals", metrics=CARDS),
        ask("totals of half, and of the half before", half, metrics=CARDS),
        ask("totals, from half past seven", odd, metrics=CARDS),
        ask("totals, days of Kathmandu", days | {"timezone": "Asia/Kathmandu"}, metrics=CARDS),
        ask("series of days", series, "series"),
        ask("series of hours, 3 days", {"by": "time"} | hours),
        ask("top 10 pages", {"by": "page"} | days, "pages"),
        ask("top 10 sources", {"by": "source"} | days, "sources"),
        ask("top 10 countries", {"by": "country"} | days, "countries"),
        ask("totals, one country", {"country": "DE"} | days, "filtered totals", metrics=CARDS),
        ask("series of days, one country", {"country": "DE"} | series),
        ask("top 10 pages, one country", {"by": "page", "country": "DE"} | days),
        ask("top 10 sources, one page", {"by": "source", "page": page} | days),
        ask("totals, one event", {"event": "signup"} | days, metrics=CARDS),
        Question("live", f"/api/v1/websites/{website['id']}/live"),
        Question("retention, 12 weeks", f"/api/v1/websites/{website['id']}/retention"),
        see("dashboard", {}),
        see("dashboard, one country", {"country": "DE"}),
        see("dashboard, one page", {"page": page}),
        see(
            "dashboard, one country and not one source", {"country": "DE", "source__not": "Google"}
        ),
        see("page of all pages", {}, "by/page/"),
        see("page of all pages, one country", {"country": "DE"}, "by/page/"),
        Question("page of retention", f"/websites/{website['id']}/retention/"),
        Question("page of now", f"/websites/{website['id']}/live/"),
        Question("page of all websites", "/"),
        Question("list of events, with total", f"/api/v1/events?trackingCode={code}&limit=50"),
    ]

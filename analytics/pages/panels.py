"""The panels of the dashboard: the first values of a dimension, with tabs for others."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from analytics.pages.links import Link, State
from analytics.pages.lists import Values, values_of
from analytics.pages.world_map import Country, countries, map_text
from analytics.reports.questions.question import SHARE, Answer, Question

TOP = 10
MAP = "map"  # a tab whose values are countries
MAX_COUNTRIES = 300


class Kind(NamedTuple):
    """A panel: its parameter in links, its name, the tabs of its lists, and its metric."""

    name: str
    label: str
    tabs: dict[str, str]
    metric: str = "visitors"


PANELS = (
    Kind(
        "pages",
        "Pages",
        {"page": "Pages", "entryPage": "Entry", "exitPage": "Exit", "hostname": "Hosts"},
    ),
    Kind(
        "sources",
        "Sources",
        {
            "source": "Sources",
            "channel": "Channels",
            "referrer": "Referrers",
            "utmCampaign": "Campaigns",
        },
    ),
    Kind(
        "places",
        "Places",
        {
            "country": "Countries",
            MAP: "Map",
            "region": "Regions",
            "city": "Cities",
            "language": "Languages",
        },
    ),
    Kind(
        "devices",
        "Devices",
        {"browser": "Browsers", "os": "Systems", "device": "Devices", "screen": "Screens"},
    ),
    Kind(
        "events",
        "Events",
        {"event": "Events", "outbound": "Outbound", "download": "Downloads"},
        "events",
    ),
)


@dataclass(frozen=True, slots=True)
class Panel:
    """A list of the first values, with tabs for other dimensions."""

    name: str
    label: str
    tabs: list[Link]
    values: Values
    all_link: str
    map: list[Country] = field(default_factory=list)
    map_text: str = ""


def panel_questions(question: Question, state: State) -> list[Question]:
    """Return the question of each panel: for the tab that the state names."""
    return [
        replace(
            question,
            by=_dimension_of(_chosen_tab(kind, state)),
            interval=None,
            metrics=(kind.metric,) if question.previous else (kind.metric, SHARE),
            sort=kind.metric,
            limit=MAX_COUNTRIES if _chosen_tab(kind, state) == MAP else TOP,
        )
        for kind in PANELS
    ]


def panels(questions: Sequence[Question], answers: Sequence[Answer], state: State) -> list[Panel]:
    """Return all panels; answers: to their questions."""
    return [
        _panel(kind, asked, answer, state)
        for kind, asked, answer in zip(PANELS, questions, answers, strict=True)
    ]


def _chosen_tab(kind: Kind, state: State) -> str:
    dimension = state.query.get(kind.name, "")
    return dimension if dimension in kind.tabs else next(iter(kind.tabs))


def _dimension_of(tab: str) -> str:
    return "country" if tab == MAP else tab


def _panel(kind: Kind, asked: Question, found: Answer, state: State) -> Panel:
    chosen = _chosen_tab(kind, state)
    tabs = [
        Link(text, state.with_(**{kind.name: each}), each == chosen)
        for each, text in kind.tabs.items()
    ]
    values = values_of(found, asked, state)
    all_link = f"{state.base}by/{asked.by}/?{state.asked}"
    panel = Panel(kind.name, kind.label, tabs, values, all_link)
    if chosen != MAP:
        return panel
    places = countries(found.rows, values.rows)
    return replace(panel, map=places, map_text=map_text(places))

"""The state of a page, which stands in its query alone: so a link is a page, and back works."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.http import QueryDict

TABS = ("chart", "pages", "sources", "places", "devices", "events")  # parameters of the page alone
PAGING = ("offset", "search", "sort")  # those of one list
OF_TIME = ("by", "interval", "metrics")  # those of the chart, which lists have not
FORM = ("add", "op", "value")  # of a condition that is added


@dataclass(frozen=True, slots=True)
class Link:
    """One of several things to choose from."""

    text: str
    link: str
    is_chosen: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """The parameters of a page, and the path below which the pages of its website are."""

    query: QueryDict
    base: str = ""

    @property
    def question(self) -> QueryDict:
        """The parameters that are a question to the statistics: about a series, as charts show."""
        query = self._copy(*TABS)
        query["by"] = "time"
        return query

    @property
    def plain(self) -> QueryDict:
        """The parameters without those of the form that adds a condition."""
        return self._copy(*FORM)

    @property
    def asked(self) -> str:
        """The question as a query, for lists, without the paging of one."""
        return self._copy(*TABS, *PAGING, *OF_TIME).urlencode()

    @property
    def hidden(self) -> Iterator[tuple[str, str]]:
        """The parameters that a form must send along, but for those of a list."""
        query = self._copy(*PAGING)
        return ((name, value) for name, values in query.lists() for value in values)

    def export(self, by: str, metrics: Iterable[str]) -> str:
        """Return the link to all rows as a file."""
        query = self._copy(*TABS, *PAGING, *(() if by == "time" else OF_TIME))
        query["by"], query["metrics"] = by, ",".join(metrics)
        return f"{self.base}export.csv?{query.urlencode()}"

    def with_(self, **values: str | None) -> str:
        """Return a link with other values of some parameters, None for none."""
        query = self._copy(*PAGING)
        for name, value in values.items():
            query.pop(name, None)
            if value is not None:
                query[name] = value
        return _link(query)

    def without(self, *names: str) -> str:
        """Return a link without some parameters."""
        return _link(self._copy(*PAGING, *names))

    def replacing(self, names: Iterable[str], parameters: Mapping[str, Sequence[str]]) -> str:
        """Return a link with other parameters in place of some."""
        query = self._copy(*PAGING, *names)
        for name, values in parameters.items():
            query.setlist(name, list(values))
        return _link(query)

    def at_offset(self, offset: int) -> str:
        query = self._copy("offset")
        if offset > 0:
            query["offset"] = str(offset)
        return _link(query)

    def sorted_by(self, metric: str) -> str:
        """Return a link to a list with the largest of a metric first."""
        query = self._copy("offset")
        query["sort"] = f"-{metric}"
        return _link(query)

    def adding(self, name: str, value: str) -> str:
        """Return a link with one condition more."""
        query = self._copy(*PAGING)
        if value not in query.getlist(name):
            query.appendlist(name, value)
        return _link(query)

    def removing(self, name: str, value: str) -> str:
        """Return a link without one value of a condition."""
        query = self._copy(*PAGING)
        query.setlist(name, [each for each in query.getlist(name) if each != value])
        return _link(query)

    def _copy(self, *without: str) -> QueryDict:
        query = self.query.copy()
        for name in without:
            query.pop(name, None)
        return query


def _link(query: QueryDict) -> str:
    return f"?{query.urlencode()}"

"""Statistics: what the description shows can be asked"""

import re
from pathlib import Path
from urllib.parse import urlencode

import pytest

from config.api.openapi.document import document
from tests.support.statistics import DATABASES
from websites.models import Goal

pytestmark = pytest.mark.django_db(databases=DATABASES)
ROOT = Path(__file__).parent.parent.parent
PARAMETERS = [
    (path, parameter)
    for path in ("stats", "stats.csv", "live", "retention")
    for parameter in document()["paths"][f"/api/v1/websites/{{id}}/{path}"]["get"]["parameters"]
    if parameter["in"] == "query"
]
CHAPTER = (ROOT / "config" / "docs" / "statistics.md").read_text()
CURLS = re.findall(
    r'^curl "\$(?:STATS|{STATS%stats})((?:\.csv|live|retention)?)\??(.*?)"', CHAPTER, re.M
)


def examples_of(parameter):
    """Yield queries that an example and the values of a parameter are."""
    example, schema = parameter.get("example"), parameter["schema"]
    if isinstance(example, dict):
        yield urlencode(example)
    elif example is not None:
        yield urlencode({parameter["name"]: example})
    parts = [schema, schema.get("items", {}), *schema.get("anyOf", [])]
    for value in [value for part in parts for value in part.get("enum", [])]:
        yield urlencode({parameter["name"]: value})


def completed(query):
    """Return a query with the parameters that its own one needs."""
    if query.startswith("interval="):
        return f"{query}&by=time&from=2026-10-01T00:00:00Z&to=2026-10-01T16:00:00Z"
    if re.search("=-?(entries|exits|exitRate)$", query):
        return f"{query}&by=page"
    if re.search("=-?(conversions|conversionRate|revenue|averageRevenue)$", query):
        return f"{query}&by=goal"
    if query == "metrics=share":
        return "metrics=visitors,share&by=page"
    if query.endswith("share"):
        return f"{query}&by=page"
    pairs = {"compareFrom": "compareTo", "compareTo": "compareFrom"}
    name = query.partition("=")[0]
    return f"{query}&{pairs[name]}=2026-10-01" if name in pairs else query


QUERIES = [(path, query) for path, each in PARAMETERS for query in examples_of(each)]


@pytest.mark.parametrize(
    ("path", "parameter"), PARAMETERS, ids=[f"{path} {each['name']}" for path, each in PARAMETERS]
)
def test_every_parameter_says_what_it_is(path, parameter):
    assert parameter.get("description") or parameter["schema"]
    assert "example" in parameter or parameter["schema"].keys() & {"enum", "minimum"}, parameter


@pytest.mark.parametrize(("path", "query"), QUERIES)
def test_every_example_runs(ask, path, query):
    assert ask(completed(query), path=path).status_code == 200


@pytest.mark.parametrize(("path", "query"), CURLS)
def test_every_request_of_the_chapter_runs(ask, website, path, query):
    goal = Goal.objects.create(website=website, name="Thanks", kind="page", value="/thanks")
    query = query.replace("$GOAL", str(goal.pk))
    response = ask(query, path=f"stats{path}" if path in ("", ".csv") else path)
    assert response.status_code == 200


def test_the_chapter_has_requests():
    assert len(CURLS) == 10


def test_the_chapter_names_every_value():
    for _, parameter in PARAMETERS:
        for value in examples_of(parameter):
            name = value.partition("=")[2].lstrip("-")
            assert name in CHAPTER or "%" in name or parameter["name"] == "conditions", value

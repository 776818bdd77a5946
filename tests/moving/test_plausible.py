"""Import from Plausible: counts of days, as events that have these counts"""

import csv
import io
import zipfile
from collections import Counter
from random import Random

import pytest
from django.core.management import CommandError

from analytics.moving import plausible
from tests.support.moving import (
    assert_copy_is_whole,
    brief,
    contexts,
    import_files,
    lines,
    properties,
    stored,
)
from tests.support.statistics import DATABASES

pytestmark = pytest.mark.django_db(databases=DATABASES)
DAYS = ("2026-02-10", "2026-03-29")  # the clocks of Berlin change on the second one
VISITORS = "date,visitors,pageviews,bounces,visits,visit_duration"


def true_visits(day):
    """Return visits of a day: visitor, pages, seconds, source, country, device."""
    random = Random(day)
    for number in range(60):
        pages = [f"/{int(6 * random.random() ** 2)}" for _ in range(random.choice((1, 1, 2, 3, 5)))]
        seconds = 0 if len(pages) == 1 else random.randrange(600)
        source = random.choice(("", "google.com", "news.example/x"))
        country, device = random.choice(("AT", "US", "")), random.choice(("Mobile", "Laptop"))
        yield number % 45, pages, seconds, source, country, device


def tables():
    """Return the files of an export of these visits."""
    found: dict[str, list[tuple[object, ...]]] = {name: [] for name in HEADERS}
    for day in DAYS:
        visits = list(true_visits(day))
        pages = [page for _, each, *_ in visits for page in each]
        single = [each[0] for _, each, *_ in visits if len(each) == 1]
        visitors = len({visit[0] for visit in visits})
        seconds = sum(visit[2] for visit in visits)
        found["visitors"].append((day, visitors, len(pages), len(single), len(visits), seconds))
        within = Counter(page for _, each, *_ in visits for page in set(each))
        found["pages"] += [
            (day, "www.example.com", page, within[page], within[page], count)
            for page, count in Counter(pages).items()
        ]
        bounces = Counter(single)
        found["entry_pages"] += [
            (day, page, count, count, bounces[page])
            for page, count in Counter(each[0] for _, each, *_ in visits).items()
        ]
        found["exit_pages"] += [
            (day, page, count)
            for page, count in Counter(each[-1] for _, each, *_ in visits).items()
        ]
        for name, position in (("sources", 3), ("locations", 4), ("devices", 5)):
            counts = Counter(visit[position] for visit in visits)
            found[name] += [(day, value, count) for value, count in counts.items()]
        found["custom_events"] += [
            (day, "Outbound Link: Click", "https://a.example/", "", 2, 3),
            (day, "Signup", "", "", 4, 4),
        ]
    return found


HEADERS = {
    "visitors": VISITORS,
    "pages": "date,hostname,page,visits,visitors,pageviews",
    "entry_pages": "date,entry_page,visitors,entrances,bounces",
    "exit_pages": "date,exit_page,exits",
    "sources": "date,referrer,visits",
    "locations": "date,country,visits",
    "devices": "date,device,visits",
    "custom_events": "date,name,link_url,path,visitors,events",
}


def write(path, found):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in found.items():
            text = io.StringIO()
            writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC)
            writer.writerows([HEADERS[name].split(","), *rows])
            archive.writestr(f"imported_{name}_20260210_20260329.csv", text.getvalue())
    return path


def test_days_have_their_counts(website, copy, tmp_path, ask):
    website.change(timezone="Europe/Berlin")
    found = tables()
    file = write(tmp_path / "export.zip", found)
    out, err = import_files(website, file, format="plausible")
    events = sum(row[2] for row in found["visitors"]) + 14
    assert (err, f"{events:,} events were imported, from" in out) == ("", True)
    metrics = "metrics=visitors,sessions,pageviews,bounceRate,sessionDuration"
    for day, visitors, views, bounces, visits, seconds in found["visitors"]:
        [total] = [ask(metrics, **{"from": day, "to": day}).json()["totals"]["metrics"]]
        assert total == {
            **{"visitors": visitors, "sessions": visits, "pageviews": views},
            "bounceRate": round(100 * bounces / visits, 1),
            "sessionDuration": pytest.approx(seconds / visits, abs=0.6),
        }
    assert_parts(ask, day, visits, found)
    assert {each["imported"] for each in properties()} == {"plausible"}
    assert ("www.example.com",) not in contexts("country")
    before = stored()
    out, _ = import_files(website, file, format="plausible")
    assert f"{events} are there already." in out
    assert stored() == before
    assert_copy_is_whole(website, copy, tmp_path)
    before = stored()
    found["visitors"] = [(*row[:4], row[4] - 1, row[5]) for row in found["visitors"]]
    out, _ = import_files(website, write(tmp_path / "later.zip", found), format="plausible")
    assert "0 events were imported." in out
    assert "left out: of days that were imported with other counts." in out
    assert stored() == before


def assert_parts(ask, day, visits, found):
    """Demand the counts of pages, sources and so on."""
    assert by(ask, day, "page", "pageviews") == sums(found["pages"], day, 2, 5)
    assert by(ask, day, "page", "entries") == sums(found["entry_pages"], day, 1, 3)
    near = by(ask, day, "page", "exits")
    exits = sums(found["exit_pages"], day, 1, 2)
    assert sum(abs(near.get(page, 0) - exits.get(page, 0)) for page in near | exits) < visits / 4
    assert by(ask, day, "country", "sessions") == sums(found["locations"], day, 1, 2)
    assert by(ask, day, "source", "sessions") == {
        {"google.com": "Google", "news.example/x": "news.example"}.get(name, name): count
        for name, count in sums(found["sources"], day, 1, 2).items()
    }
    assert by(ask, day, "device", "sessions") == {
        {"Mobile": "mobile", "Laptop": "desktop"}[name]: count
        for name, count in sums(found["devices"], day, 1, 2).items()
    }
    assert by(ask, day, "outbound", "events") == {"https://a.example/": 3}


def by(ask, day, dimension, metric):
    body = ask(f"by={dimension}&metrics={metric}", **{"from": day, "to": day}).json()
    return {
        row["value"] or "": row["metrics"][metric] for row in body["rows"] if row["metrics"][metric]
    }


def sums(rows, day, value, count):
    return {row[value]: row[count] for row in rows if row[0] == day}


def test_counts_that_contradict_each_other_are_told(website, tmp_path):
    file = tmp_path / "imported_visitors.csv"
    file.write_text(f"{VISITORS}\n2026-02-10,9,20,1,10,50\n2026-02-11,1,1,1,1,0\n")
    pages = tmp_path / "imported_pages.csv"
    pages.write_text(f"{HEADERS['pages']}\n2026-02-10,,/a,5,5,3\n2026-02-10,,b c,1,1,1\n")
    out, err = import_files(website, file, pages, format="plausible")
    assert sorted(line.partition(", from")[0] for line in lines(out)[5:-1]) == [
        "0 are there already.",
        "1 lines were left out: broken, see below.",
        "17 were left out: page views without a page.",
        "2 were left out: sessions of pages of a day that do not fit the others.",
        "3 events were imported",
        "50 were left out: seconds of visits for which there is no room.",
        "7 were left out: visits without a page view.",
    ]
    assert "url: Invalid URL" in err
    assert set(brief("url")) == {("https://example.com/a",)}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2026-02-30,1,1,1,1,1", "Invalid date: 2026-02-30"),
        ("0001-01-01,1,1,1,1,1", "Timestamp out of range"),
        ("2026-02-10,-1,1,1,1,1", "visitors: not a count: -1"),
        ("2026-02-10,1,1e9,1,1,1", "pageviews: not a count: 1e9"),
        ("2026-02-10,1,1,1,99999999999,1", "visits: not a count: 99999999999"),
    ],
)
def test_rows_that_are_no_counts_are_reported(website, tmp_path, row, message):
    file = tmp_path / "imported_visitors.csv"
    file.write_text(f"{VISITORS}\n{row}\n")
    _, err = import_files(website, file, format="plausible")
    assert lines(err) == [
        f"imported_visitors.csv:2: {message}".replace("imp", f"{tmp_path}/imp", 1)
    ]


def test_a_day_too_large_to_be_one_is_left_out(website, tmp_path):
    file = tmp_path / "imported_pages.csv"
    file.write_text(f"{HEADERS['pages']}\n2026-02-10,,/,1,1,999999999\n")
    out, _ = import_files(website, file, format="plausible")
    assert "1 were left out: of days with more than 1,000,000 page views or events." in out


def test_what_is_not_known_or_no_event_is_counted(website, tmp_path):
    file = tmp_path / "export.zip"
    members = {
        "imported_visitors.csv": f"{VISITORS},mood,rank\n2026-02-10,1,1,1,1,0,good,\n",
        "imported_pages.csv": f"{HEADERS['pages']}\n2026-02-10,,/,1,1,1\n",
        "imported_custom_events.csv": f"{HEADERS['custom_events']}\n"
        "2026-02-10,engagement,,,1,7\n2026-02-10,Signup,,,1,1\n",
        "imported_funnels.csv": "date,step\n2026-02-10,1\n2026-02-10,2\n",
        "imported_nothing.csv": "date\n",
        "photo.jpg": "\0\n\0\n",
    }
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    out, _ = import_files(website, file, format="plausible")
    assert sorted(lines(out)[-6:-1]) == [
        "0 are there already.",
        "1 were left out: files that are no tables: photo.jpg.",
        "1 were left out: values of the column visitors.mood.",
        "2 were left out: rows of a table that is not known: imported_funnels.csv.",
        "7 were left out: events of the name engagement, by which Plausible measures time and "
        "scroll depth.",
    ]
    assert sorted(brief("event_type")) == [("custom",), ("pageview",)]


def test_days_that_are_there_twice_are_left_out(website, tmp_path):
    file = tmp_path / "imported_visitors.csv"
    file.write_text(f"{VISITORS}\n2026-02-10,1,1,1,1,0\n2026-02-10,1,1,1,1,0\n")
    out, _ = import_files(website, file, format="plausible")
    assert "2 were left out: of days that are in several files, or twice in one." in out


def test_more_events_than_anybody_waits_for_are_refused(website, tmp_path, monkeypatch):
    monkeypatch.setattr(plausible, "MAX_EVENTS", 5)
    for name, count in (("visitors", 3), ("pages", 4), ("custom_events", 2)):
        header, row = {
            "visitors": (VISITORS, f"2026-02-10,1,{count},1,1,0"),
            "pages": (HEADERS["pages"], f"2026-02-10,,/,1,1,{count}"),
            "custom_events": (HEADERS["custom_events"], f"2026-02-10,Signup,,,1,{count}"),
        }[name]
        (tmp_path / f"imported_{name}.csv").write_text(f"{header}\n{row}\n")
    with pytest.raises(CommandError, match="count at least 6 page views, visits or events; more"):
        import_files(website, *tmp_path.iterdir(), format="plausible", dry_run=True)
    monkeypatch.setattr(plausible, "MAX_EVENTS", 6)
    monkeypatch.setattr(plausible, "MAX_DAY_BYTES", 100)
    out, _ = import_files(website, *tmp_path.iterdir(), format="plausible", dry_run=True)
    assert "3 would be left out: of days with more than 32 MiB of counts." in out


def test_files_that_are_no_export(website, tmp_path):
    file = tmp_path / "export.zip"
    for content, message in ((b"PK\3\4", "is no zip file, or damaged"), (b"", "is no zip file")):
        file.write_bytes(content)
        with pytest.raises(CommandError, match=message):
            import_files(website, file, format="plausible")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("photo.jpg", b"")
    with pytest.raises(CommandError, match=r"no file that is named like imported_visitors\.csv"):
        import_files(website, file, format="plausible")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in "ab":
            archive.writestr(f"{folder}/imported_pages.csv", f"{HEADERS['pages']}\n")
    with pytest.raises(CommandError, match=r"has 2 files of the name imported_pages\.csv"):
        import_files(website, file, format="plausible")
    (tmp_path / "visitors.csv").write_text(f"{VISITORS}\n")
    with pytest.raises(CommandError, match=r"must be named like imported_visitors\.csv"):
        import_files(website, tmp_path / "visitors.csv", format="plausible")
    whole = write(file, tables()).read_bytes()
    middle = whole.index(b"imported_pages") + 60
    file.write_bytes(whole[:middle] + bytes(20) + whole[middle + 20 :])
    with pytest.raises(CommandError, match="is damaged after line"):
        import_files(website, file, format="plausible")
    assert stored() == ([], [])


def test_whatever_is_wrong_with_a_zip_ends_with_a_message(website, tmp_path):
    few = {name: rows[:3] for name, rows in tables().items()}
    whole, random = write(tmp_path / "whole.zip", few).read_bytes(), Random(1)
    file, errors = tmp_path / "export.zip", 0
    for _ in range(60):
        changed = bytearray(whole)
        at = random.randrange(len(whole))
        changed[at : at + random.randrange(9)] = random.randbytes(random.randrange(9))
        file.write_bytes(changed)
        try:
            import_files(website, file, format="plausible", dry_run=True)
        except CommandError:
            errors += 1
    assert errors > 20

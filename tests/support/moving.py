"""Exports and imports: commands, and what they leave"""

import json
from io import StringIO

from django.core.management import call_command

from analytics.events.models import ClientContext, Event


def run(command, *arguments, **options):
    """Run a command; return what it writes, and what it writes of errors."""
    out, err = StringIO(), StringIO()
    call_command(command, *map(str, arguments), stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


def import_files(website, *files, **options):
    return run("import", *files, website=str(website.pk), **options)


def export(website, path, **options):
    """Export into a new file; return its bytes."""
    run("export", website.pk, output=str(path), **options)
    return path.read_bytes()


def assert_copy_is_whole(website, copy, directory):
    """Export a website, import that into another one, and demand that nothing is lost."""
    first = export(website, directory / "first.jsonl")
    import_files(copy, directory / "first.jsonl", new_ids=True)
    second = export(copy, directory / "second.jsonl")
    assert first
    assert _without_ids(first) == _without_ids(second)


def _without_ids(exported):
    """Return exported events and contexts as texts, without what a copy has of its own.

    Of several events of a session at one time, any may bring its context.
    """
    found = []
    for line in exported.splitlines():
        event = json.loads(line, parse_float=str)
        context = event.pop("context")
        del event["id"], event["websiteId"]
        found.append(json.dumps(event, sort_keys=True))
        if context:
            about = {name: event[name] for name in ("sessionId", "createdAt")}
            found.append(json.dumps({**context, **about, "id": None}, sort_keys=True))
    return sorted(found)


def stored():
    """Return the rows of all events and contexts, with the texts of properties."""
    events = [
        {**row, "properties": row["properties"] and row["properties"].text}
        for row in Event.objects.order_by("id").values()
    ]
    return events, list(ClientContext.objects.order_by("id").values())


def brief(*names):
    """Return some columns of all events, in the order of their ids."""
    return list(Event.objects.order_by("id").values_list(*names))


def contexts(*names):
    return list(ClientContext.objects.order_by("id").values_list(*names))


def properties():
    """Return the properties of all events, as JSON keeps them."""
    rows = Event.objects.order_by("id").values_list("properties", flat=True)
    return [json.loads(row.text) for row in rows]


def lines(text):
    return text.splitlines()

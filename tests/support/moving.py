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

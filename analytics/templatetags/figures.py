"""Numbers as people read them"""

from django import template

from analytics.pages.texts import NOTHING, format_seconds

register = template.Library()


@register.filter
def percent(number: float | None) -> str:
    return NOTHING if number is None else f"{number:.1f} %"


@register.filter
def duration(seconds: float | None) -> str:
    return NOTHING if seconds is None else format_seconds(seconds)

"""Rules: the validators of serializer fields."""

import re
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from config.api.errors import Invalid
from config.api.problems import Problem
from config.api.web_urls import is_url


@dataclass(frozen=True, slots=True)
class Rule:
    """A validator, as DRF's fields have them: raises Invalid for a value that breaks it.

    `message` is a template of `context`; without one the default message of the code is sent.
    `schema` is the rule in JSON Schema, as far as that can express it; `limits` are all of it as
    msgspec's Meta has them. Once a `final` rule is broken, the rules after it are skipped.
    """

    accepts: Callable[[Any], bool]
    code: str
    message: str = ""
    _: KW_ONLY
    context: dict[str, Any] = field(default_factory=dict)
    schema: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)
    final: bool = False

    def __call__(self, value: Any) -> None:
        if not self.accepts(value):
            raise Invalid(
                Problem(self.code, input=value, context=self.context, message=self.message)
            )


def at_least(characters: int, message: str = "") -> Rule:
    """Require a number of characters (code points)."""
    context, schema = {"min_length": characters}, {"minLength": characters}
    return Rule(
        lambda text: len(text) >= characters,
        "string_too_short",
        message,
        context=context,
        schema=schema,
        limits=context,
    )


def at_most(characters: int, message: str = "", *, final: bool = False) -> Rule:
    """Allow a number of characters (code points)."""
    context, schema = {"max_length": characters}, {"maxLength": characters}
    return Rule(
        lambda text: len(text) <= characters,
        "string_too_long",
        message,
        context=context,
        schema=schema,
        limits=context,
        final=final,
    )


def matching(pattern: str, message: str = "") -> Rule:
    """Require that a regular expression matches somewhere in the text."""
    search = re.compile(pattern, re.ASCII).search
    return Rule(
        lambda text: search(text) is not None,
        "string_pattern_mismatch",
        message,
        context={"pattern": pattern},
        schema={"pattern": pattern.replace(r"\A", "^").replace(r"\Z", "$")},
    )


def email_address(message: str = "") -> Rule:
    """Require an email address of any length, in ASCII."""
    atom = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
    label = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
    return matching(rf"\A{atom}(?:\.{atom})*@{label}(?:\.{label})+\Z", message)


def valid_url(message: str = "") -> Rule:
    """Require a URL."""
    schema = {
        "pattern": r"^[A-Za-z][A-Za-z0-9+.\-]*://[^\s]*$",
        "description": "A URL with a host, of any scheme but javascript, data, vbscript and blob.",
    }
    return Rule(is_url, "url_parsing", message, schema=schema)


def minimum(number: int) -> Rule:
    """Require a number of at least this value."""
    context, schema = {"ge": number}, {"minimum": number}
    return Rule(lambda value: value >= number, "greater_than_equal", context=context, schema=schema)


def maximum(number: int) -> Rule:
    """Require a number of at most this value."""
    context, schema = {"le": number}, {"maximum": number}
    return Rule(lambda value: value <= number, "less_than_equal", context=context, schema=schema)


def checked_by(rules: Sequence[Rule]) -> Callable[[Any], Any]:
    """Return what returns a value that breaks none of some rules; raises Invalid."""

    def check(value: Any) -> Any:
        for rule in rules:
            rule(value)
        return value

    return check

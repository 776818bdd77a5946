"""`manage.py doctor`: find out now what would otherwise show late."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from analytics.doctor import Finding, State, examine
from analytics.doctor.checks import CHECKS

EXIT_CODES = {State.OK: 0, State.WARN: 1, State.FAIL: 2}


class Command(BaseCommand):
    help = (
        "Check databases, partitions, settings, disk and upkeep; change nothing. Exit code: 0 all "
        "is well, 1 something will become a trouble, 2 something is one."
    )
    requires_system_checks = ()  # it tells in its own words what they would stop it for

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--json", dest="as_json", action="store_true", help="write JSON, for machines"
        )

    def handle(self, *, as_json: bool, **options: Any) -> None:
        findings = {}
        for name, finding in examine():
            findings[name] = finding
            if not as_json:
                self._tell(name, finding)
        worst = max((each.state for each in findings.values()), key=EXIT_CODES.__getitem__)
        if as_json:
            self.stdout.write(_document(worst, findings))
        else:
            self.stdout.write(_summary(findings))
        if worst is not State.OK:
            sys.exit(EXIT_CODES[worst])

    def _tell(self, name: str, finding: Finding) -> None:
        width = max(map(len, CHECKS))
        colours = {
            State.OK: self.style.SUCCESS,
            State.WARN: self.style.WARNING,
            State.FAIL: self.style.ERROR,
        }
        state = colours[finding.state](f"{finding.state:<4}")
        self.stdout.write(f"{state}  {name:<{width}}  {finding.found}")
        if finding.advice:
            self.stdout.write(f"{'':<4}  {'':<{width}}  {finding.advice}")


def _document(worst: State, findings: dict[str, Finding]) -> str:
    checks = [
        {"name": name, "state": each.state, "found": each.found, "advice": each.advice or None}
        for name, each in findings.items()
    ]
    return json.dumps({"state": worst, "checks": checks}, indent=2)


def _summary(findings: dict[str, Finding]) -> str:
    states = [each.state for each in findings.values()]
    counts = ", ".join(f"{states.count(state)} {state}" for state in State)
    return f"{len(states)} checks: {counts}."

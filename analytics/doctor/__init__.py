"""Whether all is well with what operators are responsible for, before it shows by itself."""

# Each of these registers the checks of its subject.
from analytics.doctor import (  # noqa: F401
    configuration,
    databases,
    machine,
    migrations,
    tables,
    upkeep,
)
from analytics.doctor.checks import Finding, State, examine

__all__ = ["Finding", "State", "examine"]

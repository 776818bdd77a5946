"""Traffic as it might have been: rows of all streams over many days, for development.

Each stream has a generator, a function that makes the rows of one day, in a module of this package
or in the module `generation` of another app. The rows of a day depend on the seed and on that day
alone, ids included, so that a run which was stopped can be repeated: what is there already stays.
"""

from analytics.generation import (  # noqa: F401 - they register themselves
    collect,
    events,
    funnel,
    platform,
    sessions,
)
from analytics.generation.days import Day, generator
from analytics.generation.run import Period, generate, prepare, tidy
from analytics.generation.world import World

__all__ = ["Day", "Period", "World", "generate", "generator", "prepare", "tidy"]

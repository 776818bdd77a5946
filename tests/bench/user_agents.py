"""`python -m tests.bench.user_agents FILE...`: how many user agents of public lists are bots.

FILE is a list as other projects ship it: lines of text, or YAML or JSON with `user_agent` or
`instances` in each item.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import yaml

from analytics.sessions.bots import is_bot


def user_agents(path: Path) -> Iterator[str]:
    """Yield the user agents of a list."""
    text = path.read_text(errors="replace")
    if path.suffix not in (".yml", ".yaml", ".json"):
        yield from filter(None, text.split("\n"))
        return
    for item in yaml.load(text, yaml.CSafeLoader):
        yield from item.get("instances") or [item["user_agent"]]


def main(paths: list[str]) -> None:
    """Print a line for each list and the user agents of all that are bots."""
    found: set[str] = set()
    for path in paths:
        texts = set(user_agents(Path(path)))
        start = perf_counter()
        bots = {text for text in texts if is_bot(text)}
        microseconds = (perf_counter() - start) / max(len(texts), 1) * 1e6
        print(f"{path}: {len(bots)} of {len(texts)} are bots, {microseconds:.0f} µs each")
        found |= texts - bots if "--rest" in sys.argv else bots
    print(*sorted(found), sep="\n")


if __name__ == "__main__":
    main([argument for argument in sys.argv[1:] if argument != "--rest"])

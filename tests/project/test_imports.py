"""Imports point one way, and no module imports an entrance"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LAYERS = ("config", "websites", "analytics", "activity")  # each may import those before it
ENTRANCES = re.compile(r"\.(admin|\w*_?api|middleware|management|urls|views)(?=$|\.)")
MAY_LEAD_TO_ENTRANCES = {
    *("config.urls", "websites.urls", "analytics.urls", "activity.urls"),
    "config.middleware",  # answers a refused host as the views do
}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for layer in LAYERS
    for path in sorted((ROOT / layer).rglob("*.py"))
    if "migrations" not in path.parts
}


def imports_of(module):
    """Return the dotted names that a module imports from the project, wherever in it."""
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            full = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else str(node.module) for name in full]
        else:
            continue
        yield from (name for name in names if name.partition(".")[0] in LAYERS)


def is_entrance(module):
    return not module.startswith("config.api.") and bool(ENTRANCES.search(module))


def are_both_admin(one, other):
    """Return whether both modules belong to the admin, which may share within itself."""
    return all(f"{module}.".count(".admin.") for module in (one, other))


def test_there_is_something_to_look_at():
    assert {"config.runtime.snapshot", "websites.tokens", "analytics.apps"} <= MODULES.keys()
    assert "config.api.errors" in imports_of("websites.tokens")
    assert "websites.accounts_api" in imports_of("websites.urls")


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module):
    layer = LAYERS.index(module.partition(".")[0])
    wrong = [name for name in imports_of(module) if name.split(".")[0] in LAYERS[layer + 1 :]]
    assert wrong == []


@pytest.mark.parametrize("module", sorted(MODULES.keys() - MAY_LEAD_TO_ENTRANCES))
def test_nobody_imports_an_entrance(module):
    entrances = [name for name in imports_of(module) if is_entrance(name)]
    assert [name for name in entrances if not are_both_admin(module, name)] == []

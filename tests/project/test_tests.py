"""Tests import no tests and touch no private names"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
DJANGO = {"_meta", "_state", "_registry", "_default_manager"}
NAMED_TUPLES = {"_fields", "_replace", "_asdict", "_make"}
PRIVATE = re.compile(r"_[a-z]\w*")
PRIVATE_PATH = re.compile(r"(config|websites|analytics|activity)(\.\w+)*\._[a-z]\w*")
PATCHES = {"setattr", "delattr", "setitem", "delitem", "object"}  # monkeypatch, mock.patch.object


def imports_of(tree):
    """Yield the dotted name of each import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def private_names(tree):
    """Yield the private names of others: imported, looked up or patched."""
    yield from filter(PRIVATE_PATH.fullmatch, imports_of(tree))
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) not in ("self", "cls"):
            names = [node.attr] if PRIVATE.fullmatch(node.attr) else []
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names = [node.value] if PRIVATE_PATH.fullmatch(node.value) else []
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in PATCHES:
            texts = [getattr(argument, "value", None) for argument in node.args[1:2]]
            names = [text for text in texts if isinstance(text, str) and PRIVATE.fullmatch(text)]
        yield from (name for name in names if name not in DJANGO | NAMED_TUPLES)


def found_in_tests(search):
    """Return what a search finds in the modules of tests, each with its path."""
    trees = {path: ast.parse(path.read_text()) for path in sorted(ROOT.rglob("*.py"))}
    return [f"{path.relative_to(ROOT)}: {name}" for path in trees for name in search(trees[path])]


def test_no_test_imports_another():
    def tests_in(tree):
        return filter(re.compile(r"tests\.(\w+\.)*(test_|conftest)").match, imports_of(tree))

    assert found_in_tests(tests_in) == []


def test_no_test_touches_a_private_name():
    assert found_in_tests(private_names) == []


def test_private_names_are_found():
    source = """
from config.server.health import _pools
health._pools
monkeypatch.setattr(health, "_pools", {})
monkeypatch.setattr("config.server.health._pools", {})
self._mine = User._meta
"""
    path = ".".join(["config.server.health", "_pools"])
    assert sorted(private_names(ast.parse(source))) == ["_pools", "_pools", path, path]

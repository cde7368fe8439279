"""The sizes and names that keep the package readable, measured on its syntax trees."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "addons" / "switchyard"
MODULES = {
    str(path.relative_to(PACKAGE)): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
}

MOST_OF_A_FUNCTION = 50
MOST_OF_A_CLASS = 250
MOST_OF_A_MODULE = 450

LARGE_CLASSES = {
    "ResponsesStreamReader": "one method for each of the API's 20 kinds of events, all of which "
    "write one state: the items as far as they have come",
    "Composer": "the same for writing: the items of one response, whose events are numbered "
    "through, and which are repeated whole at the end of each item and of the response",
}
"""Classes that may be larger, and why."""

type Sized = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def lines_of(node: Sized) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def definitions(*kinds: type[Sized]) -> Iterator[tuple[str, Sized]]:
    for module, tree in MODULES.items():
        for node in ast.walk(tree):
            if isinstance(node, kinds):
                yield module, node


def test_the_package_was_found() -> None:
    assert len(MODULES) > 300


def test_functions_are_short() -> None:
    found = {
        f"{module}: {node.name}": lines_of(node)
        for module, node in definitions(ast.FunctionDef, ast.AsyncFunctionDef)
        if lines_of(node) > MOST_OF_A_FUNCTION
    }
    assert not found


def test_classes_are_short_or_have_a_reason() -> None:
    large = {node.name for _, node in definitions(ast.ClassDef) if lines_of(node) > MOST_OF_A_CLASS}
    assert large == set(LARGE_CLASSES), "a class that became small needs no reason any more"


def test_modules_are_short() -> None:
    found = {}
    for module in MODULES:
        lines = len((PACKAGE / module).read_text(encoding="utf-8").splitlines())
        if lines > MOST_OF_A_MODULE:
            found[module] = lines
    assert not found


def test_public_types_have_names_of_their_own() -> None:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for module, tree in MODULES.items():
        for node in tree.body:
            match node:
                case ast.ClassDef(name=name) | ast.TypeAlias(name=ast.Name(id=name)):
                    if not name.startswith("_"):
                        places[name].append(module)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


@pytest.mark.parametrize("room", sorted({name.partition("/")[0] for name in MODULES}))
def test_modules_say_what_they_are_for(room: str) -> None:
    """Except empty ones, which only make a folder a package."""
    silent = [
        module
        for module, tree in MODULES.items()
        if module.partition("/")[0] == room and tree.body and not ast.get_docstring(tree)
    ]
    assert not silent

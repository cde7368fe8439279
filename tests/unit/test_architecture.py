"""docs/architecture.md says what the code is: rooms, addons, hooks, files, classes, guards."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from mitmproxy import hooks

import switchyard.egress.proxy_tunnel
import switchyard.failover.hooks  # noqa: F401  (both register hooks)
from switchyard.pipeline import build

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "addons" / "switchyard"
PAGE = ROOT / "docs" / "architecture.md"
DECISIONS = ROOT / "docs" / "decisions"

PATH = re.compile(r"[a-z_0-9]+(?:/[a-z_0-9]+)*(?:/|\.py)")
"""A room or a module, as the page names it."""


def section(title: str) -> str:
    text = PAGE.read_text()
    begin = text.index(f"\n## {title}\n")
    return text[begin : text.find("\n## ", begin + 1)]


def rows(title: str) -> list[list[str]]:
    """The cells of the first table below a title, without its head."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def test_every_room_is_listed() -> None:
    listed = [quoted(row[0])[0] for row in rows("The tree")]
    folders = {f"{path.parent.name}/" for path in PACKAGE.glob("*/__init__.py")}
    assert {name for name in listed if name.endswith("/")} == folders
    assert len(set(listed)) == len(listed)


def test_every_module_beside_the_rooms_is_named() -> None:
    named = set(quoted(section("The tree")))
    assert {path.name for path in PACKAGE.glob("[a-z]*.py")} <= named


def test_the_addons_stand_in_their_order() -> None:
    assert [quoted(row[0])[0] for row in rows("The pipeline")] == [
        type(addon).__name__ for addon in build()
    ]


@pytest.mark.parametrize("addon", build(), ids=lambda addon: type(addon).__name__)
def test_the_hooks_of_an_addon(addon: object) -> None:
    listed = {quoted(row[0])[0]: row[1] for row in rows("The pipeline")}[type(addon).__name__]
    handled = [name for name in vars(type(addon)) if name in hooks.all_hooks]
    assert sorted(filter(None, listed.split(", "))) == sorted(handled)


def test_paths_exist() -> None:
    paths = [path for path in quoted(PAGE.read_text()) if PATH.fullmatch(path)]
    assert len(paths) > 80
    missing = [path for path in paths if not ((PACKAGE / path).exists() or (ROOT / path).exists())]
    assert missing == []


@cache
def definitions(path: Path) -> set[str]:
    """The classes, functions and types of a module."""
    return {
        name
        for node in ast.parse(path.read_text()).body
        if (name := getattr(getattr(node, "name", None), "id", getattr(node, "name", None)))
    }


def places() -> Iterator[tuple[str, str]]:
    for row in rows("Glossary"):
        for place in quoted(row[2]):
            path, _, name = place.partition(": ")
            yield path, name


def test_the_glossary_leads_to_the_code() -> None:
    found = list(places())
    assert len(found) > 40
    assert [
        (path, name) for path, name in found if name and name not in definitions(PACKAGE / path)
    ] == []
    assert [path for path, _ in found if not (PACKAGE / path).exists()] == []


def test_the_glossary_has_each_term_once() -> None:
    terms = [row[0] for row in rows("Glossary")]
    assert len(set(terms)) == len(terms) > 50


def test_guards_of_the_host_exist() -> None:
    tests = {name for file in (ROOT / "tests" / "host").glob("*.py") for name in definitions(file)}
    guards = [
        guard for row in rows("What is used of mitmproxy's insides") for guard in quoted(row[2])
    ]
    assert len(guards) > 15
    assert set(guards) <= tests


LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_decision_is_listed() -> None:
    listed = set(LINK.findall((DECISIONS / "README.md").read_text()))
    pages = {path.name for path in DECISIONS.glob("0*.md")}
    assert pages and pages <= listed


@pytest.mark.parametrize("page", sorted(DECISIONS.glob("0*.md")), ids=lambda page: page.stem)
def test_a_decision_has_its_parts(page: Path) -> None:
    text = page.read_text()
    assert text.startswith(f"# {page.name[:4]} ")
    places = [text.index(f"**{part}.**") for part in ("Context", "Decision", "Consequences")]
    assert places == sorted(places)

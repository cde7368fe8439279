"""The dashboard's files: what they are, how much, and that they hold what the policy allows."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from tests.support.router import ROOT

STATIC = ROOT / "addons" / "switchyard" / "dashboard" / "static"
VENDORED = json.loads((STATIC / "vendored.json").read_text())
OURS = sorted(path for path in STATIC.rglob("*.js") if "vendor" not in path.parts)

MOST = 250_000
"""Bytes of the whole page, without compression and licences."""


def names_of(value: object) -> set[str]:
    """Every path of a JavaScript object written as one, by its members' names."""
    return set(re.findall(r"^\s*(\w+):", str(value), re.MULTILINE))


def test_libraries_are_those_that_are_listed() -> None:
    listed = {name: digest for one in VENDORED for name, digest in one["files"].items()}
    files = [path for path in (STATIC / "vendor").iterdir() if path.is_file()]
    assert {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in files} == listed


@pytest.mark.parametrize("library", [one["name"] for one in VENDORED])
def test_each_library_has_its_licence(library: str) -> None:
    (one,) = (each for each in VENDORED if each["name"] == library)
    assert one["licence"] in ("MIT", "Apache-2.0") and one["version"] and one["integrity"]
    text = STATIC / "vendor" / "licences" / f"{library.replace('/', '-').strip('@')}.txt"
    assert len(text.read_text()) > 500


def test_the_page_is_small() -> None:
    files = [f for f in STATIC.rglob("*") if f.is_file() and f.suffix in (".js", ".css", ".html")]
    assert sum(f.stat().st_size for f in files) < MOST


def test_the_page_has_nothing_inline() -> None:
    page = (STATIC / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=", page)


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_scripts_ask_for_nothing_elsewhere(path: Path) -> None:
    text = path.read_text()
    assert "http://" not in text and "https://" not in text
    assert not re.search(r"\beval\(|new Function|innerHTML|dangerouslySetInnerHTML", text)
    assert "localStorage" not in text and "sessionStorage" not in text


def test_every_word_is_used() -> None:
    text = "".join(path.read_text() for path in OURS if path.name != "words.js")
    unused = {
        name
        for name in names_of((STATIC / "words.js").read_text())
        if not re.search(rf"\b{name}\b", text)
    }
    assert not unused

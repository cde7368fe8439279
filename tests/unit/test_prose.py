"""Texts that users read keep to one vocabulary, and error messages to one line's length."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = sorted(
    file
    for folder in ("addons", "scripts")
    for file in (ROOT / folder).rglob("*.py")
    if "benchmark" not in file.parts and file.name != "soak.py"
)
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]

FORBIDDEN = re.compile(
    r"\b(?:tell|tells|told|resting|rests|nobody|anybody|somebody|said)\b"
    r"|\bcomes? round\b|\bbe had\b|\bsigns? of life\b|\bmakes no sense\b",
    re.IGNORECASE,
)
"""Words of no glossary: for `told` write reports, for `resting` cooling down, and so on."""

LONGEST = 160
"""Characters of an error message or a line of the log, its values left out."""

LONGEST_LINE = 120
"""Characters of a line of prose in a page that people write."""

MADE_BY_SCRIPTS = {"translation.md", "performance.md"}


class Text(NamedTuple):
    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


def literal(node: ast.AST) -> str | None:
    """The text of a string or an f-string, its values left out."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(literal(value) or "" for value in values)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            both = literal(left), literal(right)
            return None if both == (None, None) else "".join(part or "" for part in both)
    return None


def texts(tree: ast.AST, file: str) -> Iterator[Text]:
    """Every text in the code that is neither a docstring nor the name of something."""
    match tree:
        case ast.Expr(value=ast.Constant()):
            return
        case ast.expr() if (text := literal(tree)) is not None:
            if text.count(" ") >= 2:
                yield Text(file, tree.lineno, text)
            return
    for child in ast.iter_child_nodes(tree):
        yield from texts(child, file)


def messages(tree: ast.AST, file: str) -> Iterator[Text]:
    """The texts that errors, log records and options are made with."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not is_shown(node, tree):
            continue
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
            branches = (
                [argument.body, argument.orelse] if isinstance(argument, ast.IfExp) else [argument]
            )
            for branch in branches:
                if (text := literal(branch)) is not None:
                    yield Text(file, branch.lineno, text)


SHOWN = re.compile(
    r"[A-Z]\w*(?:Error|Failure|Problem|Refusal|Trouble|Exceeded|Many|Much|Large|Encoding|Reply)"
    r"|BadRequest|BadMessage|Trouble|CannotRun|Refused|debug|info|warning|error|exception"
    r"|refuse|problem|give_up|_refused|_fail|_wrong|_drop|add_option"
)


def is_shown(call: ast.Call, tree: ast.AST) -> bool:
    name = call.func
    word = name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", "")
    return SHOWN.fullmatch(word) is not None


def parsed() -> Iterator[tuple[ast.AST, str]]:
    for file in CODE:
        yield ast.parse(file.read_text()), str(file.relative_to(ROOT))


ALL = [text for tree, file in parsed() for text in texts(tree, file)]
MESSAGES = [text for tree, file in parsed() for text in messages(tree, file)]


def test_texts_are_found() -> None:
    assert len(ALL) > 500
    assert len(MESSAGES) > 250


@pytest.mark.parametrize(
    "text",
    ["No provider can serve it: all are resting.", "It is told once.", "None is to be had."],
)
def test_words_are_found(text: str) -> None:
    assert FORBIDDEN.search(text)


def test_texts_keep_to_the_vocabulary() -> None:
    assert [] == [str(text) for text in ALL if FORBIDDEN.search(text.text)]


def test_messages_are_short() -> None:
    assert [] == [str(text) for text in MESSAGES if len(text.text) > LONGEST]


def prose(page: Path) -> Iterator[Text]:
    """The lines of a page that are neither code nor a table."""
    fenced = False
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.startswith("```"):
            fenced = not fenced
        elif not fenced and not line.startswith("|"):
            yield Text(page.name, number, line)


def test_pages_keep_to_the_vocabulary() -> None:
    lines = [text for page in PAGES for text in prose(page)]
    tables = [
        Text(page.name, number, line)
        for page in PAGES
        for number, line in enumerate(page.read_text().splitlines(), 1)
        if line.startswith("|")
    ]
    assert lines and tables
    assert [] == [str(text) for text in lines + tables if FORBIDDEN.search(text.text)]


def test_pages_are_wrapped() -> None:
    written = [page for page in PAGES if page.name not in MADE_BY_SCRIPTS]
    lines = [text for page in written for text in prose(page)]
    assert [] == [
        str(text)
        for text in lines
        if len(text.text) > LONGEST_LINE and " " in text.text.strip()[:LONGEST_LINE]
    ]


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120

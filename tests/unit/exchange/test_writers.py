"""Every field of exchanges and attempt states is written by the one that its docstring names."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from switchyard.exchange import exchange as module

HERE = Path(module.__file__)
ROOM = HERE.parent.parent
HOLDERS = re.compile(r"(?:.*\.)?_?(?:exchange|state)")
"""What a variable is called that holds an exchange or a state."""

MODULES = {"the receiver": {"receiver", "verbatim"}}
"""Where a writer is that is no addon."""


def documented() -> Iterator[tuple[str, str, str]]:
    """Class, field and writer, of every field whose docstring names one."""
    for each in ast.parse(HERE.read_text()).body:
        if not isinstance(each, ast.ClassDef) or each.name not in ("Exchange", "AttemptState"):
            continue
        for field, doc in zip(each.body, each.body[1:], strict=False):
            if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
                continue
            said = ast.unparse(doc) if isinstance(doc, ast.Expr) else ""
            found = re.search(r"Writers?:(.*)", said, re.DOTALL)
            if found:
                names = re.findall(r"`(\w+)`", found[1]) or ["the receiver"]
                yield each.name, field.target.id, " ".join(names)


def written() -> dict[str, set[str]]:
    """The modules that assign to a field, by its name."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path in ROOM.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            targets: list[ast.expr] = []
            if isinstance(node, ast.Assign):
                targets = list(node.targets)
            elif isinstance(node, ast.AugAssign | ast.AnnAssign):
                targets = [node.target]
            for target in targets:
                for one in ast.walk(target):
                    if isinstance(one, ast.Attribute) and isinstance(one.ctx, ast.Store):
                        if HOLDERS.fullmatch(ast.unparse(one.value)):
                            found[one.attr].add(path.stem)
    return found


WRITERS = list(documented())
WRITTEN = written()


@pytest.mark.parametrize(("owner", "field", "writer"), WRITERS, ids=lambda value: value)
def test_a_field_has_the_writer_that_it_names(owner: str, field: str, writer: str) -> None:
    allowed = MODULES.get(writer, set(writer.lower().split()))
    if field in ("latest", "winner", "failures"):
        assert field not in WRITTEN, "it is changed by a method alone"
        return
    assert WRITTEN[field] and WRITTEN[field] <= allowed


def test_every_field_that_changes_names_its_writer() -> None:
    made = {"call", "exchange", "number", "chosen", "target", "key", "continues"}
    fields = set(module.Exchange.__annotations__) | set(module.AttemptState.__annotations__)
    assert {field for _, field, _ in WRITERS} | made | {"winner"} == fields

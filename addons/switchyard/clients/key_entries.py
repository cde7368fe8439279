"""Edits the text of a keys file: one entry changes, all other lines stay as they are. Pure.

ruamel.yaml keeps the comments within an entry. Comments between entries belong to no entry, so only
the lines of the entry itself are written anew.
"""

from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.comments import CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode
from ruamel.yaml.nodes import SequenceNode

LIST = "api-keys"

HEAD = """\
# Client keys of a Switchyard router, which scripts/keys writes. It holds hashes and no keys, so it
# may be kept under version control. A running router takes changes up within a second.
"""

_WIDTH = 4096
"""Columns of a line at most: no value is folded."""

type EntryChange = Callable[[CommentedMap], None]


@dataclass(frozen=True, slots=True)
class _Span:
    """Lines of one entry, from `first` to before `end`, and the column of its dash."""

    first: int
    end: int
    dash: int


def with_entry(text: str, entry: CommentedMap) -> str:
    """Return `text` with one more entry at its end."""
    spans = _spans(text)
    if not spans:
        return _rewritten(text or HEAD, lambda entries: entries.append(entry))
    return text.rstrip("\n") + "\n" + _dumped(CommentedSeq([entry]), spans[-1].dash)


def with_change(text: str, index: int, change: EntryChange) -> str:
    """Return `text` with the entry at `index` changed."""
    wanted = _entries(text)
    change(wanted[index])
    if spans := _spans(text):
        lines, span = text.splitlines(keepends=True), spans[index]
        try:
            (entry,) = _yaml(0).load("".join(lines[span.first : span.end]))
            change(entry)
            lines[span.first : span.end] = [_dumped(CommentedSeq([entry]), span.dash)]
            if _entries(changed := "".join(lines)) == wanted:
                return changed
        except YAMLError:
            pass  # it uses an anchor of another entry
    return _rewritten(text, lambda entries: change(entries[index]))


def without_entry(text: str, index: int) -> str:
    """Return `text` without the entry at `index`."""
    wanted = _entries(text)
    del wanted[index]
    if spans := _spans(text):
        lines, span = text.splitlines(keepends=True), spans[index]
        del lines[span.first : span.end]
        if not wanted:
            lines = [f"{LIST}: []\n" if line.startswith(f"{LIST}:") else line for line in lines]
        try:
            if _entries(changed := "".join(lines)) == wanted:
                return changed
        except YAMLError:
            pass  # others use an anchor of it
    return _rewritten(text, lambda entries: entries.pop(index))


def _spans(text: str) -> list[_Span]:
    """Where the entries are, if each begins on a line of its own; empty otherwise."""
    root = YAML(typ="safe", pure=True).compose(text)
    if not isinstance(root, MappingNode) or len(root.value) != 1:
        return []
    listed = root.value[0][1]
    if not isinstance(listed, SequenceNode) or listed.flow_style:
        return []
    lines = text.splitlines()
    starts = [node.start_mark.line for node in listed.value]
    spans = []
    for first, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        if not lines[first].lstrip().startswith("- "):
            return []
        while end - 1 > first and _is_between(lines[end - 1]):
            end -= 1
        spans.append(_Span(first, end, len(lines[first]) - len(lines[first].lstrip())))
    return spans if len(set(starts)) == len(starts) else []


def _is_between(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _entries(text: str) -> Any:
    """The entries as plain data, which tells whether an edit did what it should."""
    return (YAML(typ="safe", pure=True).load(text) or {}).get(LIST) or []


def _rewritten(text: str, change: Callable[[Any], object]) -> str:
    data = _yaml(2).load(text)
    if data is None:
        return text.rstrip("\n") + "\n" + _rewritten(f"{LIST}: []\n", change)
    if not data.get(LIST):
        data[LIST] = CommentedSeq()
    change(data[LIST])
    return _written(data, 2)


def _dumped(value: object, dash: int) -> str:
    return _written(value, dash)


def _written(value: object, dash: int) -> str:
    out = StringIO()
    _yaml(dash).dump(value, out)
    return out.getvalue()


def _yaml(dash: int) -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = _WIDTH
    yaml.indent(mapping=2, sequence=dash + 2, offset=dash)
    return yaml

"""Reads YAML as plain data with the line of each key, and fills in `${NAME}`.

Reading never stops half-way: it lists what is wrong and reads the rest, so that all problems of a
file are reported at once. No text made here repeats a value of the file.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode
from ruamel.yaml.nodes import Node
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.nodes import SequenceNode

from switchyard.config.problems import ConfigProblem
from switchyard.config.problems import KeyPath
from switchyard.config.problems import dotted
from switchyard.config.problems import nearest

_TAG = "tag:yaml.org,2002:"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_QUOTED = re.compile(r"'[^'\s]{3,}'|\"[^\"\s]{3,}\"")
_MOST_VALUES = 100_000
_DEEPEST = 100
"""How many mappings and lists may stand within each other."""
_DEEPEST_SHOWN = 5
_DEEPEST_DEFAULT = 20
"""How many `${NAME:-...}` may stand within each other."""
_SURROGATE = re.compile("[\ud800-\udfff]")
"""Half a character, which YAML can escape (`"\\ud83d"`) and UTF-8 cannot encode."""
_WHOLE = "write the character itself"


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a value stands, and how it was written."""

    line: int
    text: str | None = None
    """A scalar as the file has it, before anything was filled in."""
    shipped: bool = False
    """Whether it comes with a preset rather than from the file itself."""


@dataclass(slots=True)
class Document:
    """The content of one file."""

    file: str
    data: object = None
    """Mappings, lists and scalars; a value with an unset variable is left as it was written."""
    marks: dict[KeyPath, Mark] = field(default_factory=dict)
    unset: dict[KeyPath, tuple[str, ...]] = field(default_factory=dict)
    """Values that name variables which are not set, with the names of these."""
    unusable: set[KeyPath] = field(default_factory=set)
    """Values that cannot be read, as for their `${...}`; each has a problem already."""
    problems: list[ConfigProblem] = field(default_factory=list)
    notes: list[ConfigProblem] = field(default_factory=list)
    """What is worth knowing although the file can be used."""

    def mark(self, path: KeyPath) -> Mark | None:
        """The mark of a value, or of the nearest thing it is part of."""
        for length in range(len(path), -1, -1):
            if found := self.marks.get(path[:length]):
                return found
        return None

    def show(self, path: KeyPath, value: str) -> str:
        """A name, or a part of one, to be quoted in a problem.

        What a variable holds is not shown, since it may be a key: then it is what the file has.
        """
        mark = self.marks.get(path)
        return repr(mark.text if mark and mark.text and "${" in mark.text else value)

    def problem(self, path: KeyPath, message: str, hint: str = "") -> None:
        mark = self.mark(path)
        line = mark.line if mark else None
        self.problems.append(ConfigProblem(self.file, line, dotted(path), message, hint))


def read_document(text: str, file: str, env: Mapping[str, str]) -> Document:
    """Read a YAML text. `file` names it in problems, `env` provides `${NAME}`."""
    document = Document(file)
    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except YAMLError as error:
        document.problems.append(_syntax_problem(error, file))
        return document
    except RecursionError:
        document.problems.append(ConfigProblem(file, None, "", "is nested too deeply"))
        return document
    if node is not None:
        document.data = _Reader(document, env).read(node, ())
    return document


def interpolate(text: str, env: Mapping[str, str], depth: int = 0) -> tuple[str, list[str]]:
    """Fills in `${NAME}` and `${NAME:-default}`; `$${` is a plain `${`.

    A variable that is set but empty counts as not set, as in the shell's `:-`. A default may hold
    further variables. Returns the text and the names of the variables that have no value; these
    stay as they were written. Raises `ValueError` for a `${` that is never closed, names no
    variable or stands within too many others; `depth` is in how many.
    """
    if depth > _DEEPEST_DEFAULT:
        raise ValueError(f"has more than {_DEEPEST_DEFAULT} ${{...}} within each other")
    out: list[str] = []
    unset: list[str] = []
    at = 0
    while (start := text.find("${", at)) >= 0:
        if start > at and text[start - 1] == "$":
            out.append(text[at : start - 1] + "${")
            at = start + 2
            continue
        out.append(text[at:start])
        end = _closing(text, start + 2)
        name, colon, default = text[start + 2 : end].partition(":-")
        if not _NAME.fullmatch(name):
            raise ValueError("has a ${...} that names no variable")
        if value := env.get(name):
            out.append(value)
        elif colon:
            filled, missing = interpolate(default, env, depth + 1)
            out.append(filled)
            unset += missing
        else:
            out.append(text[start : end + 1])
            unset.append(name)
        at = end + 1
    out.append(text[at:])
    return "".join(out), unset


def _closing(text: str, at: int) -> int:
    """Where the brace that was opened just before `at` closes."""
    depth = 1
    while at < len(text):
        if text.startswith("${", at):
            depth += 1
            at += 2
            continue
        if text[at] == "}":
            depth -= 1
            if not depth:
                return at
        at += 1
    raise ValueError("has a ${ without its }")


class _Reader:
    """Turns the nodes of one file into data. One per document."""

    def __init__(self, document: Document, env: Mapping[str, str]) -> None:
        self._document = document
        self._env = env
        self._open: set[int] = set()
        self._values = 0

    def read(self, node: Node, path: KeyPath, line: int | None = None) -> object:
        here = line if line is not None else node.start_mark.line + 1
        written = str(node.value) if isinstance(node, ScalarNode) else None
        self._document.marks[path] = Mark(here, written)
        if len(path) > _DEEPEST:
            self._document.problem(path[:_DEEPEST_SHOWN], "is nested too deeply")
            return None
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        # Anchors can make a mapping part of itself, or a small file very large.
        self._values += len(node.value)
        if id(node) in self._open or self._values > _MOST_VALUES:
            self._document.problem(path, "refers to itself without end")
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, MappingNode):
                return self._mapping(node, path)
            return [self.read(item, (*path, i)) for i, item in enumerate(node.value)]
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: MappingNode, path: KeyPath) -> dict[str, object]:
        data: dict[str, object] = {}
        lines: dict[str, int] = {}
        merged: list[tuple[Node, int]] = []
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == f"{_TAG}merge":
                merged.append((value_node, line))
                continue
            if not isinstance(key_node, ScalarNode):
                self._document.problem(path, "has a key that is not plain text")
                continue
            key = str(key_node.value)
            if _SURROGATE.search(key):
                self._document.problem(path, "has a key with half a character (surrogate)", _WHOLE)
                continue
            if key in lines:
                self._twice((*path, key), line, lines[key])
                continue
            lines[key] = line
            data[key] = self.read(value_node, (*path, key), line)
        for value_node, line in merged:
            self._merge(value_node, line, path, data)
        return data

    def _merge(self, node: Node, line: int, path: KeyPath, data: dict[str, object]) -> None:
        """YAML's `<<`: takes over what the other mapping has and this one has not."""
        nodes = node.value if isinstance(node, SequenceNode) else [node]
        for source in nodes:
            if not isinstance(source, MappingNode):
                self._document.problem(path, "has a << that is followed by no mapping")
                continue
            for key_node, value_node in source.value:
                key = str(key_node.value)
                if isinstance(key_node, ScalarNode) and key not in data:
                    data[key] = self.read(value_node, (*path, key), line)

    def _twice(self, path: KeyPath, line: int, first: int) -> None:
        problem = ConfigProblem(
            self._document.file,
            line,
            dotted(path),
            f"is given twice (first on line {first})",
            "keep one of the two",
        )
        self._document.problems.append(problem)

    def _scalar(self, node: Node, path: KeyPath) -> object:
        tag = str(node.tag)
        text = str(node.value)
        if _SURROGATE.search(text):
            self._document.problem(path, "has half a character (surrogate)", _WHOLE)
            self._document.unusable.add(path)
            return _SURROGATE.sub("?", text)
        if not tag.startswith(_TAG):
            self._document.problem(path, "has a YAML tag", "quote a value that begins with !")
            return text
        match tag.removeprefix(_TAG):
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int" | "float":
                return _number(text)
        return self._string(text, path)

    def _string(self, text: str, path: KeyPath) -> str:
        if "${" not in text:
            return text
        try:
            filled, unset = interpolate(text, self._env)
        except ValueError as error:
            self._document.problem(path, str(error), "write ${NAME} or ${NAME:-default}")
            self._document.unusable.add(path)
            return text
        if unset:
            self._document.unset[path] = tuple(dict.fromkeys(unset))
            return text
        return filled


def unset_message(names: tuple[str, ...]) -> str:
    """Return the message that variables have no value."""
    if len(names) == 1:
        return f"the environment variable {names[0]} is not set or empty"
    return f"the environment variables {', '.join(names)} are not set or empty"


def unset_hint(names: tuple[str, ...], env: Mapping[str, str]) -> str:
    """What to do about it; a variable of nearly that name that is set is named."""
    # Names of keys are much alike: only what is nearly the same can be meant.
    if near := nearest(names[0], (name for name in env if env[name]), likeness=0.88):
        return f"did you mean ${{{near[0]}}}, which is set"
    name = names[0]
    return f"export {name}=..., set it in .env beside this file, or default it: ${{{name}:-value}}"


def _number(text: str) -> int | float | str:
    """Parse a scalar of type int or float; keep text that is too long for a number."""
    digits = text.replace("_", "").lower()
    if digits.endswith((".inf", ".nan")):
        return float(digits.replace(".", ""))
    try:
        return int(digits, 0 if digits.lstrip("+-").startswith(("0x", "0o", "0b")) else 10)
    except ValueError:
        pass
    try:
        return float(digits)
    except ValueError:
        return text


def _syntax_problem(error: YAMLError, file: str) -> ConfigProblem:
    """Return only the kind and place of an error: YAML's own report quotes lines."""
    hint = "mind the indentation; quote values with ${...} inside {} or []"
    if not isinstance(error, MarkedYAMLError):
        return ConfigProblem(file, None, "", "holds a character that YAML does not allow")
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else None
    what = _QUOTED.sub("...", " ".join(str(error.problem or error.context or "").split()))
    if "undefined alias" in what:
        what, hint = "names an anchor that is not defined", "quote a value that begins with *"
    return ConfigProblem(file, line, "", f"is not valid YAML: {what}", hint)

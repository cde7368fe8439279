"""Applies payload rules: the configuration's changes to requests for providers.

A path names a place in a JSON body: names and positions with dots between them. `\\.` is a dot
within a name, a number a position where there is a list, `-1` the place behind a list's end, and
`#(name=="text")` the first object of a list whose member has that value. Rules are applied in
order, first all defaults, then the overrides, then the filters, each to what those before it
made of the body.
"""

import re
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from typing import Literal

from switchyard.config.fields import HeaderRule
from switchyard.config.schema import Payload
from switchyard.config.schema import PayloadFilter
from switchyard.config.schema import PayloadModel
from switchyard.config.schema import PayloadRule
from switchyard.values.globs import Globs
from switchyard.values.json_paths import Step
from switchyard.values.json_paths import Where
from switchyard.values.json_paths import parse_path

type Body = dict[str, Any]
type Path = tuple[Step, ...]

_MISSING = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadRequest:
    """Which request rules are asked for."""

    models: tuple[str, ...]
    """Its names: as the provider calls the model, and as the client asked for it."""
    protocol: str
    """The provider's wire format."""
    from_protocol: str
    """The client's wire format."""
    headers: Mapping[str, str]
    """The client's, found by a name in any case."""


@dataclass(frozen=True, slots=True)
class _Condition:
    """When a rule holds: one entry of its `models`, with paths and patterns compiled."""

    name: Globs
    protocol: str | None
    from_protocol: str | None
    headers: tuple[tuple[str, Globs], ...]
    match: tuple[tuple[Path, Any], ...]
    not_match: tuple[tuple[Path, Any], ...]
    exist: tuple[Path, ...]
    not_exist: tuple[Path, ...]

    def holds(self, request: PayloadRequest, body: Body) -> bool:
        return (
            self.protocol in (None, request.protocol)
            and self.from_protocol in (None, request.from_protocol)
            and any(map(self.name.matches, request.models))
            and all(globs.matches(request.headers.get(name, "")) for name, globs in self.headers)
            and all(_same(_find(body, path), value) for path, value in self.match)
            and not any(_same(_find(body, path), value) for path, value in self.not_match)
            and all(_find(body, path) not in (_MISSING, None) for path in self.exist)
            and all(_find(body, path) in (_MISSING, None) for path in self.not_exist)
        )


@dataclass(frozen=True, slots=True)
class _Rule:
    kind: Literal["default", "override", "filter"]
    conditions: tuple[_Condition, ...]
    params: tuple[tuple[Path, Any], ...]
    headers: tuple[HeaderRule, ...]
    removed_headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HeaderChange:
    """What becomes of one header of the request; without a value it is removed."""

    kind: Literal["default", "override", "filter"]
    name: str
    value: str | None


class PayloadRules:
    """The rules of one configuration, compiled. Immutable; false if there are none."""

    def __init__(self, payload: Payload) -> None:
        self._rules = (
            *(_setting("default", rule) for rule in payload.default),
            *(_setting("override", rule) for rule in payload.override),
            *map(_filter, payload.filter),
        )

    def __bool__(self) -> bool:
        return bool(self._rules)

    def apply(self, body: Body, request: PayloadRequest) -> tuple[Body, list[HeaderChange]]:
        """Return `body` after the rules for this request, and their header changes.

        Returns `body` itself where nothing changes; otherwise copies only what lies on a changed
        path.
        """
        headers: list[HeaderChange] = []
        for rule in self._rules:
            if not any(condition.holds(request, body) for condition in rule.conditions):
                continue
            for path, value in rule.params:
                body = _change(body, path, value, rule.kind)
            headers += _header_changes(rule, request)
        return body, headers


def _setting(kind: Literal["default", "override"], rule: PayloadRule) -> _Rule:
    params = tuple((parse_path(path), value) for path, value in rule.params.items())
    return _Rule(kind, _conditions(rule.models), params, rule.headers)


def _filter(rule: PayloadFilter) -> _Rule:
    params = tuple((parse_path(path), None) for path in rule.params)
    return _Rule("filter", _conditions(rule.models), params, (), rule.headers)


def _conditions(models: Iterable[PayloadModel]) -> tuple[_Condition, ...]:
    return tuple(
        _Condition(
            name=Globs([model.name]),
            protocol=model.protocol,
            from_protocol=model.from_protocol,
            headers=tuple((name, Globs([text])) for name, text in model.headers.items()),
            match=tuple(_pairs(model.match)),
            not_match=tuple(_pairs(model.not_match)),
            exist=tuple(map(parse_path, model.exist)),
            not_exist=tuple(map(parse_path, model.not_exist)),
        )
        for model in models
    )


def _pairs(entries: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Path, Any]]:
    for entry in entries:
        for path, value in entry.items():
            yield parse_path(path), value


def _header_changes(rule: _Rule, request: PayloadRequest) -> Iterator[HeaderChange]:
    for header in rule.headers:
        value = header.value.get_secret_value()
        if header.copy_of:
            value = request.headers.get(header.copy_of)
        if value is not None:
            yield HeaderChange(rule.kind, header.name.lower(), value)
    for name in rule.removed_headers:
        yield HeaderChange("filter", name.lower(), None)


def _find(node: Any, path: Path) -> Any:
    """What stands at a path; `_MISSING` if nothing does."""
    for step in path:
        node = _child(node, step)
        if node is _MISSING:
            return _MISSING
    return node


def _child(node: Any, step: Step) -> Any:
    if isinstance(node, dict):
        return _MISSING if isinstance(step, Where) else node.get(step, _MISSING)
    place = _place(node, step) if isinstance(node, list) else None
    return _MISSING if place is None or place >= len(node) else node[place]


def _place(items: Sequence[Any], step: Step) -> int | None:
    """The position that a step means in a list, which may be the one behind its end."""
    if isinstance(step, Where):
        found = (i for i, one in enumerate(items) if _same(_child(one, step.name), step.value))
        return next(found, None)
    if step == "-1":
        return len(items)
    place = int(step) if re.fullmatch(r"\d{1,9}", step, re.ASCII) else None
    return place if place is not None and place <= len(items) else None


def _change(body: Body, path: Path, value: Any, kind: str) -> Body:
    if kind == "filter":
        return _removed(body, path)
    if kind == "default" and _find(body, path) is not _MISSING:
        return body
    changed = _set(body, path, value, replacing=kind == "override")
    return body if changed is _MISSING else changed


def _set(node: Any, path: Path, value: Any, *, replacing: bool) -> Any:
    """Return `node` with a value at a path; `_MISSING` where it has no such place.

    Makes missing parents. Replaces a value of another type in the way only if `replacing`.
    """
    if not path:
        return node if type(node) is type(value) and node == value else value
    step, after = path[0], path[1:]
    if not isinstance(node, dict | list):
        if isinstance(step, Where) or not (replacing or node is None or node is _MISSING):
            return _MISSING
        node = [] if step in ("0", "-1") else {}
    place = _place(node, step) if isinstance(node, list) else step
    if place is None or isinstance(place, Where):
        return _MISSING
    before = _child(node, step)
    new = _set(before, after, value, replacing=replacing)
    if new is _MISSING:
        return _MISSING
    if new is before:
        return node
    return _with(node, place, new)


def _with(node: Any, place: int | str, value: Any) -> Any:
    """A copy of an object or list with one value set, behind the end included."""
    if isinstance(place, int):
        return [*node[:place], value, *node[place + 1 :]]
    return {**node, place: value}


def _removed(node: Any, path: Path) -> Any:
    """`node` without what stands at a path; `node` itself where nothing does."""
    step, after = path[0], path[1:]
    child = _child(node, step)
    place = _place(node, step) if isinstance(node, list) else step
    if child is _MISSING or place is None or isinstance(place, Where):
        return node
    if after:
        new = _removed(child, after)
        return node if new is child else _with(node, place, new)
    if isinstance(node, list):
        at = int(place)
        return [*node[:at], *node[at + 1 :]]
    return {name: one for name, one in node.items() if name != place}


def _same(found: Any, value: Any) -> bool:
    """Whether two JSON values are equal; true is no number here."""
    if isinstance(found, bool) or isinstance(value, bool):
        return found is value
    return found == value

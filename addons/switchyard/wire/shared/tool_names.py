"""Flattens tool names with namespaces, for formats without namespaces.

The Responses API groups tools in namespaces: namespace and name identify a tool. Other formats have
one flat name, of 64 characters of `[a-zA-Z0-9_-]` where all of them agree. A tool keeps its bare
name there, unless another tool of the request has the same; then it becomes `<namespace>__<name>`.
The request's own list of tools maps names back, so nothing depends on the form of a name.
"""

import re
from collections import Counter
from collections.abc import Iterable

from switchyard.values.digests import hex_of
from switchyard.wire.model.conversation import Tool

MAX_LENGTH = 64
"""The maximum length of names that OpenAI's, Anthropic's and Google's APIs all accept."""

_FORBIDDEN = re.compile(r"[^a-zA-Z0-9_-]")


class Names:
    """The flat names of one request's tools, made in one pass over the tools."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        declared = {(t.namespace, t.name): t for t in tools if t.kind != "server"}
        count = Counter(name for _, name in declared)
        self._count = count
        self._flat: dict[tuple[str | None, str], str] = {}
        self._tools: dict[str, Tool] = {}
        for (namespace, name), tool in declared.items():
            flat = name
            if namespace is not None and (count[name] > 1 or name in self._tools):
                flat = _qualified(namespace, name)
            if flat in self._tools:
                flat = _shortened(flat)
            self._flat[namespace, name] = flat
            self._tools[flat] = tool

    def flat(self, name: str, namespace: str | None = None) -> str:
        """Returns the flat name of a tool, of a call, or of a tool choice.

        A call in the history may name a tool that is no longer declared. The Responses API also
        gives calls of tools found by search their own name as namespace; such a call means the tool
        declared without a namespace.
        """
        if (flat := self._flat.get((namespace, name))) is not None:
            return flat
        if namespace is None or (None, name) in self._flat or not self._count[name]:
            return name
        return _qualified(namespace, name)

    def tool(self, flat: str) -> Tool | None:
        """Returns the declared tool with a flat name; None if there is none."""
        return self._tools.get(flat)


def _qualified(namespace: str, name: str) -> str:
    flat = _FORBIDDEN.sub("_", f"{namespace.removesuffix('__')}__{name}")
    return flat if len(flat) <= MAX_LENGTH else _shortened(flat)


def _shortened(flat: str) -> str:
    """Returns a unique name in place of one that is too long or taken."""
    return f"{flat[: MAX_LENGTH - 9]}_{hex_of(flat, 8)}"

"""Writes the schema of a tool's arguments so that Ollama's server can read it.

Source: `api/types.go`, `ToolFunctionParameters` and `ToolProperty`. The server reads properties and
`anyOf` into structures of its own, and answers a schema that is `true` or `false` there with a 400
for the whole request (can1357/oh-my-pi, issue 4488). It passes over the members that it does not
know.
"""

from typing import Any

from switchyard.values.sequences import are_same
from switchyard.wire.encoding.jsonio import JsonObject

_TYPE = "object"


def readable(schema: JsonObject) -> JsonObject:
    """Returns the schema of a tool's arguments with objects alone; itself if it has no others."""
    node = _node(schema)
    kind = node.get("type")
    # The arguments as a whole have one type; only those of properties are lists.
    return {**node, "type": _TYPE} if isinstance(kind, list) and _TYPE in kind else node


def _node(schema: Any) -> Any:
    if schema is True:
        return {}
    if schema is False:
        return {"not": {}}
    if not isinstance(schema, dict):
        return schema
    changed: JsonObject = {}
    if isinstance(said := schema.get("properties"), dict):
        nodes = [_node(each) for each in said.values()]
        if not are_same(nodes, list(said.values())):
            changed["properties"] = dict(zip(said, nodes, strict=True))
    if isinstance(said := schema.get("anyOf"), list):
        nodes = [_node(each) for each in said]
        if not are_same(nodes, said):
            changed["anyOf"] = nodes
    return {**schema, **changed} if changed else schema

"""Requests the shape of a reply by an instruction if no parameter can.

Sources: DeepSeek's guide "JSON Output" and Z.ai's reference "Chat Completion" (`response_format` is
a JSON object without a schema, and the prompt must mention JSON).
"""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import rest

_ANY_JSON = (
    "Answer with one JSON object and nothing else: no words before or after it and no code fence."
)


def instruction(schema: JsonObject | None) -> str:
    """Returns the instruction for a model that must reply in JSON."""
    if schema is None:
        return _ANY_JSON
    return f"{_ANY_JSON} It must match this JSON schema: {dumps(schema).decode()}"


def with_instruction(body: JsonObject, format: str) -> JsonObject:
    """Returns `body` with its schema as an instruction.

    Serves upstreams without schemas. Returns `body` itself if it has no schema. JSON without a
    schema keeps its member if the format has one.
    """
    match format:
        case "openai-chat":
            wish = object_of(body.get("response_format"))
            if wish.get("type") != "json_schema":
                return body
            text = instruction(object_of(object_of(wish.get("json_schema")).get("schema")) or None)
            changed = {**body, "response_format": {"type": "json_object"}}
            return {**changed, "messages": _told(body.get("messages"), text)}
        case "openai-responses":
            said = object_of(body.get("text"))
            wish = object_of(said.get("format"))
            if wish.get("type") != "json_schema":
                return body
            text = instruction(object_of(wish.get("schema")) or None)
            before = body.get("instructions")
            told = f"{before}\n\n{text}" if isinstance(before, str) and before else text
            return {
                **body,
                "text": {**said, "format": {"type": "json_object"}},
                "instructions": told,
            }
        case "anthropic":
            return _without_schema(body)
    return body


def _without_schema(body: JsonObject) -> JsonObject:
    config = object_of(body.get("output_config"))
    wish = object_of(config.get("format") or body.get("output_format"))
    if wish.get("type") != "json_schema":
        return body
    block = {"type": "text", "text": instruction(object_of(wish.get("schema")) or None)}
    system = body.get("system")
    if isinstance(system, str) and system:
        system = [{"type": "text", "text": system}]
    told = [*system, block] if isinstance(system, list) else [block]
    left = rest(body, "output_format", "output_config")
    if more := rest(config, "format"):
        left = {**left, "output_config": more}
    return {**left, "system": told}


def _told(messages: object, text: str) -> list[object]:
    """Adds `text` to the first system message, because many models support only one."""
    said = list(messages) if isinstance(messages, list) else []
    first = object_of(said[0]) if said else {}
    if first.get("role") not in ("system", "developer"):
        return [{"role": "system", "content": text}, *said]
    content = first.get("content")
    if isinstance(content, list):
        content = [*content, {"type": "text", "text": text}]
    else:
        content = f"{content}\n\n{text}" if content else text
    return [{**first, "content": content}, *said[1:]]

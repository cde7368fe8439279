"""Reads requests of Cohere's Chat API, as Chat Completions would have them.

Source: Cohere's API reference, "Chat"; guides "Tool use" and "Documents". What the API shares with
Chat Completions has the same name there: messages, tools, `max_tokens`, `temperature`, `seed`.
"""

from typing import Any

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.formats.cohere.names import NAME
from switchyard.wire.formats.openai_chat.request_reader import read_request as read_chat
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.errors import BadRequest

_SHARED = (
    *("model", "max_tokens", "temperature", "seed", "frequency_penalty", "presence_penalty"),
    "stream",
)
_RENAMED = {"p": "top_p", "k": "top_k", "stop_sequences": "stop"}
_CHOICES = {"required": "required", "none": "none"}


def read_request(body: JsonObject) -> Conversation:
    """Returns the conversation that a request body means. Raises BadRequest."""
    if "messages" not in body and "message" in body:
        raise BadRequest("'message' is of Cohere's v1 chat: send 'messages' (v2)", "message")
    return altered(read_chat(as_chat(body)), format=NAME, extra=EMPTY, form="")


def as_chat(body: JsonObject) -> JsonObject:
    """Returns the request of Chat Completions that means what `body` says."""
    chat: JsonObject = {name: body[name] for name in _SHARED if name in body}
    chat |= {ours: body[name] for name, ours in _RENAMED.items() if body.get(name)}
    if "messages" in body:
        chat["messages"] = _messages(body)
    if tools := body.get("tools"):
        chat["tools"] = _tools(tools, strict=body.get("strict_tools") is True)
        if choice := _CHOICES.get(text_of(body.get("tool_choice")).lower()):
            chat["tool_choice"] = choice
    if output := object_of(body.get("response_format")):
        chat["response_format"] = _output(output)
    if thinking := object_of(body.get("thinking")):
        chat["thinking"] = _thinking(thinking)
    return chat


def _messages(body: JsonObject) -> Any:
    """Returns the messages, the last of the user preceded by the request's documents."""
    messages = body["messages"]
    if not isinstance(messages, list):
        return messages
    written = [_message(one) if isinstance(one, dict) else one for one in messages]
    documents = body.get("documents")
    if not isinstance(documents, list) or not documents:
        return written
    for place in reversed(range(len(written))):
        if isinstance(one := written[place], dict) and one.get("role") == "user":
            parts = [_text(_document_words(document)) for document in documents]
            written[place] = {**one, "content": [*parts, *_parts(one.get("content"))]}
            break
    return written


def _message(message: JsonObject) -> JsonObject:
    written = {name: v for name, v in message.items() if name not in ("tool_plan", "citations")}
    if isinstance(content := message.get("content"), list):
        written["content"] = [_part(part) for part in content]
    if plan := text_of(message.get("tool_plan")):
        written["content"] = [*_parts(written.get("content")), _text(plan)]
    return written


def _parts(content: Any) -> list[Any]:
    if isinstance(content, list):
        return content
    return [_text(content)] if isinstance(content, str) and content else []


def _part(part: Any) -> Any:
    """Returns a content part, with a document of a tool's result as text."""
    if isinstance(part, dict) and part.get("type") == "document":
        return _text(_document_words(part.get("document")))
    return part


def _text(text: str) -> JsonObject:
    return {"type": "text", "text": text}


def _document_words(document: Any) -> str:
    """Returns the text of a document: a text, or an object with `data` of either kind."""
    data = document.get("data", document) if isinstance(document, dict) else document
    return data if isinstance(data, str) else dumps(data).decode()


def _tools(tools: Any, strict: bool) -> Any:
    if not strict or not isinstance(tools, list):
        return tools
    return [
        {**tool, "function": {**tool["function"], "strict": True}}
        if isinstance(tool, dict) and isinstance(tool.get("function"), dict)
        else tool
        for tool in tools
    ]


def _output(output: JsonObject) -> JsonObject:
    """Returns `response_format`; Cohere's objects may have a schema."""
    schema = output.get("json_schema") or output.get("schema")
    if output.get("type") != "json_object" or not isinstance(schema, dict):
        return output
    return {"type": "json_schema", "json_schema": {"name": "response", "schema": schema}}


def _thinking(thinking: JsonObject) -> JsonObject:
    written: JsonObject = {"type": thinking.get("type")}
    if "token_budget" in thinking:
        written["budget_tokens"] = thinking["token_budget"]
    return written

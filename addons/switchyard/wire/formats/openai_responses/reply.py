"""Reads and writes whole responses (API reference, "The response object")."""

from typing import Any

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import whole_of
from switchyard.wire.format import Asked
from switchyard.wire.formats.openai_responses.errors import find_error
from switchyard.wire.formats.openai_responses.items import read_call
from switchyard.wire.formats.openai_responses.items import read_image
from switchyard.wire.formats.openai_responses.items import read_message
from switchyard.wire.formats.openai_responses.items import read_reasoning
from switchyard.wire.formats.openai_responses.names import NAME
from switchyard.wire.formats.openai_responses.names import objects_of
from switchyard.wire.formats.openai_responses.names import own
from switchyard.wire.formats.openai_responses.names import owned
from switchyard.wire.formats.openai_responses.names import rest
from switchyard.wire.formats.openai_responses.names import text_of
from switchyard.wire.formats.openai_responses.settings import write_output
from switchyard.wire.formats.openai_responses.settings import write_reasoning
from switchyard.wire.formats.openai_responses.tools import echo_tools
from switchyard.wire.formats.openai_responses.tools import write_choice
from switchyard.wire.formats.openai_responses.usage import read_response_usage
from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import StopReason
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.errors import BadReply
from switchyard.wire.model.logprobs import extra_of
from switchyard.wire.model.logprobs import read_tokens
from switchyard.wire.shared.broken_ends import is_broken
from switchyard.wire.shared.envelope import CallProof

_NAMED = frozenset(
    {"id", "object", "created_at", "model", "output", "usage", "status", "incomplete_details"}
)

_REASONS: dict[str, StopReason] = {
    "max_output_tokens": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
    "steered": "other",
}
"""Reasons of an incomplete response that is usable nevertheless."""
INCOMPLETE: dict[StopReason, str] = {
    "length": "max_output_tokens",
    "context_window": "max_output_tokens",
    "content_filter": "content_filter",
    "refusal": "content_filter",
}
"""Reasons of an incomplete response, by the stop reasons that make it incomplete."""

_STATUSES = ("completed", "complete", "incomplete", "queued", "in_progress", "cancelled")

_ECHOED = (
    "background",
    "max_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_retention",
    "safety_identifier",
)
"""Members of a request that its response repeats and the model has no field for."""


def read_reply(body: JsonObject) -> Reply:
    """Returns the reply that a response body holds. Raises BadReply."""
    output = body.get("output")
    if (error := find_error(body)) is not None:
        raise BadReply(error.message)
    if not isinstance(output, list):
        raise BadReply("the body is not a response: it has no list `output`")
    parts = [part for item in objects_of(output) for part in read_item(item)]
    tokens = [
        token
        for part in parts
        if isinstance(part, Text)
        for token in read_tokens(own(part.extra).get("part", EMPTY).get("logprobs"))
    ]
    stop = read_stop(body, any(isinstance(part, ToolCall) for part in parts))
    return Reply(
        format=NAME,
        id=text_of(body.get("id")) or None,
        model=text_of(body.get("model")) or None,
        created=whole_of(body.get("created_at")),
        choices=(Choice(parts=tuple(parts), stop=stop, extra=extra_of(tokens)),),
        usage=read_response_usage(body),
        extra=read_extra(body),
    )


def read_item(item: JsonObject) -> list[Part]:
    """Returns the parts of one item of the output."""
    kind = item.get("type")
    if kind == "message" or (kind is None and "content" in item):
        return read_message(item)
    if kind in ("function_call", "custom_tool_call"):
        return [read_call(item)]
    part: Part | CallProof = Opaque(format=NAME, kind=text_of(kind), raw=item)
    if kind == "reasoning":
        read = read_reasoning(item)
        part = part if isinstance(read, CallProof) else read
    elif kind == "image_generation_call":
        part = read_image(item)
    return [part]


def read_stop(response: JsonObject, called: bool) -> Stop:
    """Returns the stop reason; `called` is set if the answer calls the client's tools."""
    status = text_of(response.get("status"))
    details = response.get("incomplete_details")
    why = text_of(details.get("reason")) if isinstance(details, dict) else ""
    reason: StopReason = "tool_calls" if called else "end"
    if status == "incomplete" or why:
        reason = _REASONS.get(why, "error" if why else "other")
    elif status in ("queued", "in_progress"):
        reason = "pause"
    elif is_broken(status):
        reason = "error"
    if reason == "error":
        return Stop(reason=reason, raw=status or None, details=why or details)
    return Stop(reason=reason, raw=status or None, details=details)


def read_extra(response: JsonObject) -> JsonObject:
    """Returns the members of a response that the model has no field for."""
    said = rest(response, _NAMED)
    created = response.get("created_at")
    if isinstance(created, float) and not created.is_integer():
        said["created_at"] = created
    return owned(said)


def finish(response: JsonObject, stop: Stop | None) -> None:
    """Sets the status that corresponds to `stop`."""
    if stop is None:
        return
    if stop.raw in _STATUSES:
        response["status"] = stop.raw
        if stop.details is not None:
            response["incomplete_details"] = stop.details
        return
    why = INCOMPLETE.get(stop.reason)
    response["status"] = "incomplete" if why else "completed"
    if why:
        response["incomplete_details"] = {"reason": why}


def skeleton(asked: Asked, id: str | None, model: str | None, created: int | None) -> JsonObject:
    """Returns a response in progress, with all members that it repeats of its request."""
    c = asked.conversation or Conversation(format=NAME, model=asked.model)
    return {
        "id": id or f"resp_{asked.id}",
        "object": "response",
        "created_at": asked.created if created is None else created,
        "status": "in_progress",
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "instructions": _instructions(c),
        "max_output_tokens": c.max_tokens,
        "model": model or asked.model,
        "output": [],
        "parallel_tool_calls": c.parallel_tools is not False,
        "reasoning": _reasoning(c),
        "service_tier": "default",
        "store": bool(c.store),
        "temperature": c.temperature,
        "text": _text(c),
        "tool_choice": _choice(c),
        "tools": echo_tools(c.tools),
        "top_logprobs": c.top_logprobs or 0,
        "top_p": c.top_p,
        "truncation": c.extra.get("truncation") or "disabled",
        "usage": None,
        "user": c.user,
        "prompt_cache_key": c.cache_key,
        "metadata": c.metadata or {},
        "previous_response_id": asked.previous,
        **{k: c.extra[k] for k in _ECHOED if c.extra.get(k) is not None},
    }


def _instructions(c: Conversation) -> str | None:
    first = c.turns[0] if c.turns else None
    if first is None or first.form != "instructions":
        return None
    return "".join(text_of(getattr(part, "text", None)) for part in first.parts)


def _reasoning(c: Conversation) -> JsonObject:
    said = write_reasoning(c.reasoning, c.format == NAME) if c.reasoning else {}
    return {"effort": None, "summary": None, **said}


def _text(c: Conversation) -> JsonObject:
    format = write_output(c.output, c.format == NAME) if c.output else {"type": "text"}
    return {"format": format, "verbosity": c.verbosity or "medium"}


def _choice(c: Conversation) -> Any:
    if c.tool_choice is None:
        return "auto"
    custom = {tool.name for tool in c.tools if tool.kind == "custom"}
    return write_choice(c.tool_choice, custom, c.format == NAME)

"""Writes requests (API reference, "Create a model response")."""

from collections.abc import Iterator
from collections.abc import Sequence

from switchyard.values.digests import hex_of
from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.openai_responses.client_tools import as_read
from switchyard.wire.formats.openai_responses.content import is_content
from switchyard.wire.formats.openai_responses.content import write_part
from switchyard.wire.formats.openai_responses.items import begins_message
from switchyard.wire.formats.openai_responses.items import write_call
from switchyard.wire.formats.openai_responses.items import write_message
from switchyard.wire.formats.openai_responses.items import write_output
from switchyard.wire.formats.openai_responses.items import write_reasoning
from switchyard.wire.formats.openai_responses.names import NAME
from switchyard.wire.formats.openai_responses.names import own
from switchyard.wire.formats.openai_responses.request_reader import INSTRUCTIONS
from switchyard.wire.formats.openai_responses.settings import write_output as write_text_format
from switchyard.wire.formats.openai_responses.settings import write_reasoning as write_effort
from switchyard.wire.formats.openai_responses.tools import IN_INPUT
from switchyard.wire.formats.openai_responses.tools import write_choice
from switchyard.wire.formats.openai_responses.tools import write_tools
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.conversation import Turn
from switchyard.wire.shared.placing import SYSTEM_ROLES

MAX_USER = 64
"""Most characters of a `user` that the API accepts."""

_TIERS = ("auto", "default", "flex", "priority", "scale")
"""Values of `service_tier` that the API knows; other formats have values of their own."""

_ENCRYPTED = "reasoning.encrypted_content"
_LOGPROBS = "message.output_text.logprobs"
_FOUND = {
    "web_search": "web_search_call.action.sources",
    "code_interpreter": "code_interpreter_call.outputs",
}
"""Values of `include` for results of tools that run at the provider, sent only on request."""


def write_request(conversation: Conversation) -> JsonObject:
    """Returns the request body; `losses` lists the fields that it cannot express."""
    c = conversation
    is_own = c.format == NAME
    body: JsonObject = {"model": c.model}
    turns = c.turns if is_own else _begun(c.turns)
    if turns and _fits_instructions(turns, is_own):
        body["instructions"] = "".join(p.text for p in turns[0].parts if isinstance(p, Text))
        turns = turns[1:]
    if c.form not in ("null", "absent") or len(turns):
        body["input"] = _input(c, turns)
    tools = write_tools(tool for tool in c.tools if tool.form != IN_INPUT or not is_own)
    if c.web_search is not None and not is_own:
        tools.append(_web_search(c.web_search))
    if tools:
        body["tools"] = tools
    if c.tool_choice is not None and (tools or is_own):
        custom = {tool.name for tool in c.tools if tool.kind == "custom"}
        hosted = {t.name for t in c.tools if t.kind == "server" and t.format == NAME}
        body["tool_choice"] = write_choice(c.tool_choice, custom, is_own, hosted)
    members = {
        "parallel_tool_calls": c.parallel_tools if tools or is_own else None,
        "max_output_tokens": c.max_tokens,
        "temperature": c.temperature,
        "top_p": c.top_p,
        "top_logprobs": c.top_logprobs,
        "user": c.user if is_own else _user(c.user),
        "prompt_cache_key": c.cache_key,
        "service_tier": c.service_tier if is_own or c.service_tier in _TIERS else None,
        "store": c.store if is_own else bool(c.store),
        "metadata": c.metadata,
        "stream": c.stream,
    }
    body |= {k: v for k, v in members.items() if v is not None}
    body |= _settings(c, is_own)
    if is_own:
        return {k: v for k, v in c.extra.items() if k not in ("text", "settings")} | body
    if include := _include(c):
        body["include"] = include
    return body


def _items(turns: tuple[Turn, ...], is_own: bool) -> list[JsonObject]:
    """Returns the items for `turns`."""
    kinds = {p.id: p.kind for turn in turns for p in turn.parts if isinstance(p, ToolCall)}
    items: list[JsonObject] = []
    for turn in turns:
        if turn.role == "assistant":
            items += _assistant_items(turn, is_own)
        else:
            items += _turn_items(turn, kinds, is_own)
    return items if is_own else _with_followers(items)


def _with_followers(items: Sequence[JsonObject]) -> list[JsonObject]:
    """Returns the items without reasoning that nothing of the model's comes after.

    The API refuses it: "Item 'rs_...' of type 'reasoning' was provided without its required
    following item" (openai/openai-node#1567). Another format may have no place for what came after
    it (an image), or the client stopped the answer there.
    """
    kept: list[JsonObject] = []
    for item in reversed(items):
        if item.get("type") != "reasoning" or (kept and _is_the_models(kept[-1])):
            kept.append(item)
    return kept[::-1]


def _is_the_models(item: JsonObject) -> bool:
    if (role := item.get("role")) is not None:
        return role == "assistant"
    return not str(item.get("type")).endswith(("_output", "_response"))


def _input(c: Conversation, turns: tuple[Turn, ...]) -> str | list[JsonObject]:
    if c.form == "string" and len(turns) == 1:
        [turn] = turns
        if turn.role == "user" and len(turn.parts) == 1 and isinstance(turn.parts[0], Text):
            return turn.parts[0].text
    return _items(turns, c.format == NAME)


def _begun(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """Returns the turns with a full stop for a first user turn without words.

    The API requires input, and the conversation goes on with what it began with.
    """
    place = next((i for i, turn in enumerate(turns) if turn.role not in SYSTEM_ROLES), None)
    if place is None or turns[place].role != "user":
        return turns
    if any(not isinstance(part, Text) or part.text for part in turns[place].parts):
        return turns
    begun = altered(turns[place], parts=(Text(text="."),), form="")
    return (*turns[:place], begun, *turns[place + 1 :])


def _fits_instructions(turns: tuple[Turn, ...], is_own: bool) -> bool:
    """Whether the first turn goes into `instructions`.

    It does if it is the system prompt of another format, in one text, and other turns remain for
    the input.
    """
    first = turns[0]
    if is_own:
        return first.form == INSTRUCTIONS
    return (
        first.role == "system"
        and len(first.parts) == 1
        and isinstance(first.parts[0], Text)
        and any(turn.parts for turn in turns[1:])
    )


def _assistant_items(turn: Turn, is_own: bool) -> Iterator[JsonObject]:
    """Yields a model's output: adjacent texts as one message, each other part an item."""
    message: list[Part] = []
    for part in turn.parts:
        if isinstance(part, Media) and not is_own:
            continue  # the API accepts no media in an answer's place
        if isinstance(part, Text | Refusal | Media) or (
            isinstance(part, Opaque) and is_content(part) and message
        ):
            if message and begins_message(part):
                yield write_message(message)
                message = []
            if not isinstance(part, Text) or part.text or begins_message(part):
                message.append(part)
            continue
        if message:
            yield write_message(message)
            message = []
        yield from _assistant_item(part)
    if message:
        yield write_message(message)


def _assistant_item(part: Part) -> Iterator[JsonObject]:
    match part:
        case Thinking():
            # Thinking of another format is no proof here, and without a proof an item must be
            # stored.
            if part.signer == NAME or (own(part.extra) and "sealed" not in own(part.extra)):
                yield write_reasoning(part)
        case ToolCall():
            yield as_read(part) or write_call(part)
        case Opaque(format="openai-responses"):
            yield part.raw
        case Opaque(text=str(words)) if words:
            yield {"type": "message", "role": "assistant", "content": words}


def _turn_items(turn: Turn, kinds: dict[str, str], is_own: bool) -> Iterator[JsonObject]:
    """Yields tool outputs as items, and the parts between them as messages."""
    message: list[Part] = []
    for part in turn.parts:
        item: JsonObject | None = None
        if isinstance(part, ToolResult):
            item = as_read(part) or write_output(part, None if is_own else kinds.get(part.call_id))
        elif isinstance(part, Opaque) and part.format == NAME and not is_content(part):
            item = part.raw
        if item is None:
            message.append(part)
            continue
        yield from _message(turn, message, is_own)
        message = []
        yield item
    if message or (is_own and not turn.parts):
        yield from _message(turn, message, is_own, even_empty=is_own)


def _message(
    turn: Turn, parts: list[Part], is_own: bool, even_empty: bool = False
) -> Iterator[JsonObject]:
    """Yields a user, system or developer message; none if it cannot be expressed."""
    if not is_own:  # a message takes text, images and files
        parts = [p for p in parts if not (isinstance(p, Media) and p.kind == "audio")]
    if not parts and not even_empty:
        return
    written: JsonObject = {"role": turn.role}
    written = written | turn.extra if is_own else {"type": "message", **written}
    if not parts:
        yield written | {"content": written.get("content", [])}
        return
    if len(parts) == 1 and isinstance(parts[0], Text):
        if not is_own or own(parts[0].extra).get("string"):
            yield written | {"content": parts[0].text}
            return
    content = [c for part in parts if (c := write_part(part, "input")) is not None]
    if content or is_own:
        yield written | {"content": content}


def _settings(c: Conversation, is_own: bool) -> JsonObject:
    if is_own and "settings" in c.extra:
        return c.extra["settings"]
    said = c.extra.get("text") if is_own else None
    text: JsonObject = dict(said) if isinstance(said, dict) else {}
    if c.output is not None:
        text["format"] = write_text_format(c.output, is_own)
    if c.verbosity is not None:
        text["verbosity"] = c.verbosity
    written: JsonObject = {}
    if text or (is_own and "text" in c.extra):
        written["text"] = text or said
    if c.reasoning is not None:
        reasoning = write_effort(c.reasoning, is_own)
        if reasoning or is_own:
            written["reasoning"] = reasoning
    return written


def _include(c: Conversation) -> list[str]:
    """Returns the `include` values for output that other formats send without request.

    Encrypted reasoning is requested only if reasoning is: models without it refuse the request.
    """
    include: list[str] = []
    reasons = c.reasoning is not None and c.reasoning.enabled is not False
    if reasons or any(isinstance(p, Thinking) and p.signer == NAME for p in c.parts()):
        include.append(_ENCRYPTED)
    if c.logprobs:
        include.append(_LOGPROBS)
    hosted = {tool.name for tool in c.tools if tool.kind == "server" and tool.format == NAME}
    include += [member for name, member in _FOUND.items() if name in hosted]
    return include


def _user(user: str | None) -> str | None:
    """Returns an end user's id, or its hash if it exceeds the API's limit."""
    if user is None or len(user) <= MAX_USER:
        return user
    return hex_of(user)


def _web_search(options: JsonObject) -> JsonObject:
    """Returns the hosted tool for Chat's `web_search_options`."""
    tool: JsonObject = {"type": "web_search"}
    if size := options.get("search_context_size"):
        tool["search_context_size"] = size
    place = options.get("user_location")
    if isinstance(place, dict):
        near = place.get("approximate")
        tool["user_location"] = {"type": "approximate", **(near if isinstance(near, dict) else {})}
    return tool

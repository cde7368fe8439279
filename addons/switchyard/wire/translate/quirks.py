"""Applies one upstream's deviations from its format to a request's body.

Providers that speak the same format differ in details, and refuse unknown members and values. A
profile in the configuration lists the differences of an upstream; this module applies them. A quirk
always names something that the upstream refuses, so it applies to passed-through bodies as to
translated ones; whatever has no quirk stays as it is.
"""

import re
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Sequence
from collections.abc import Set
from operator import is_
from typing import Any
from typing import Literal
from typing import Protocol

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import rest
from switchyard.wire.formats.openai_chat.names import OPAQUE
from switchyard.wire.formats.openai_chat.names import REASONING_NAMES
from switchyard.wire.shared.call_ids import renamed_id
from switchyard.wire.shared.effort import nearest_level
from switchyard.wire.translate.reasoning_wish import without_reasoning_items

_CHAT = "openai-chat"
_RESPONSES = "openai-responses"
_ANTHROPIC = "anthropic"

_THINKING = (*REASONING_NAMES, "reasoning_details", OPAQUE)

_PROOFS_OF = {"google": "extra_content", "openrouter": "reasoning_details", "copilot": OPAQUE}
_PROOFS = frozenset(_PROOFS_OF.values())

_LIMITS = ("max_tokens", "max_completion_tokens")
_LIMIT_OF = {_RESPONSES: "max_output_tokens", _ANTHROPIC: "max_tokens"}

_USUAL_IDS = {
    _ANTHROPIC: re.compile("[a-zA-Z0-9_-]+"),
    _CHAT: re.compile(".{1,40}", re.DOTALL),
    _RESPONSES: re.compile(".{1,64}", re.DOTALL),
}
"""API references: Anthropic's `tool_use.id`; OpenAI's limits of `tool_calls[].id` and `call_id`."""

_ANTHROPIC_IDS = {"tool_use": "id", "tool_result": "tool_use_id"}


class Quirks(Protocol):
    """The quirks of one upstream model; None or empty means the format's own rule."""

    @property
    def max_tokens_field(self) -> str | None:
        """Chat: name of the only member that limits the output."""

    @property
    def min_max_tokens(self) -> int | None:
        """The minimum of the output limit, in tokens."""

    @property
    def min_max_output_tokens(self) -> int | None:
        """Responses: the minimum of `max_output_tokens`."""

    @property
    def thinking_off(self) -> bool | None:
        """Anthropic: whether thinking can be switched off."""

    @property
    def developer_role(self) -> bool | None:
        """False: messages of the role `developer` are sent as `system`."""

    @property
    def stream_options(self) -> bool | None:
        """False: Chat's `stream_options` is left out."""

    @property
    def parallel_tools(self) -> bool | None:
        """False: the model makes and accepts only one tool call per turn."""

    @property
    def reasoning_field(self) -> str | None:
        """Chat: name of the member for earlier thinking in messages; `none` omits it."""

    @property
    def chat_proofs(self) -> Literal["google", "openrouter", "copilot", "none"] | None:
        """Chat: dialect of the members for proofs of thinking that messages accept."""

    @property
    def tool_id_pattern(self) -> re.Pattern[str] | None:
        """Pattern that matches the whole id of a tool call."""

    @property
    def efforts(self) -> Sequence[str] | None:
        """The accepted levels of reasoning effort; others become the nearest of them."""

    @property
    def drop(self) -> Sequence[str]:
        """Members of the body that are refused."""
        ...

    @property
    def drop_when_reasoning(self) -> Sequence[str]:
        """Members that are refused if the request asks for reasoning."""
        ...


def apply_quirks(body: JsonObject, format: str, quirks: Quirks) -> JsonObject:
    """Returns `body`, in `format`, as an upstream with these quirks accepts it.

    Returns `body` itself if nothing has to change; never changes it, nor anything in it.
    """
    if quirks.efforts:
        body = _with_taken_effort(body, format, quirks.efforts)
    if format == _ANTHROPIC and cannot_be_off(body, quirks):
        body = _with_least_thinking(body)
    if format == _CHAT:
        body = _apply_to_chat(body, quirks)
    if quirks.min_max_tokens:
        body = _with_least_limit(body, format, quirks.min_max_tokens)
    if quirks.min_max_output_tokens and format == _RESPONSES:
        body = _with_least_limit(body, format, quirks.min_max_output_tokens)
    if quirks.developer_role is False and format in (_CHAT, _RESPONSES):
        body = _each(body, "messages" if format == _CHAT else "input", _as_system)
    if quirks.parallel_tools is False and format in (_CHAT, _RESPONSES):
        body = _without(body, ("parallel_tool_calls",))
    if quirks.tool_id_pattern is not None:
        body = with_fitting_ids(body, format, quirks.tool_id_pattern)
    if format == _RESPONSES and "reasoning" in quirks.drop:
        body = without_reasoning_items(body)
    if _has_verbosity(body, format) and "verbosity" in quirks.drop:
        text = rest(body["text"], "verbosity")
        body = {**body, "text": text} if text else rest(body, "text")
    return _without(body, refused_members(body, format, quirks))


def cannot_be_off(body: JsonObject, quirks: Quirks) -> bool:
    """Returns whether `body` switches off thinking of a model that always thinks."""
    thinking = body.get("thinking")
    if quirks.thinking_off is not False or not isinstance(thinking, dict):
        return False
    return thinking.get("type") == "disabled"


def _with_least_thinking(body: JsonObject) -> JsonObject:
    config = body.get("output_config")
    said = config if isinstance(config, dict) else {}
    return {**rest(body, "thinking"), "output_config": {"effort": "low", **said}}


def refused_members(body: JsonObject, format: str, quirks: Quirks) -> list[str]:
    """Returns the members that the upstream refuses and that have no other form."""
    names = list(quirks.drop)
    if quirks.drop_when_reasoning and _effort(body, format) not in (None, "none"):
        names += quirks.drop_when_reasoning
    found = [name for name in dict.fromkeys(names) if body.get(name) is not None]
    if "verbosity" in names and _has_verbosity(body, format):
        found.append("verbosity")
    return found


def _has_verbosity(body: JsonObject, format: str) -> bool:
    """Whether a request of the Responses API has Chat's `verbosity`, as a member of `text`."""
    text = body.get("text")
    return format == _RESPONSES and isinstance(text, dict) and text.get("verbosity") is not None


def _apply_to_chat(body: JsonObject, quirks: Quirks) -> JsonObject:
    if quirks.max_tokens_field is not None:
        body = _with_limit_named(body, quirks.max_tokens_field)
    if quirks.stream_options is False:
        body = _without(body, ("stream_options",))
    if quirks.reasoning_field is not None:
        field = quirks.reasoning_field
        body = _each(body, "messages", lambda message: _with_reasoning_named(message, field))
    if quirks.chat_proofs is not None:
        others = _PROOFS - {_PROOFS_OF.get(quirks.chat_proofs)}
        body = _each(body, "messages", lambda message: _without_proofs(message, others))
    if quirks.parallel_tools is False:
        body = _with_single_calls(body)
    return body


def _without_proofs(message: JsonObject, names: Set[str]) -> JsonObject:
    if message.get("role") != "assistant":
        return message
    return _each(_without(message, names), "tool_calls", lambda call: _without(call, names))


def _with_limit_named(body: JsonObject, name: str) -> JsonObject:
    others = [other for other in _LIMITS if other != name and other in body]
    if not others:
        return body
    if name in body:
        return rest(body, *others)
    return {name if key in others else key: value for key, value in body.items()}


def _with_least_limit(body: JsonObject, format: str, least: int) -> JsonObject:
    names = _LIMITS if format == _CHAT else (_LIMIT_OF.get(format, ""),)
    low = {name: least for name in names if _is_below(body.get(name), least)}
    return {**body, **low} if low else body


def _is_below(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value < least


def _as_system(message: JsonObject) -> JsonObject:
    return {**message, "role": "system"} if message.get("role") == "developer" else message


def _with_reasoning_named(message: JsonObject, field: str) -> JsonObject:
    """Renames a message's thinking to `field`.

    A message that has it stays; the other name's text moves if it is the only one.
    """
    if field == "none":
        return _without(message, _THINKING)
    others = [name for name in REASONING_NAMES if name != field and name in message]
    if not others:
        return message
    if message.get(field) is not None:
        return rest(message, *others)
    words = next((message[name] for name in others if message[name] is not None), None)
    kept = rest(message, *REASONING_NAMES)
    return {**kept, field: words} if words is not None else dict(kept)


def _with_single_calls(body: JsonObject) -> JsonObject:
    """Splits turns with several calls: each call gets a turn, followed by its result.

    The model's text before them stays with the first.
    """
    messages = body.get("messages")
    if not isinstance(messages, list) or not any(map(_has_several_calls, messages)):
        return body
    split: list[Any] = []
    index = 0
    while index < len(messages):
        message = messages[index]
        index += 1
        if not _has_several_calls(message):
            split.append(message)
            continue
        results: list[Any] = []
        while index < len(messages) and _role(messages[index]) == "tool":
            results.append(messages[index])
            index += 1
        split += _one_by_one(message, results)
    return {**body, "messages": split}


def _one_by_one(message: JsonObject, results: list[Any]) -> Iterator[Any]:
    calls = message["tool_calls"]
    ids = [call.get("id") if isinstance(call, dict) else None for call in calls]
    first = {**message, "tool_calls": calls[:1]}
    for place, call in enumerate(calls):
        yield first if not place else {"role": "assistant", "content": None, "tool_calls": [call]}
        yield from (one for one in results if one.get("tool_call_id") == ids[place])
    yield from (one for one in results if one.get("tool_call_id") not in ids)


def _has_several_calls(message: Any) -> bool:
    calls = message.get("tool_calls") if isinstance(message, dict) else None
    return isinstance(calls, list) and len(calls) > 1


def _role(message: Any) -> Any:
    return message.get("role") if isinstance(message, dict) else None


def _with_taken_effort(body: JsonObject, format: str, taken: Sequence[str]) -> JsonObject:
    if format == _CHAT:
        level = nearest_level(body.get("reasoning_effort"), taken)
        if level != body.get("reasoning_effort"):
            body = {**body, "reasoning_effort": level}
    holder = {_CHAT: "reasoning", _RESPONSES: "reasoning", _ANTHROPIC: "output_config"}.get(format)
    said = body.get(holder) if holder else None
    if not isinstance(said, dict):
        return body
    level = nearest_level(said.get("effort"), taken)
    return body if level == said.get("effort") else {**body, str(holder): {**said, "effort": level}}


def _effort(body: JsonObject, format: str) -> Any:
    """Returns the effort that a body requests, or None."""
    if format == _CHAT and body.get("reasoning_effort") is not None:
        return body["reasoning_effort"]
    said = body.get("output_config" if format == _ANTHROPIC else "reasoning")
    return said.get("effort") if isinstance(said, dict) else None


def with_usual_ids(body: JsonObject, format: str) -> JsonObject:
    """Returns `body` with ids of tool calls that the API of `format` itself accepts.

    Returns `body` itself if nothing has to change; never changes it, nor anything in it.
    """
    pattern = _USUAL_IDS.get(format)
    return body if pattern is None else with_fitting_ids(body, format, pattern)


def with_fitting_ids(body: JsonObject, format: str, pattern: re.Pattern[str]) -> JsonObject:
    """Replaces an id everywhere by the same new one, so that calls and results match.

    Returns `body` itself if nothing has to change; never changes it, nor anything in it.
    """
    ids: dict[str, str] = {}

    def fit(holder: JsonObject, name: str) -> JsonObject:
        given = holder.get(name)
        if not isinstance(given, str) or not given:
            return holder
        new = ids.get(given)
        if new is None:
            fits = pattern.fullmatch(given) is not None
            new = ids[given] = given if fits else renamed_id(given, pattern)
        return holder if new == given else {**holder, name: new}

    if format == _RESPONSES:
        return _each(body, "input", lambda item: fit(item, "call_id"))
    if format == _CHAT:
        return _each(
            body,
            "messages",
            lambda message: _each(
                fit(message, "tool_call_id"), "tool_calls", lambda call: fit(call, "id")
            ),
        )
    if format == _ANTHROPIC:
        return _each(body, "messages", lambda message: _each(message, "content", _by_type(fit)))
    return body


def _by_type(fit: Callable[[JsonObject, str], JsonObject]) -> Callable[[JsonObject], JsonObject]:
    def fit_block(block: JsonObject) -> JsonObject:
        name = _ANTHROPIC_IDS.get(str(block.get("type")))
        return fit(block, name) if name else block

    return fit_block


def _each(holder: JsonObject, name: str, change: Callable[[JsonObject], JsonObject]) -> JsonObject:
    """Changes every object of the list `name`; return `holder` itself if none changed."""
    items = holder.get(name)
    if not isinstance(items, list):
        return holder
    changed = [change(item) if isinstance(item, dict) else item for item in items]
    return holder if all(map(is_, changed, items)) else {**holder, name: changed}


def _without(body: JsonObject, names: Collection[str]) -> JsonObject:
    return body if body.keys().isdisjoint(names) else rest(body, *names)

"""Reads requests (API reference, "Create a model response")."""

from collections.abc import Mapping
from typing import Any

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import whole_of
from switchyard.wire.formats.openai_responses.client_tools import read_client_call
from switchyard.wire.formats.openai_responses.client_tools import read_client_output
from switchyard.wire.formats.openai_responses.content import read_content
from switchyard.wire.formats.openai_responses.items import read_call
from switchyard.wire.formats.openai_responses.items import read_message
from switchyard.wire.formats.openai_responses.items import read_output
from switchyard.wire.formats.openai_responses.items import read_reasoning
from switchyard.wire.formats.openai_responses.names import NAME
from switchyard.wire.formats.openai_responses.names import number_of
from switchyard.wire.formats.openai_responses.names import rest
from switchyard.wire.formats.openai_responses.names import text_of
from switchyard.wire.formats.openai_responses.settings import read_output as read_text_format
from switchyard.wire.formats.openai_responses.settings import read_reasoning as read_effort
from switchyard.wire.formats.openai_responses.settings import updated
from switchyard.wire.formats.openai_responses.tools import IN_INPUT
from switchyard.wire.formats.openai_responses.tools import read_choice
from switchyard.wire.formats.openai_responses.tools import read_tools
from switchyard.wire.formats.openai_responses.words import item_words
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Output
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Reasoning
from switchyard.wire.model.conversation import Role
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Tool
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Turn
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.shared.envelope import CallProof

INSTRUCTIONS = "instructions"
"""`form` of the turn that holds `instructions`."""

MESSAGE = frozenset({"role", "content"})

_MEDIA = ("input_image", "image_url", "input_file", "input_audio")
"""Types of parts whose members are no text, even if their shape is not known."""

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "parallel_tool_calls": bool,
    "max_output_tokens": int,
    "temperature": (int, float),
    "top_p": (int, float),
    "top_logprobs": int,
    "user": str,
    "prompt_cache_key": str,
    "service_tier": str,
    "store": bool,
    "metadata": dict,
    "stream": bool,
    "tools": list,
    "reasoning": dict,
    "text": dict,
}
"""Members that the model has a field for, and the type that the field requires.

A member of another type stays as it is, and a provider of the same format decides about it.
"""

_ALWAYS = frozenset({"model", "input", "instructions", "tool_choice"})


def read_request(body: JsonObject) -> Conversation:
    """Returns the conversation that a request body means. Raises BadRequest."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise BadRequest("model must be the name of a model", "model")
    named = {k for k, kind in _TYPES.items() if isinstance(body.get(k), kind)}
    said = {k: body[k] for k in named}
    extra = rest(body, named | _ALWAYS)
    text = said.get("text", {})
    if left := {k: v for k, v in text.items() if k not in ("format", "verbosity") or v is None}:
        extra["text"] = left
    elif not text and "text" in said:
        extra["text"] = {}
    if said.get("tools") == []:
        extra["tools"] = []
    include = body.get("include")
    entries = _Entries(read_text_format(text.get("format")), read_effort(said.get("reasoning")))
    entries.tools += read_tools(body.get("tools"), "tools")
    form = entries.read_input(body)
    if entries.update:
        extra["settings"] = {k: body[k] for k in ("text", "reasoning") if k in body}
        extra.pop("text", None)
    return Conversation(
        format=NAME,
        model=model,
        turns=(*_instructions(body, extra), *entries.turns),
        tools=tuple(entries.tools),
        tool_choice=read_choice(body.get("tool_choice")),
        parallel_tools=said.get("parallel_tool_calls"),
        max_tokens=whole_of(said.get("max_output_tokens")),
        temperature=number_of(said.get("temperature")),
        top_p=number_of(said.get("top_p")),
        logprobs=True if _asks_logprobs(include) else None,
        top_logprobs=whole_of(said.get("top_logprobs")),
        output=entries.output,
        reasoning=entries.reasoning,
        verbosity=text_of(text.get("verbosity")) or None,
        user=said.get("user"),
        cache_key=said.get("prompt_cache_key"),
        service_tier=said.get("service_tier"),
        store=said.get("store"),
        metadata=said.get("metadata"),
        stream=said.get("stream"),
        extra=extra,
        form=form,
    )


class _Entries:
    """Collects turns from items.

    A run of items that a model wrote becomes one assistant turn, a run of tool outputs one user
    turn, every other message a turn of its own.
    """

    def __init__(self, output: Output | None, reasoning: Reasoning | None) -> None:
        self.turns: list[Turn] = []
        self.tools: list[Tool] = []
        self.output = output
        self.reasoning = reasoning
        self.update = False
        """Whether an item changed the settings."""
        self._role: Role | None = None
        self._parts: list[Part] = []
        self._proofs: dict[str, CallProof] = {}

    def read_input(self, body: JsonObject) -> str:
        """Reads `input`, and returns the form in which it was given."""
        value = body.get("input")
        if isinstance(value, str):
            self.turns.append(Turn(role="user", parts=(Text(text=value),)))
            return "string"
        if value is None:
            if any(body.get(k) for k in ("prompt", "previous_response_id", "conversation")):
                return "null" if "input" in body else "absent"
            raise BadRequest("input is missing: give a text or a list of items", "input")
        if not isinstance(value, list):
            raise BadRequest("input must be a text or a list of items", "input")
        for index, item in enumerate(value):
            where = f"input[{index}]"
            if not isinstance(item, dict):
                raise BadRequest(f"{where} must be an object with a type or a role", where)
            self._item(item, where)
        self._flush()
        if self._proofs:
            self.turns = [self._with_proofs(turn) for turn in self.turns]
        return ""

    def _item(self, item: JsonObject, where: str) -> None:
        kind = item.get("type")
        if kind == "message" or (kind is None and "role" in item):
            self._message(item, where)
        elif kind == "reasoning":
            part = read_reasoning(item)
            if isinstance(part, CallProof):
                self._proofs[part.call_id] = part
            else:
                self._add("assistant", part)
        elif kind in ("function_call", "custom_tool_call"):
            call = read_call(item)
            if not call.name:
                raise BadRequest(f"{where} has no name", f"{where}.name")
            self._add("assistant", call)
        elif kind in ("function_call_output", "custom_tool_call_output"):
            told = read_output(item)
            self._add("user", altered(told, parts=tuple(map(_worded, told.parts))))
        elif (ran := read_client_call(item)) is not None:
            self._add("assistant", ran)
        elif (answer := read_client_output(item)) is not None:
            if kind == "tool_search_output":
                self._declare(item, where)
            self._add("user", answer)
        elif kind in ("additional_tools", "configuration_update"):
            self._configure(item, where)
        elif kind is None and "id" not in item:
            raise BadRequest(f"{where} has neither type nor role", where)
        else:
            if kind == "tool_search_output":
                self._declare(item, where)
            name, text = text_of(kind) or "item_reference", item_words(item)
            part = Opaque(format=NAME, kind=name, raw=item, text=text)
            self._add(_side(item), part)

    def _message(self, item: JsonObject, where: str) -> None:
        role = item.get("role")
        if role not in ("user", "assistant", "system", "developer"):
            raise BadRequest(
                f"{where}.role {role!r} is unknown: use user, assistant, system or developer",
                f"{where}.role",
            )
        content = item.get("content")
        if not isinstance(content, str | list | None):
            raise BadRequest(
                f"{where}.content must be a text or a list of content parts", f"{where}.content"
            )
        if role == "assistant":
            self._add("assistant", *map(_worded, read_message(item)))
            return
        self._flush()
        parts = tuple(map(_worded, read_content(content, "input")))
        extra = rest(item, MESSAGE)
        if not parts:
            extra["content"] = content
        self.turns.append(Turn(role=role, parts=parts, extra=extra))

    def _configure(self, item: JsonObject, where: str) -> None:
        """Reads an item that declares tools or changes settings and has no content."""
        kind = item["type"]
        if kind == "additional_tools":
            self._declare(item, where)
        else:
            self.output, self.reasoning = updated(self.output, self.reasoning, item)
            self.update = True
        self._flush()
        part = Opaque(format=NAME, kind=kind, raw=item)
        self.turns.append(Turn(role="developer", parts=(part,)))

    def _declare(self, item: JsonObject, where: str) -> None:
        known = {(tool.namespace, tool.name) for tool in self.tools}
        found = read_tools(item.get("tools"), f"{where}.tools", IN_INPUT)
        self.tools += [tool for tool in found if (tool.namespace, tool.name) not in known]

    def _add(self, role: Role, *parts: Part) -> None:
        if role != self._role:
            self._flush()
            self._role = role
        self._parts += parts

    def _flush(self) -> None:
        if self._role and self._parts:
            self.turns.append(Turn(role=self._role, parts=tuple(self._parts)))
        self._role = None
        self._parts = []

    def _with_proofs(self, turn: Turn) -> Turn:
        """Returns the turn with the proofs of its calls back in their places."""
        return altered(turn, parts=tuple(map(self._with_proof, turn.parts)))

    def _with_proof(self, part: Part) -> Part:
        proof = self._proofs.get(part.id) if isinstance(part, ToolCall) else None
        if proof is None:
            return part
        return altered(part, signature=proof.signature, signer=proof.signer)


def _worded(part: Part) -> Part:
    """Returns a content part, with a text for a type that only this format knows."""
    if not isinstance(part, Opaque) or part.raw.get("type") in _MEDIA:
        return part
    return altered(part, text=item_words(part.raw))


def _side(item: JsonObject) -> Role:
    """Returns the author of an item that only this format knows.

    Outputs come from the client, unless the tool ran at the provider; so do items whose role says
    so.
    """
    if item.get("role") in ("user", "system", "developer"):
        return "user"
    kind = text_of(item.get("type"))
    client = kind.endswith("_output") or kind in ("mcp_approval_response", "compaction_trigger")
    server = item.get("execution") == "server" or kind == "program_output"
    return "user" if client and not server else "assistant"


def _instructions(body: JsonObject, extra: JsonObject) -> list[Turn]:
    value = body.get("instructions")
    if isinstance(value, str):
        return [Turn(role="system", parts=(Text(text=value),), form=INSTRUCTIONS)]
    if "instructions" in body:
        extra["instructions"] = value
    return []


def _asks_logprobs(include: Any) -> bool:
    return isinstance(include, list) and "message.output_text.logprobs" in include

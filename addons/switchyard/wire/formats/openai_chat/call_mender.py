"""Repairs the tool calls of one streamed choice that passes through.

Source: OpenAI's reference, "The chat completion chunk object", `tool_calls` and `function_call`.
"""

from switchyard.values.sequences import are_same
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import object_of
from switchyard.wire.formats.openai_chat.fragments import CallSoFar
from switchyard.wire.formats.openai_chat.fragments import Fragments
from switchyard.wire.formats.openai_chat.names import text_of
from switchyard.wire.formats.openai_chat.placeholders import Placeholders
from switchyard.wire.formats.openai_chat.tools import arguments_text
from switchyard.wire.formats.openai_chat.tools import made_up_id
from switchyard.wire.shared.arguments import Settling
from switchyard.wire.shared.call_ids import UnusedIds


class CallMender:
    """Supplies indexes, ids and types of call fragments, and removes repetitions.

    Clients depend on the former; the official SDK would concatenate repeated ids and names. A call
    whose id another one has gets one of its own. `placeholders` are those of the stream, over all
    choices.
    """

    def __init__(self, seed: str, placeholders: Placeholders, ids: UnusedIds) -> None:
        self._seed = seed
        self._ids = ids
        self._placeholders = placeholders
        self._fragments = Fragments()

    def __bool__(self) -> bool:
        return bool(self._fragments.calls)

    def mend(self, delta: JsonObject) -> JsonObject:
        given = delta["tool_calls"]
        entries = given if isinstance(given, list) else [given]
        calls = [self._call(raw) for raw in entries if isinstance(raw, dict)]
        if entries is given and are_same(calls, entries):
            return delta
        return {**delta, "tool_calls": calls}

    def settled(self, cut: bool) -> list[JsonObject]:
        """Returns fragments with what the calls' arguments still lack, which clients parse.

        That is `{}` for calls whose arguments were a word that means none, or never came (in a
        reply that was `cut`, only the former), and the beginning of such a word where the rest of
        it never came.
        """
        self._placeholders.keep()
        left = (_left(call, cut) for call in self._fragments.calls)
        return [
            {"index": number, "function": {"arguments": text}}
            for number, text in enumerate(left)
            if text
        ]

    def _call(self, raw: JsonObject) -> JsonObject:
        fragment = self._fragments.take(raw)
        call = self._fragments.calls[fragment.number]
        kind = "custom" if call.custom else "function"
        inner = raw.get(kind)
        made: JsonObject = inner if isinstance(inner, dict) else {}
        text = made.get("input" if call.custom else "arguments")
        wrong: JsonObject = {}
        own = arguments_text(text)
        certain = own if self._placeholders.stands(call, fragment, own) else fragment.text
        if text is not None and text != certain:
            wrong["input" if call.custom else "arguments"] = certain
        if made.get("name") and not fragment.name:
            made = {k: v for k, v in made.items() if k != "name"}
        if fragment.name and made.get("name") != fragment.name:
            wrong["name"] = fragment.name
        said: JsonObject = {}
        if raw.get("index") != fragment.number:
            said["index"] = fragment.number
        if fragment.new:
            given = text_of(raw.get("id"))
            call_id = self._ids.of(given or made_up_id(self._seed, fragment.number))
            if call_id != given:
                said["id"] = call_id
        if fragment.new and not raw.get("type"):
            said["type"] = kind
        if wrong or made is not inner:
            said[kind] = made | wrong
        if not fragment.new and raw.get("id"):
            raw = {k: v for k, v in raw.items() if k != "id"}
        return {**raw, **said} if said else raw


def _left(call: CallSoFar, cut: bool) -> str:
    """Returns the end of a call's arguments that was not sent on yet."""
    if call.says_nothing:
        return "{}"
    held = call.held()
    return "{}" if not held and call.is_bare and not cut else held


class FunctionMender:
    """Makes the arguments of a choice's deprecated `function_call` one text.

    Holds an empty object back, since it may stand in the place of arguments that follow.
    """

    def __init__(self) -> None:
        self.called = False
        """Whether any name or arguments arrived."""
        self._is_bare = True
        self._settling = Settling()

    def mend(self, delta: JsonObject) -> JsonObject:
        """Returns a delta with the arguments that are certain; `delta` itself if those are all."""
        said = delta["function_call"]
        if not isinstance(said, dict):
            return delta
        given = said.get("arguments")
        own = arguments_text(given)
        self.called = self.called or bool(own or text_of(said.get("name")))
        text = self._settling.feed(own)
        self._is_bare = self._is_bare and not text
        if given is None or text == given:
            return delta
        return {**delta, "function_call": {**said, "arguments": text}}

    def settle(self, delta: JsonObject, cut: bool) -> JsonObject:
        """Returns the last delta of a choice with the arguments that were held back.

        Those of a call that never got any are `{}`, unless the reply was `cut`.
        """
        held = "{}" if self._settling.says_nothing else self._settling.close()
        if not held and self._is_bare and not cut:
            held = "{}"
        if not held:
            return delta
        said = object_of(delta.get("function_call"))
        arguments = text_of(said.get("arguments")) + held
        return {**delta, "function_call": {**said, "arguments": arguments}}

"""Writes a `GenerateContent` request."""

from collections.abc import Iterable
from collections.abc import Iterator
from itertools import groupby

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.gemini.config import write_config
from switchyard.wire.formats.gemini.names import NAME
from switchyard.wire.formats.gemini.names import NO_SIGNATURE
from switchyard.wire.formats.gemini.names import own
from switchyard.wire.formats.gemini.parts import write_call
from switchyard.wire.formats.gemini.parts import write_other
from switchyard.wire.formats.gemini.parts import write_result
from switchyard.wire.formats.gemini.parts import write_text
from switchyard.wire.formats.gemini.parts import write_thought
from switchyard.wire.formats.gemini.spelling import respell
from switchyard.wire.formats.gemini.tools import write_tool_choice
from switchyard.wire.formats.gemini.tools import write_tools
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.conversation import Turn
from switchyard.wire.shared.placing import after_opening
from switchyard.wire.shared.placing import instructions
from switchyard.wire.shared.placing import opening
from switchyard.wire.shared.placing import spoken
from switchyard.wire.shared.server_tools import has_services
from switchyard.wire.shared.tool_names import Names

_ROLE = {"user": "user", "assistant": "model"}


def write_request(c: Conversation) -> JsonObject:
    """Returns a request body, with the members `model` and `stream` if they are known."""
    home = c.format == NAME
    said = own(c.extra) if home else EMPTY
    writer = _Contents(c)
    body: JsonObject = {}
    if c.model:
        body["model"] = c.model
    if c.stream is not None:
        body["stream"] = c.stream
    body["contents"] = writer.home() if home else writer.foreign()
    if system := _write_system(c.turns, home):
        body["systemInstruction"] = system
    if tools := write_tools(c, writer.names):
        body["tools"] = tools[0] if said.get("single") else tools
    tool_config = dict(said.get("toolConfig", EMPTY))
    if c.tool_choice is not None and (home or c.tools):
        tool_config["functionCallingConfig"] = write_tool_choice(c.tool_choice, writer.names)
    if not home and has_services(c, NAME) and any(t.kind != "server" for t in c.tools):
        # Gemini requires it to combine built-in tools with functions (guide "Combine built-in
        # tools").
        tool_config["includeServerSideToolInvocations"] = True
    if tool_config or "toolConfig" in said:
        body["toolConfig"] = tool_config
    config = write_config(c, home)
    if config or "generationConfig" in said:
        body["generationConfig"] = config
    body.update(said.get("body", EMPTY))
    return respell(body, said["snake"]) if "snake" in said else body


def _write_system(turns: Iterable[Turn], home: bool) -> JsonObject | str | None:
    """Returns the system and developer messages at the beginning, in order.

    Gemini has one system instruction. Later messages stay in place (see `placing`).
    """
    system = list(opening(list(turns)))
    if not system:
        return None
    if home and system[0].form == "text":
        return _words(system[0].parts)[0]["text"]
    said = system[0].parts if home else [p for turn in system for p in instructions(turn)]
    parts = _words(said, empty=home)
    if not parts and not home:
        return None
    return {"parts": parts, **own(system[0].extra)}


def _words(parts: Iterable[Part], empty: bool = True) -> list[JsonObject]:
    return [write_text(p) for p in parts if isinstance(p, Text) and (p.text or empty)]


class _Contents:
    """Writes the turns of one conversation."""

    def __init__(self, c: Conversation) -> None:
        self.names = Names(c.tools)
        self._turns = list(after_opening(c.turns))
        self._called = {
            part.id: self.names.flat(part.name, part.namespace)
            for turn in self._turns
            for part in turn.parts
            if isinstance(part, ToolCall)
        }

    def home(self) -> list[JsonObject | str]:
        """Returns the contents as they were read."""
        return [self._home_turn(turn) for turn in self._turns]

    def _home_turn(self, turn: Turn) -> JsonObject | str:
        if turn.form == "text":
            return _words(turn.parts)[0]["text"]
        content: JsonObject = {}
        if turn.form.startswith("role:"):
            word = turn.form.removeprefix("role:")
            content["role"] = word if word != "None" else None
        elif turn.form != "no-role":
            content["role"] = _ROLE[turn.role]
        if parts := [raw for part in turn.parts for raw in self._home_part(part)]:
            content["parts"] = parts
        return {**content, **own(turn.extra)}

    def _home_part(self, part: Part) -> list[JsonObject]:
        match part:
            case Thinking(signer=signer) if signer not in (None, NAME):
                return []
            case Thinking():
                return [write_thought(part)]
            case Text():
                return [write_text(part)]
            case ToolCall():
                return [write_call(part, part.name)]
            case ToolResult():
                name = part.name or self._called.get(part.call_id, "tool")
                return [write_result(part, name)]
        return list(_plain(part))

    def foreign(self) -> list[JsonObject]:
        """Returns the contents of another format's conversation.

        Gemini requires all responses to the calls of one content together in the next. So turns of
        one role are joined, and results form a content of their own, before everything else.
        """
        contents: list[JsonObject] = []
        for role, turns in groupby(self._turns, key=lambda turn: turn.role):
            parts = [part for turn in turns for part in turn.parts]
            if role == "assistant":
                contents.append({"role": "model", "parts": self._model_parts(parts)})
                continue
            results = [raw for part in parts for raw in self._result(part)]
            others = [raw for part in parts for raw in _plain(spoken(part))]
            contents += [{"role": "user", "parts": results}, {"role": "user", "parts": others}]
        contents = [content for content in contents if content["parts"]]
        # Gemini refuses a request without contents, even if the system instruction is complete, and
        # a call without a user turn before it. One that begins with an empty turn of the user goes
        # on with the same bytes.
        if (
            not contents
            or any("functionCall" in part for part in _opening(contents[0]))
            or (contents[0]["role"] == "model" and self._turns[0].role == "user")
        ):
            contents.insert(0, {"role": "user", "parts": [{"text": " "}]})
        return contents

    def _result(self, part: Part) -> list[JsonObject]:
        if not isinstance(part, ToolResult):
            return []
        name = self._called.get(part.call_id) or part.name or "tool"
        return [write_result(part, name)]

    def _model_parts(self, parts: list[Part]) -> list[JsonObject]:
        """Returns the parts of one response in the history.

        Includes thoughts that Gemini signed; a signature without text belongs to the part after it.
        """
        written: list[JsonObject] = []
        loose: str | None = None
        called = False
        for part in parts:
            match part:
                case Thinking(signer="gemini"):
                    if part.text and part.signature:
                        written.append(write_thought(part))
                    else:
                        loose = part.signature or part.redacted
                case ToolCall():
                    # Only the first of several parallel calls needs a signature.
                    signature = loose or (None if called else NO_SIGNATURE)
                    name = self.names.flat(part.name, part.namespace)
                    written.append(write_call(part, name, signature))
                    loose, called = None, True
                case Text() | Refusal() if loose and part.text:
                    written.append({"text": part.text, "thoughtSignature": loose})
                    loose = None
                case _:
                    written.extend(_plain(part))
        if loose:
            written.append({"text": "", "thoughtSignature": loose})
        return written


def _opening(content: JsonObject) -> list[JsonObject]:
    """Returns the parts of a first content that has the role `model`."""
    return content["parts"] if content["role"] == "model" else []


def _plain(part: Part) -> Iterator[JsonObject]:
    """Returns parts that have the same form in every turn.

    Leaves out empty texts, which the API refuses.
    """
    if not isinstance(part, Text):
        yield from write_other(part)
    elif part.text:
        yield {"text": part.text}

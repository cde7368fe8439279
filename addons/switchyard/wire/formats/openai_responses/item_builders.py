"""Builds the items of an answer from deltas, with the API's event for each step.

API reference, "Streaming events". Every builder returns its events without `sequence_number`;
`item` is the finished item once it is closed.
"""

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.openai_responses.client_tools import write_client_call
from switchyard.wire.formats.openai_responses.content import write_citation
from switchyard.wire.formats.openai_responses.content import write_part
from switchyard.wire.formats.openai_responses.items import SEPARATOR
from switchyard.wire.formats.openai_responses.items import write_call
from switchyard.wire.formats.openai_responses.items import write_reasoning
from switchyard.wire.formats.openai_responses.names import NAME
from switchyard.wire.formats.openai_responses.names import objects_of
from switchyard.wire.formats.openai_responses.names import own
from switchyard.wire.formats.openai_responses.names import owned
from switchyard.wire.formats.openai_responses.names import text_of
from switchyard.wire.model.conversation import Citation
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import Tool
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.shared.arguments import Settling
from switchyard.wire.shared.arguments import settled
from switchyard.wire.shared.custom_tools import InputStream
from switchyard.wire.shared.custom_tools import unwrap_input
from switchyard.wire.shared.envelope import seal_call

type Events = list[JsonObject]


class WholeBuilder:
    """Builds an item that arrives whole: a hosted tool's, an image, a call's proof."""

    def __init__(self, index: int, item: JsonObject) -> None:
        self.index = index
        self.item = item

    def open(self) -> Events:
        return [
            {"type": "response.output_item.added", "output_index": self.index, "item": self.item}
        ]

    def close(self, incomplete: bool) -> Events:
        return [_done(self.index, self.item)]


class MessageBuilder:
    """Builds a message, whose parts arrive one after another."""

    def __init__(self, index: int, id: str, first: Text | Refusal) -> None:
        self.index = index
        self.item: JsonObject = EMPTY
        self._said = own(first.extra)
        self._id = text_of(self._said.get("message", EMPTY).get("id")) or id
        self._members = self._named(self._said.get("message", EMPTY))
        self._content: list[JsonObject] = []
        self._part: Text | Refusal | None = None
        self._text: list[str] = []
        self._citations: list[Citation] = []
        self.logprobs: list[JsonObject] = []
        """Log probabilities of the open text's tokens."""

    def open(self) -> Events:
        start = {"status": "in_progress", "role": "assistant", "content": []}
        item = {**self._members, **start}
        return [{"type": "response.output_item.added", "output_index": self.index, "item": item}]

    def begin(self, part: Text | Refusal) -> Events:
        """Starts the next part, with the text it already holds as its first content."""
        if {"empty", "hollow"} & own(part.extra).keys():
            return []  # a placeholder for a message that begins without text
        self._part = altered(part, text="")
        self._text = []
        self._citations = []
        self.logprobs = []
        empty = write_part(Text(text="") if isinstance(part, Text) else Refusal(text=""), "output")
        events: Events = [{**self._at("response.content_part.added"), "part": _logged(empty)}]
        if part.text:
            events += self.add(part.text)
        for citation in part.citations if isinstance(part, Text) else ():
            events += self.cite(citation)
        return events

    def add(self, text: str, logprobs: list[JsonObject] | None = None) -> Events:
        """Appends text, with the log probabilities of its tokens."""
        self._text.append(text)
        if isinstance(self._part, Refusal):
            return [{**self._at("response.refusal.delta"), "delta": text}]
        logprobs = logprobs or []
        self.logprobs += logprobs
        return [{**self._at("response.output_text.delta"), "delta": text, "logprobs": logprobs}]

    def cite(self, citation: Citation) -> Events:
        annotation = write_citation(citation, sum(map(len, self._text)))
        if annotation is None:
            return []
        at = self._at("response.output_text.annotation.added")
        place = {"annotation_index": len(self._citations), "annotation": annotation}
        self._citations.append(citation)
        return [{**at, **place}]

    def end(self, final: Text | Refusal | None = None) -> Events:
        """Ends the open part; `final` replaces the sum of its deltas."""
        part = final or self._part
        if part is None:
            return []
        if final is None:
            part = altered(part, text="".join(self._text))
            if isinstance(part, Text):
                part = altered(part, citations=tuple(self._citations))
        if message := own(part.extra).get("message"):
            self._members = self._named(message)
        written = write_part(part, "output") or {}
        if self.logprobs and "logprobs" not in written:
            written = {**written, "logprobs": self.logprobs}
        if isinstance(part, Refusal):
            done = {**self._at("response.refusal.done"), "refusal": part.text}
        else:
            logprobs = written.get("logprobs") or []
            at = self._at("response.output_text.done")
            done = {**at, "text": part.text, "logprobs": logprobs}
        ended = {**self._at("response.content_part.done"), "part": _logged(written)}
        self._content.append(written if own(part.extra) else _logged(written))
        self._part = None
        return [done, ended]

    def keep(self, part: Opaque) -> Events:
        """Adds a content part that only this format knows."""
        added = {**self._at("response.content_part.added"), "part": part.raw}
        done = {**self._at("response.content_part.done"), "part": part.raw}
        self._content.append(part.raw)
        return [added, done]

    def close(self, incomplete: bool) -> Events:
        self.item = {
            "status": "incomplete" if incomplete else "completed",
            **self._members,
            "role": "assistant",
            "content": self._content or self._said.get("empty") or [],
        }
        return [_done(self.index, self.item)]

    def _named(self, members: JsonObject) -> JsonObject:
        """Returns the message's other members.

        A member that the client has received must not change afterwards.
        """
        return {**members, "id": self._id, "type": "message"}

    def _at(self, type: str) -> JsonObject:
        return {
            "type": type,
            "item_id": self._id,
            "output_index": self.index,
            "content_index": len(self._content),
        }


class ReasoningBuilder:
    """Builds a reasoning item: a summary, unless the answer had the text as content."""

    def __init__(self, index: int, id: str, first: Thinking) -> None:
        self.index = index
        self.item: JsonObject = EMPTY
        said = own(first.extra)
        foreign = first.signer not in (None, NAME) and not said
        self._part = altered(first, text="", id=id if foreign else first.id or id)
        self._origin = first.id
        self._source = said.get("source", "summary")
        # Several entries are known at once rather than by their deltas, so they go out at the end.
        self._entries = _texts(said.get("entries"))
        self._first = first.text
        self._text: list[str] = []
        self._began = False

    def open(self) -> Events:
        item = {"id": self._part.id, "type": "reasoning", "summary": []}
        events: Events = [
            {"type": "response.output_item.added", "output_index": self.index, "item": item}
        ]
        return events + (self.add(self._first) if self._first else [])

    def add(self, text: str) -> Events:
        self._text.append(text)
        if self._entries:
            return []
        events: Events = [] if self._began else self._begin(0)
        self._began = True
        return [*events, {**self._at("text.delta", 0), "delta": text}]

    def sign(self, signature: str, signer: str) -> None:
        """Appends to the proof that must return with the next request."""
        whole = (self._part.signature or "") + signature
        self._part = altered(self._part, signature=whole, signer=signer)

    def end(self, final: Thinking | None = None) -> Events:
        text = "".join(self._text)
        part = altered(final, id=self._part.id) if final else altered(self._part, text=text)
        origin = final.id if final else self._origin
        events: Events = []
        if self._began:
            events = self._finish(0, text)
        elif self._entries:
            entries = self._entries if SEPARATOR.join(self._entries) == text else [text]
            for index, entry in enumerate(entries):
                events += self._begin(index)
                events.append({**self._at("text.delta", index), "delta": entry})
                events += self._finish(index, entry)
        self.item = write_reasoning(part, altered(part, id=origin or part.id))
        return events

    def close(self, incomplete: bool) -> Events:
        return [_done(self.index, self.item)]

    def _begin(self, index: int) -> Events:
        if self._source == "content":
            at = {**self._at("", index), "type": "response.content_part.added"}
            return [{**at, "part": {"type": "reasoning_text", "text": ""}}]
        return [{**self._at("part.added", index), "part": {"type": "summary_text", "text": ""}}]

    def _finish(self, index: int, text: str) -> Events:
        done = {**self._at("text.done", index), "text": text}
        if self._source == "content":
            at = {**self._at("", index), "type": "response.content_part.done"}
            return [done, {**at, "part": {"type": "reasoning_text", "text": text}}]
        part = {"type": "summary_text", "text": text}
        return [done, {**self._at("part.done", index), "part": part}]

    def _at(self, what: str, index: int) -> JsonObject:
        summary = self._source == "summary"
        return {
            "type": f"response.reasoning_{'summary_' if summary else ''}{what}",
            "item_id": self._part.id,
            "output_index": self.index,
            "summary_index" if summary else "content_index": index,
        }


class CallBuilder:
    """Builds a call for the client, in the form in which it declared the tool."""

    def __init__(self, index: int, id: str, call: ToolCall, tool: Tool | None) -> None:
        """Prepares the item.

        `tool` is the client's declaration, for a call that names it in another format's form.
        """
        self.index = index
        self.item: JsonObject = EMPTY
        said = own(call.extra).get("item", EMPTY)
        self._is_own = bool(own(call.extra))
        self._wrapped = call.kind == "function" and tool is not None and tool.kind == "custom"
        kind = "custom" if self._wrapped else call.kind
        self._id = text_of(said.get("id")) or id
        members = {**said, "id": self._id}
        if tool is not None:
            call = altered(call, name=tool.name, namespace=tool.namespace)
        self._call = altered(call, kind=kind, arguments="", extra=owned({"item": members}))
        self._first = call.arguments
        self._arguments: list[str] = []
        self._input = InputStream() if self._wrapped else None
        self._settling = Settling() if kind == "function" and not self._is_own else None
        self._name = "custom_tool_call_input" if kind == "custom" else "function_call_arguments"

    @property
    def call(self) -> ToolCall:
        return self._call

    def open(self) -> Events:
        item = {**write_call(self._call), "status": "in_progress"}
        events: Events = [
            {"type": "response.output_item.added", "output_index": self.index, "item": item}
        ]
        return events + (self.add(self._first) if self._first else [])

    def add(self, text: str) -> Events:
        if self._settling is not None:
            text = self._settling.feed(text)
        return self._tell(self._input.feed(text) if self._input else text)

    def end(self, final: ToolCall | None = None) -> Events:
        events: Events = self._tell(self._input.close()) if self._input else []
        if self._settling is not None:
            events += self._tell(self._settling.close())
        if final is not None:
            said = unwrap_input(final.arguments) if self._wrapped else final.arguments
            said = settled(said) if self._settling is not None else said
            events += self._tell(_missing("".join(self._arguments), said))
            members = {**own(final.extra).get("item", EMPTY), "id": self._id}
            self._call = altered(self._call, extra=owned({"item": members}))
        if not self._is_own and self._call.kind == "function" and not any(self._arguments):
            events += self._tell("{}")  # SDKs parse the arguments of every function
        arguments = "".join(self._arguments)
        member = "input" if self._call.kind == "custom" else "arguments"
        done = {**self._at("done"), member: arguments}
        if member == "arguments":
            done["name"] = self._call.name
        self._call = altered(self._call, arguments=arguments)
        return [*events, done]

    def close(self, incomplete: bool) -> Events:
        self.item = write_call(self._call)
        if not self._is_own:
            self.item["status"] = "completed"
        return [_done(self.index, self.item)]

    def _tell(self, text: str) -> Events:
        if not text:
            return []
        self._arguments.append(text)
        return [{**self._at("delta"), "delta": text}]

    def _at(self, what: str) -> JsonObject:
        return {
            "type": f"response.{self._name}.{what}",
            "item_id": self._id,
            "output_index": self.index,
        }


class ClientCallBuilder:
    """Builds a call of a tool of the API's own types that the client runs.

    Its item arrives whole, since its request is no text that could grow.
    """

    def __init__(self, index: int, id: str, call: ToolCall, tool: Tool) -> None:
        self.index = index
        self.item: JsonObject = EMPTY
        self.call = call
        self._id = id
        self._tool = tool
        self._arguments = [call.arguments]

    def open(self) -> Events:
        return []

    def add(self, text: str) -> Events:
        self._arguments.append(text)
        return []

    def end(self, final: ToolCall | None = None) -> Events:
        whole = final.arguments if final is not None else "".join(self._arguments)
        self.call = altered(self.call, arguments=whole)
        return []

    def close(self, incomplete: bool) -> Events:
        status = "incomplete" if incomplete else "completed"
        self.item = write_client_call(self.call, self._tool, self._id, status)
        begun = {**self.item, "status": "in_progress"}
        added = {"type": "response.output_item.added", "output_index": self.index, "item": begun}
        return [added, _done(self.index, self.item)]


type Builder = WholeBuilder | MessageBuilder | ReasoningBuilder | CallBuilder | ClientCallBuilder


def proof_item(id: str, call: ToolCall) -> JsonObject:
    """Returns a reasoning item that carries the proof of another format's call."""
    return {"id": id, "type": "reasoning", "summary": [], "encrypted_content": seal_call(call)}


def _done(index: int, item: JsonObject) -> JsonObject:
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def _logged(written: JsonObject | None) -> JsonObject:
    """Returns an output text with the list of log probabilities that clients expect."""
    if written is None:
        return {}
    if written.get("type") == "output_text" and "logprobs" not in written:
        return {**written, "logprobs": []}
    return written


def _texts(entries: object) -> list[str]:
    texts = [text_of(entry.get("text")) for entry in objects_of(entries)]
    return texts if len(texts) > 1 else []


def _missing(said: str, whole: str) -> str:
    """Returns the rest of `whole` after `said`."""
    return whole[len(said) :] if whole.startswith(said) else ""

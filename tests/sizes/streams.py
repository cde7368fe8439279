"""Streams of upstreams by size: well-formed ones of every format, and wild ones."""

import json
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from functools import partial
from typing import Any

from addons.wire.conversation import Citation
from addons.wire.conversation import Stop
from addons.wire.conversation import Text
from addons.wire.conversation import Thinking
from addons.wire.conversation import ToolCall
from addons.wire.conversation import Usage
from addons.wire.events import ArgumentsDelta
from addons.wire.events import CitationDelta
from addons.wire.events import End
from addons.wire.events import Event
from addons.wire.events import Finish
from addons.wire.events import PartEnd
from addons.wire.events import PartStart
from addons.wire.events import Start
from addons.wire.events import TextDelta
from addons.wire.events import UsageUpdate
from addons.wire.format import Asked
from addons.wire.jsonio import dumps
from addons.wire.registry import FORMATS
from addons.wire.relay import Relay
from tests.sizes.measure import Maker
from tests.sizes.measure import Work

ASKED = Asked(model="m", id="0123456789abcdef", created=1_700_000_000, include_usage=True)
PIECE = 4096


def said(inner: Iterable[Event]) -> Iterator[Event]:
    yield Start(id="x", model="m", created=1)
    yield from inner
    yield UsageUpdate(Usage(input=1, output=1))
    yield Finish(Stop(reason="end", raw="stop"))
    yield End()


def words(n: int) -> Iterator[Event]:
    yield PartStart(0, Text(text=""))
    for number in range(n):
        yield TextDelta(0, f"word {number} ")
    yield PartEnd(0)


def one_long_word(n: int) -> Iterator[Event]:
    yield PartStart(0, Text(text=""))
    yield TextDelta(0, "wörd " * n * 20)
    yield PartEnd(0)


def thoughts(n: int) -> Iterator[Event]:
    yield PartStart(0, Thinking(text=""))
    for number in range(n):
        yield TextDelta(0, f"thought {number} ")
    yield PartEnd(0)
    yield PartStart(1, Text(text=""))
    yield TextDelta(1, "so")
    yield PartEnd(1)


def calls(n: int) -> Iterator[Event]:
    for number in range(n):
        yield PartStart(number, ToolCall(id=f"call_{number}", name=f"tool{number}"))
        yield ArgumentsDelta(number, '{"a":')
        yield ArgumentsDelta(number, f"{number}}}")
        yield PartEnd(number)


def arguments(n: int) -> Iterator[Event]:
    yield PartStart(0, ToolCall(id="call_0", name="tool"))
    yield ArgumentsDelta(0, '{"a":"')
    for number in range(n):
        yield ArgumentsDelta(0, f"{{piece {number} ")
    yield ArgumentsDelta(0, '"}')
    yield PartEnd(0)


def one_long_argument(n: int) -> Iterator[Event]:
    yield PartStart(0, ToolCall(id="call_0", name="tool"))
    yield ArgumentsDelta(0, json.dumps({"a": "x" * 100 * n}))
    yield PartEnd(0)


def sources(n: int) -> Iterator[Event]:
    yield PartStart(0, Text(text=""))
    yield TextDelta(0, "as they say")
    for number in range(n):
        citation = Citation(format="", raw={}, url=f"https://a.example/{number}", title="t")
        yield CitationDelta(0, citation)
    yield PartEnd(0)


def parts(n: int) -> Iterator[Event]:
    for number in range(n):
        kind = Thinking(text="") if number % 2 else Text(text="")
        yield PartStart(number, kind)
        yield TextDelta(number, "x")
        yield PartEnd(number)


WELL_FORMED: dict[str, Callable[[int], Iterator[Event]]] = {
    "words": words,
    "one long word": one_long_word,
    "thoughts": thoughts,
    "calls": calls,
    "arguments": arguments,
    "one long argument": one_long_argument,
    "citations": sources,
    "parts": parts,
}


def written(format: str, kind: str, n: int) -> bytes:
    writer = FORMATS[format].stream_writer(ASKED)
    out = b"".join(writer.feed(event) for event in said(WELL_FORMED[kind](n)))
    return out + writer.close()


def sse(events: Iterable[Any]) -> bytes:
    return b"".join(b"data: %b\n\n" % dumps(event) for event in events)


def typed(events: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (event["type"].encode(), dumps(event)) for event in events
    )


def chat(deltas: Iterable[dict[str, Any]], **more: Any) -> bytes:
    head = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    chunks = ({**head, "choices": [{"index": 0, "delta": d}], **more} for d in deltas)
    end = {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return sse([*chunks, end]) + b"data: [DONE]\n\n"


def chat_call(index: int | None, arguments: str, id: str = "", name: str = "") -> dict[str, Any]:
    inner = {"arguments": arguments, **({"name": name} if name else {})}
    call: dict[str, Any] = {"function": inner}
    if index is not None:
        call["index"] = index
    if id:
        call["id"] = id
    return call


def chat_choices(n: int) -> bytes:
    head = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    chunks = [
        {**head, "choices": [{"index": i, "delta": {"content": "x"}}]} for i in range(n)
    ]  # fmt: skip
    return sse(chunks) + b"data: [DONE]\n\n"


WILD: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "new indexes that never end": (
        "openai-chat",
        lambda n: chat(
            {"tool_calls": [chat_call(i, '{"a', f"c{i}", f"t{i}")]} for i in range(n)
        ),
    ),
    "new indexes in one event": (
        "openai-chat",
        lambda n: chat(
            [{"tool_calls": [chat_call(i, '{"a', f"c{i}", f"t{i}") for i in range(n)]}]
        ),
    ),
    "unnamed calls": (
        "openai-chat",
        lambda n: chat({"tool_calls": [chat_call(i, '{"a')]} for i in range(n)),
    ),
    "calls without index": (
        "openai-chat",
        lambda n: chat(
            {"tool_calls": [chat_call(None, "{}", f"c{i}", f"t{i}")]} for i in range(n)
        ),
    ),
    "one index, other ids": (
        "openai-chat",
        lambda n: chat(
            {"tool_calls": [chat_call(0, "{}", f"c{i}", f"t{i}")]} for i in range(n)
        ),
    ),
    "a call that grows beside new ones": (
        "openai-chat",
        lambda n: chat(
            {"tool_calls": [chat_call(0, "{" + "x" * 50, "c", "t"),
                            chat_call(i + 1, '{"a', f"c{i}", f"t{i}")]} for i in range(n)
        ),
    ),
    "interleaved calls": (
        "openai-chat",
        lambda n: chat(
            {"tool_calls": [chat_call(i % 8, "{x", f"c{i % 8}", "t")]} for i in range(n)
        ),
    ),
    "deprecated calls": (
        "openai-chat",
        lambda n: chat({"function_call": {"name": "f", "arguments": "{x"}} for _ in range(n)),
    ),
    "choices": ("openai-chat", chat_choices),
    "annotations": (
        "openai-chat",
        lambda n: chat(
            {"content": "x", "annotations": [{"type": "url_citation", "url_citation": {
                "url": f"https://a/{i}", "title": "t", "start_index": 0, "end_index": 1}}]}
            for i in range(n)
        ),
    ),
    "logprobs": (
        "openai-chat",
        lambda n: sse(
            {"id": "x", "choices": [{"index": 0, "delta": {"content": "x"}, "logprobs": {
                "content": [{"token": "x", "logprob": -1, "bytes": [1], "top_logprobs": []}]}}]}
            for _ in range(n)
        ) + b"data: [DONE]\n\n",
    ),
    "reasoning details": (
        "openai-chat",
        lambda n: chat(
            {"reasoning_details": [{"type": "reasoning.text", "text": "x", "index": 0}]}
            for _ in range(n)
        ),
    ),
    "new reasoning details": (
        "openai-chat",
        lambda n: chat(
            {"reasoning_details": [{"type": "reasoning.encrypted", "data": "x", "id": f"r{i}",
                                    "index": i}]}
            for i in range(n)
        ),
    ),
    "thinking tags": (
        "openai-chat",
        lambda n: chat({"content": "<think>" if i % 2 else "</think>"} for i in range(n)),
    ),
    "content parts": (
        "openai-chat",
        lambda n: chat({"content": [{"type": "text", "text": "x"}] * 3} for _ in range(n)),
    ),
    "images": (
        "openai-chat",
        lambda n: chat(
            {"images": [{"type": "image_url", "image_url": {
                "url": f"data:image/png;base64,{i:08}"}}]} for i in range(n)
        ),
    ),
    "other top-level members": (
        "openai-chat",
        lambda n: sse(
            {"id": "x", f"member{i}": [i], "choices": [{"index": 0, "delta": {"content": "x"}}]}
            for i in range(n)
        ) + b"data: [DONE]\n\n",
    ),
    "growing list of sources": (
        "openai-chat",
        lambda n: sse(
            {"id": "x", "citations": [f"https://a/{i}"],
             "choices": [{"index": 0, "delta": {"content": "x"}}]} for i in range(n)
        ) + b"data: [DONE]\n\n",
    ),
    "no choices": ("openai-chat", lambda n: sse({"id": "x", "choices": []} for _ in range(n))),
    "usage": (
        "openai-chat",
        lambda n: chat(({"content": "x"} for _ in range(n)), usage={"prompt_tokens": 1}),
    ),
    "comments": ("openai-chat", lambda n: b": ping\n\n" * n + chat([{"content": "x"}])),
    "lines of one event": ("openai-chat", lambda n: b"data: {}\n" * n + b"\n"),
    "many objects in one event": (
        "openai-chat",
        lambda n: b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n' * n + b"\n",
    ),
    "carriage returns": ("openai-chat", lambda n: b"\r" * n * 50),
    "an event without end": ("openai-chat", lambda n: b"data: " + b"x" * n * 200),
    "blank lines": ("openai-chat", lambda n: b"\n" * n * 200),
    "blocks that never stop": (
        "anthropic",
        lambda n: typed(anthropic_blocks(n, stop=False)),
    ),
    "blocks of calls": ("anthropic", lambda n: typed(anthropic_blocks(n, stop=True))),
    "interleaved blocks": ("anthropic", lambda n: typed(anthropic_interleaved(n))),
    "pings": ("anthropic", lambda n: typed([{"type": "ping"}] * n)),
    "unknown events": ("anthropic", lambda n: typed([{"type": "x", "a": i} for i in range(n)])),
    "items that never end": ("openai-responses", lambda n: typed(responses_items(n, done=False))),
    "items": ("openai-responses", lambda n: typed(responses_items(n, done=True))),
    "argument pieces of items": ("openai-responses", lambda n: typed(responses_pieces(n))),
    "summaries": ("openai-responses", lambda n: typed(responses_summaries(n))),
    "calls in one chunk": (
        "gemini", lambda n: sse([gemini_chunk(list(map(gemini_call, range(n))))])
    ),
    "calls in chunks": ("gemini", lambda n: sse(gemini_chunk([gemini_call(i)]) for i in range(n))),
    "parts in one chunk": (
        "gemini",
        lambda n: sse([gemini_chunk([{"text": "x", "thought": i % 2 > 0} for i in range(n)])]),
    ),
    "grounding": ("gemini", lambda n: sse(gemini_grounding(i) for i in range(n))),
    "growing grounding": ("gemini", lambda n: sse([gemini_sources(n)])),
    "calls in one line": (
        "ollama",
        lambda n: b"".join(
            dumps(line) + b"\n"
            for line in [ollama_line([ollama_call(i) for i in range(n)]), ollama_line([], True)]
        ),
    ),
    "calls in lines": (
        "ollama",
        lambda n: b"".join(dumps(ollama_line([ollama_call(i)])) + b"\n" for i in range(n)),
    ),
    "a line without end": ("ollama", lambda n: b'{"a":"' + b"x" * n * 200),
}  # fmt: skip


def anthropic_start() -> dict[str, Any]:
    message = {"id": "x", "type": "message", "role": "assistant", "model": "m", "content": [],
               "stop_reason": None, "usage": {"input_tokens": 1, "output_tokens": 1}}  # fmt: skip
    return {"type": "message_start", "message": message}


def anthropic_blocks(n: int, stop: bool) -> Iterator[dict[str, Any]]:
    yield anthropic_start()
    for i in range(n):
        block = {"type": "tool_use", "id": f"t{i}", "name": f"n{i}", "input": {}}
        yield {"type": "content_block_start", "index": i, "content_block": block}
        delta = {"type": "input_json_delta", "partial_json": '{"a":1}' if stop else '{"a'}
        yield {"type": "content_block_delta", "index": i, "delta": delta}
        if stop:
            yield {"type": "content_block_stop", "index": i}


def anthropic_interleaved(n: int) -> Iterator[dict[str, Any]]:
    yield from anthropic_blocks(8, stop=False)
    for i in range(n):
        delta = {"type": "input_json_delta", "partial_json": "{x"}
        yield {"type": "content_block_delta", "index": i % 8, "delta": delta}


def responses_items(n: int, done: bool) -> Iterator[dict[str, Any]]:
    response = {
        "id": "r",
        "object": "response",
        "model": "m",
        "output": [],
        "status": "in_progress",
    }
    yield {"type": "response.created", "response": response}
    for i in range(n):
        item = {"type": "function_call", "id": f"fc{i}", "call_id": f"c{i}", "name": f"n{i}",
                "arguments": "", "status": "in_progress"}  # fmt: skip
        yield {"type": "response.output_item.added", "output_index": i, "item": item}
        yield {
            "type": "response.function_call_arguments.delta",
            "item_id": f"fc{i}",
            "output_index": i,
            "delta": '{"a',
        }
        if done:
            whole = {**item, "arguments": '{"a":1}', "status": "completed"}
            yield {"type": "response.output_item.done", "output_index": i, "item": whole}


def responses_pieces(n: int) -> Iterator[dict[str, Any]]:
    yield from responses_items(1, done=False)
    for _ in range(n):
        yield {
            "type": "response.function_call_arguments.delta",
            "item_id": "fc0",
            "output_index": 0,
            "delta": "{xx",
        }


def responses_summaries(n: int) -> Iterator[dict[str, Any]]:
    yield from responses_items(0, done=False)
    item = {"type": "reasoning", "id": "rs", "summary": []}
    yield {"type": "response.output_item.added", "output_index": 0, "item": item}
    for i in range(n):
        place = {"item_id": "rs", "output_index": 0, "summary_index": i}
        part = {"type": "summary_text", "text": ""}
        yield {"type": "response.reasoning_summary_part.added", **place, "part": part}
        yield {"type": "response.reasoning_summary_text.delta", **place, "delta": "x"}


def gemini_chunk(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {"candidates": [{"content": {"role": "model", "parts": parts}, "index": 0}]}


def gemini_call(i: int) -> dict[str, Any]:
    return {"functionCall": {"name": f"n{i}", "args": {"a": i}}}


def gemini_sources(n: int) -> dict[str, Any]:
    chunks = [{"web": {"uri": f"https://a/{i}", "title": "t"}} for i in range(n)]
    supports = [
        {"segment": {"startIndex": 0, "endIndex": 1}, "groundingChunkIndices": [i]}
        for i in range(n)
    ]
    chunk = gemini_chunk([{"text": "x"}])
    chunk["candidates"][0]["groundingMetadata"] = {
        "groundingChunks": chunks,
        "groundingSupports": supports,
    }
    return chunk


def gemini_grounding(i: int) -> dict[str, Any]:
    chunk = gemini_sources(1)
    chunk["candidates"][0]["groundingMetadata"]["groundingChunks"][0]["web"]["uri"] += str(i)
    return chunk


def ollama_call(i: int) -> dict[str, Any]:
    return {"function": {"name": f"n{i}", "arguments": {"a": i}}}


def ollama_line(calls: list[dict[str, Any]], done: bool = False) -> dict[str, Any]:
    message = {"role": "assistant", "content": "", "tool_calls": calls}
    return {"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": message, "done": done,
            **({"done_reason": "stop"} if done else {})}  # fmt: skip


def relayed(upstream: str, client: str, streams: bool, data: bytes, piece: int = PIECE) -> Work:
    """The reading of an answer by a relay, and the writing of the client's."""
    pieces = [data[at : at + piece] for at in range(0, len(data), piece)]
    kind = FORMATS[upstream].content_type

    def run() -> Relay:
        relay = Relay(FORMATS[upstream], FORMATS[client], streams, ASKED)
        relay.start(200, kind)
        for one in pieces:
            relay.feed(one)
        relay.end()
        return relay

    return run


def well_formed(upstream: str, client: str, streams: bool, kind: str) -> Maker:
    return lambda n: relayed(upstream, client, streams, written(upstream, kind, n))


def wild(name: str, client: str, streams: bool) -> Maker:
    upstream, make = WILD[name]
    return lambda n: relayed(upstream, client or upstream, streams, make(n))


def in_small_pieces(upstream: str) -> Maker:
    """One event that comes a few bytes at a time."""
    return lambda n: relayed(upstream, upstream, True, written(upstream, "one long word", n), 16)


def as_document(upstream: str, client: str, kind: str) -> Maker:
    """A whole answer as JSON."""

    def make(n: int) -> Work:
        folded = relayed(upstream, upstream, False, written(upstream, kind, n))()
        assert isinstance(folded, Relay) and folded.body
        return partial(_document, upstream, client, folded.body)

    return make


def _document(upstream: str, client: str, body: bytes) -> Relay:
    relay = Relay(FORMATS[upstream], FORMATS[client], True, ASKED)
    relay.start(200, "application/json")
    for at in range(0, len(body), PIECE):
        relay.feed(body[at : at + PIECE])
    relay.end()
    return relay

"""Requests by size: each part of one, through the addons up to the bytes of its first attempt."""

import asyncio
import gzip
import inspect
import json
from collections.abc import Callable
from functools import cache
from functools import partial
from typing import Any

from mitmproxy import http
from mitmproxy.proxy import events
from mitmproxy.proxy.layers.http import Http1Server
from mitmproxy.proxy.layers.http import RequestHeaders

from switchyard.attempt.headers import answer_headers
from switchyard.failover.attempt import Attempt
from switchyard.pipeline.access import Access
from switchyard.pipeline.management import Management
from switchyard.pipeline.rights import Rights
from switchyard.protocols.http1 import QuickHttp1Server
from tests.integration.sizes.measure import Maker
from tests.integration.sizes.measure import Work
from tests.support.runtime import FakeRuntime
from tests.support.runtime import Pipeline
from tests.support.runtime import addon_of
from tests.support.runtime import client_flow
from tests.support.runtime import make_runtime
from tests.unit.protocols.test_http1 import context

CONFIG = """
    providers:
      - {name: chat, base-url: "https://chat.example/v1", api-key: own-chat-key-1, models: [m]}
      - {name: claude, format: anthropic, base-url: "https://claude.example", models: [c],
         api-key: own-claude-key}
      - {name: codex, format: openai-responses, base-url: "https://codex.example/v1", models: [r],
         api-key: own-codex-key}
      - {name: google, format: gemini, base-url: "https://google.example", models: [g],
         api-key: own-google-key}
      - {name: here, format: ollama, base-url: "http://here.example:11434", models: [o]}
    clients:
      api-keys: [{key: client-key-1, name: one, models: ["*"]},
                 {key: client-key-2, name: two, models: ["m", "c", "r", "g", "o"]}]
"""
MODELS = {"openai-chat": "m", "anthropic": "c", "openai-responses": "r", "gemini": "g",
          "ollama": "o"}  # fmt: skip
PATHS = {
    "openai-chat": "/v1/chat/completions",
    "anthropic": "/v1/messages",
    "openai-responses": "/v1/responses",
    "gemini": "/v1beta/models/{model}:generateContent",
    "ollama": "/api/chat",
}
KEY = ("authorization", "Bearer client-key-2")


@cache
def usual_runtime() -> FakeRuntime:
    return make_runtime(CONFIG)


def message(format: str, role: str, text: str) -> dict[str, Any]:
    if format == "gemini":
        return {"role": "model" if role == "assistant" else role, "parts": [{"text": text}]}
    return {"role": role, "content": text}


def body_of(format: str, model: str, messages: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    name = {"gemini": "contents", "openai-responses": "input"}.get(format, "messages")
    named = {} if format == "gemini" else {"model": model}
    limit = {"max_tokens": 9} if format == "anthropic" else {}
    return {**named, **limit, name: messages, **more}


def turns(format: str, n: int) -> dict[str, Any]:
    said = [message(format, "assistant" if i % 2 else "user", f"turn {i}") for i in range(n)]
    return body_of(format, "", [*said, message(format, "user", "so?")])


def long_text(format: str, n: int) -> dict[str, Any]:
    return body_of(format, "", [message(format, "user", 'wörd "\n' * n * 20)])


def tool(format: str, name: str, schema: Any) -> dict[str, Any]:
    match format:
        case "anthropic":
            return {"name": name, "description": "d", "input_schema": schema}
        case "gemini":
            return {"functionDeclarations": [{"name": name, "parameters": schema}]}
        case "openai-responses":
            return {"type": "function", "name": name, "parameters": schema}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


def tools(format: str, n: int) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"model": {"type": "string"}}}
    made = [tool(format, f"tool{i}", schema) for i in range(n)]
    return body_of(format, "", [message(format, "user", "hi")], tools=made)


def wide_schema(format: str, n: int) -> dict[str, Any]:
    properties = {f"p{i}": {"type": "string", "enum": ["a", "b"]} for i in range(n)}
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    one = [tool(format, "t", schema)]
    return body_of(format, "", [message(format, "user", "hi")], tools=one)


def deep_schema(format: str, n: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(min(n // 10, 60)):
        schema = {"type": "object", "properties": {"p": schema}}
    one = [tool(format, "t", schema)]
    return body_of(format, "", [message(format, "user", "hi")], tools=one)


def referring_schema(format: str, n: int) -> dict[str, Any]:
    defs = {f"d{i}": {"type": "object", "properties": {"x": {"$ref": f"#/$defs/d{i + 1}"}}}
            for i in range(n)}  # fmt: skip
    defs[f"d{n}"] = {"type": "string"}
    properties = {"a": {"$ref": "#/$defs/d0"}}
    schema = {"type": "object", "properties": properties, "$defs": defs}
    one = [tool(format, "t", schema)]
    return body_of(format, "", [message(format, "user", "hi")], tools=one)


def called(format: str, n: int, at_once: bool) -> dict[str, Any]:
    """A conversation with n calls and their results, in one turn or in turns of their own."""
    groups = [list(range(n))] if at_once else [[i] for i in range(n)]
    said: list[dict[str, Any]] = [message(format, "user", "go")]
    for group in groups:
        said += _called(format, group)
    return body_of(format, "", [*said, message(format, "user", "so?")])


def _called(format: str, group: list[int]) -> list[dict[str, Any]]:
    match format:
        case "openai-chat" | "ollama":
            arguments: Any = '{"a":1}' if format == "openai-chat" else {"a": 1}
            made = [{"id": f"c{i}", "type": "function",
                     "function": {"name": "t", "arguments": arguments}} for i in group]  # fmt: skip
            results = [{"role": "tool", "tool_call_id": f"c{i}", "tool_name": "t", "content": "r"}
                       for i in group]  # fmt: skip
            return [{"role": "assistant", "content": "", "tool_calls": made}, *results]
        case "anthropic":
            uses = [{"type": "tool_use", "id": f"c{i}", "name": "t", "input": {}} for i in group]
            answers = [
                {"type": "tool_result", "tool_use_id": f"c{i}", "content": "r"} for i in group
            ]
            return [{"role": "assistant", "content": uses}, {"role": "user", "content": answers}]
        case "openai-responses":
            calls = [{"type": "function_call", "call_id": f"c{i}", "name": "t", "arguments": "{}"}
                     for i in group]  # fmt: skip
            outputs = [{"type": "function_call_output", "call_id": f"c{i}", "output": "r"}
                       for i in group]  # fmt: skip
            return [*calls, *outputs]
    calls = [{"functionCall": {"name": "t", "args": {}, "id": f"c{i}"}} for i in group]
    answers = [{"functionResponse": {"name": "t", "response": {}, "id": f"c{i}"}} for i in group]
    return [{"role": "model", "parts": calls}, {"role": "user", "parts": answers}]


def unanswered(format: str, n: int) -> dict[str, Any]:
    """Calls without results, and then results without calls."""
    made = _called(format, list(range(n)))
    half = len(made) // 2 or 1
    return body_of(
        format, "", [message(format, "user", "go"), *made[half:], *made[:half],
                     message(format, "user", "so?")]
    )  # fmt: skip


def systems(format: str, n: int) -> dict[str, Any]:
    if format == "gemini":
        parts = [{"text": f"rule {i}"} for i in range(n)]
        return body_of(
            format, "", [message(format, "user", "hi")], systemInstruction={"parts": parts}
        )
    if format == "anthropic":
        blocks = [{"type": "text", "text": f"rule {i}"} for i in range(n)]
        return body_of(format, "", [message(format, "user", "hi")], system=blocks)
    said = [message(format, "system", f"rule {i}") for i in range(n)]
    return body_of(format, "", [*said, message(format, "user", "hi")])


def unknown_members(format: str, n: int) -> dict[str, Any]:
    more = {f"member_{i}": {"a": [i]} for i in range(n)}
    return body_of(format, "", [message(format, "user", "hi")], **more)


def numbers(format: str, n: int) -> dict[str, Any]:
    return body_of(format, "", [message(format, "user", "hi")], metadata={"n": list(range(n))})


def huge_number(format: str, n: int) -> dict[str, Any]:
    return body_of(format, "", [message(format, "user", "hi")], seed=10 ** min(4 * n, 4000))


def stops(format: str, n: int) -> dict[str, Any]:
    if format == "gemini":
        more: dict[str, Any] = {"generationConfig": {"stopSequences": [f"s{i}" for i in range(n)]}}
    else:
        name = "stop_sequences" if format == "anthropic" else "stop"
        more = {name: [f"s{i}" for i in range(n)]}
    return body_of(format, "", [message(format, "user", "hi")], **more)


BODIES: dict[str, Callable[[str, int], dict[str, Any]]] = {
    "turns": turns,
    "a long text": long_text,
    "tools": tools,
    "a wide schema": wide_schema,
    "a deep schema": deep_schema,
    "a schema of references": referring_schema,
    "calls at once": partial(called, at_once=True),
    "calls in turns": partial(called, at_once=False),
    "calls without results": unanswered,
    "system messages": systems,
    "unknown members": unknown_members,
    "numbers": numbers,
    "a huge number": huge_number,
    "stop sequences": stops,
}


def asked(runtime: FakeRuntime, flow: http.HTTPFlow) -> Attempt | None:
    """Lets a request through the addons up to its first attempt."""
    for addon in (addon_of(runtime, Rights),):
        addon.requestheaders(flow)
    pipeline = Pipeline(runtime)
    for addon in (addon_of(runtime, Access), *pipeline._addons, addon_of(runtime, Management)):
        for name in ("requestheaders", "request"):
            if (hook := getattr(addon, name, None)) is not None:
                found = hook(flow)
                if inspect.isawaitable(found):
                    asyncio.run(_wait(found))
    if flow.response is not None or runtime.exchanges.get(flow) is None:
        return None
    return pipeline.attempt(flow)


async def _wait(found: Any) -> None:
    await found


def sent(
    path: str,
    body: bytes,
    headers: list[tuple[str, str]] | None = None,
    to: tuple[str, int] | None = None,
) -> Work:
    runtime = usual_runtime()
    flow = client_flow(runtime, path, body, headers=[KEY, *(headers or [])], to=to)
    return lambda: asked(runtime, flow)


def by_body(kind: str, client: str, upstream: str) -> Maker:
    """A request of a client's format, to a provider of another."""

    def make(n: int) -> Work:
        model = MODELS[upstream]
        body = BODIES[kind](client, n)
        if "model" in body:
            body["model"] = model
        work = sent(PATHS[client].format(model=model), json.dumps(body).encode())
        return partial(_attempted, work)

    return make


def _attempted(work: Work) -> None:
    attempt = work()
    assert isinstance(attempt, Attempt) and attempt.request is not None, attempt


SMALL = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
SMALL_BODY = json.dumps(SMALL).encode()
CHAT_PATH = PATHS["openai-chat"]


def _json(**more: Any) -> bytes:
    return json.dumps({**SMALL, **more}).encode()


def nested(n: int) -> Any:
    return json.loads("[" * n + "]" * n)


OTHERS: dict[str, Maker] = {
    "query": lambda n: sent(CHAT_PATH + "?" + "&".join(f"{i}_token" for i in range(n)), SMALL_BODY),
    "a long query": lambda n: sent(CHAT_PATH + "?key=" + "x" * n * 20, SMALL_BODY),
    "query at a provider's host": lambda n: sent(
        CHAT_PATH + "?" + "&".join(f"{i}_token" for i in range(n)), SMALL_BODY,
        to=("chat.example", 443)
    ),
    "a long path": lambda n: sent(CHAT_PATH + "/x" * n * 10, SMALL_BODY),
    "dot segments": lambda n: sent("/x/.." * n * 10 + CHAT_PATH, SMALL_BODY,
                                   to=("chat.example", 443)),
    "a path in percent": lambda n: sent("/%63" * n * 10 + CHAT_PATH, SMALL_BODY,
                                        to=("chat.example", 443)),
    "slashes": lambda n: sent("/" * n * 20 + CHAT_PATH, SMALL_BODY),
    "a long Gemini path": lambda n: sent(
        "/v1beta/models/" + "models/" * n * 10 + "x:generateContent", b'{"contents":[]}'
    ),
    "Gemini methods": lambda n: sent("/v1beta/models/x" + ":x" * n * 10, b'{"contents":[]}'),
    "headers": lambda n: sent(CHAT_PATH, SMALL_BODY, [(f"x-a{i}", "b") for i in range(n)]),
    "equal headers": lambda n: sent(CHAT_PATH, SMALL_BODY, [("x-a", "b" * 8)] * n),
    "credentials": lambda n: sent(CHAT_PATH, SMALL_BODY, [(f"x{i}-token", "b") for i in range(n)]),
    "a long header name": lambda n: sent(CHAT_PATH, SMALL_BODY, [("x-" + "a-" * n * 20, "b")]),
    "a long header value": lambda n: sent(CHAT_PATH, SMALL_BODY, [("x-a", "b, " * n * 20)]),
    "connection options": lambda n: sent(
        CHAT_PATH, SMALL_BODY, [("connection", ", ".join(f"x-{i}" for i in range(n)))]
    ),
    "cookies": lambda n: sent(
        CHAT_PATH, SMALL_BODY, [("cookie", "; ".join(f"a{i}=b{i}" for i in range(n)))]
    ),
    "cookie headers": lambda n: sent(CHAT_PATH, SMALL_BODY, [("cookie", "a=b")] * n),
    "spaces in a value": lambda n: sent(CHAT_PATH, SMALL_BODY, [("x-a", "a" + " " * n * 50 + "b")]),
    "proxy credentials": lambda n: sent(
        CHAT_PATH, SMALL_BODY, [("proxy-authorization", "Basic " + "QUJD" * n * 20)]
    ),
    "a compressed body": lambda n: sent(
        CHAT_PATH, gzip.compress(_json(x="x" * n * 500)), [("content-encoding", "gzip")]
    ),
    "a long name of a model": lambda n: sent(CHAT_PATH, _json(model="x/" * n * 10)),
    "suffixes": lambda n: sent(CHAT_PATH, _json(model="m" + "(a)" * n * 5)),
    "a name in spaces": lambda n: sent(CHAT_PATH, _json(model="m" + " " * n * 20 + "(")),
    "members named model": lambda n: sent(
        CHAT_PATH, b'{"model":"m",' + b'"model":"m",' * n + SMALL_BODY[1:]
    ),
    "letters in escapes": lambda n: sent(CHAT_PATH, _json(x="\\u006d" * n * 10)),
    "deep lists": lambda n: sent(CHAT_PATH, _json(x=nested(min(n, 200)))),
    "text that is no JSON": lambda n: sent(CHAT_PATH, b"[" * n * 100),
    "a member's long name": lambda n: sent(CHAT_PATH, _json(**{"m" * n * 50: 1})),
    "parts of a message": lambda n: sent(
        CHAT_PATH, _json(messages=[{"role": "user", "content": [
            {"type": "text", "text": "x"}] * n}])
    ),
    "images": lambda n: sent(
        CHAT_PATH, _json(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {
            "url": "data:image/png;base64,QUJD"}}] * n}])
    ),
    "texts to embed": lambda n: sent("/v1/embeddings", _json(input=["x"] * n)),
    "names at /api/show": lambda n: sent("/api/show", _json(model="x" * n * 50)),
}  # fmt: skip


def head_of(n: int, line: Callable[[int], bytes], size: int = 1 << 14) -> Work:
    """A head of n lines, which comes in pieces, at a connection of a client's."""
    data = b"GET /a HTTP/1.1\r\nHost: b\r\n" + b"".join(map(line, range(n))) + b"\r\n"
    return lambda: fed(data, size)


def fed(data: bytes, size: int) -> list[Any]:
    layer = Http1Server(context())
    list(layer.handle_event(events.Start()))
    QuickHttp1Server.adopt(layer)
    done: list[Any] = []
    for at in range(0, len(data), size):
        done += layer.handle_event(events.DataReceived(layer.conn, data[at : at + size]))
    return [one for one in done if isinstance(getattr(one, "event", None), RequestHeaders)]


CHUNKS = b"POST /a HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n"

HEADS: dict[str, Maker] = {
    "lines": lambda n: head_of(n, lambda i: b"x-%d: b\r\n" % i),
    "lines a byte at a time": lambda n: head_of(n // 4, lambda i: b"x-%d: b\r\n" % i, 1),
    "folds": lambda n: head_of(n, lambda i: b" c\r\n" if i else b"x-a: b\r\n"),
    "blank lines": lambda n: partial(fed, b"\r\n" * n * 20, 1 << 10),
    "blank lines a byte at a time": lambda n: partial(fed, b"\r\n" * n, 1),
    "a request line": lambda n: partial(fed, b"GET /" + b"x" * n * 50, 64),
    "chunks": lambda n: partial(fed, CHUNKS + b"1\r\nx\r\n" * n + b"0\r\n\r\n", 1 << 12),
    "chunks a byte at a time": lambda n: partial(fed, CHUNKS + b"1\r\nx\r\n" * n, 1),
    "a chunk's extension": lambda n: partial(fed, CHUNKS + b"1;" + b"x" * n * 50, 64),
    "trailers": lambda n: partial(fed, CHUNKS + b"0\r\n" + b"a: b\r\n" * n, 64),
    "pipelined requests": lambda n: partial(fed, b"GET / HTTP/1.1\r\nHost: b\r\n\r\n" * n, 1 << 12),
}


def answered_head(n: int) -> Work:
    """The headers of an upstream's answer on their way to the client."""
    runtime = usual_runtime()
    flow = client_flow(runtime, CHAT_PATH, SMALL_BODY, headers=[KEY])
    assert asked(runtime, flow) is not None
    exchange = runtime.exchanges.get(flow)
    headers = http.Headers([(b"x-%d" % (i % 7), b"b") for i in range(n)])
    assert exchange is not None and exchange.shown is not None
    state = exchange.shown
    return lambda: list(answer_headers(state, headers))

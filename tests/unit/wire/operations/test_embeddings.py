"""Embeddings between the shapes of OpenAI, Gemini and Ollama."""

import base64
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import CreateEmbeddingResponse

from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.jsonio import loads
from switchyard.wire.model.errors import BadReply
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.operations.embeddings import Embedding
from switchyard.wire.operations.operation import OperationRelay
from switchyard.wire.registry import FORMATS
from tests.unit.wire.corpus import needs_corpus
from tests.unit.wire.corpus import records

VECTORS = [[0.5, -1.25, 3.0], [1.0, 0.0, -0.125]]


def coded(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


ANSWERS: dict[str, dict[str, Any]] = {
    "openai-chat": {
        "object": "list",
        "data": [
            {"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(VECTORS)
        ],
        "model": "served",
        "usage": {"prompt_tokens": 7, "total_tokens": 7},
    },
    "gemini": {"embeddings": [{"values": v} for v in VECTORS]},
    "ollama": {"model": "served", "embeddings": VECTORS, "prompt_eval_count": 7},
}
ASKS: dict[str, tuple[str, dict[str, Any]]] = {
    "openai-chat": ("embeddings", {"model": "m", "input": ["a", "b"]}),
    "gemini": (
        "batchEmbedContents",
        {"requests": [{"content": {"parts": [{"text": t}]}} for t in ("a", "b")]},
    ),
    "ollama": ("embed", {"model": "m", "input": ["a", "b"]}),
}


def embedding(client: str, method: str = "", body: dict[str, Any] | None = None) -> Embedding:
    usual = ASKS[client]
    return Embedding(FORMATS[client], method or usual[0], body or usual[1], "m")


def vectors_of(client: str, body: dict[str, Any]) -> list[Any]:
    match client:
        case "gemini":
            return [one["values"] for one in body["embeddings"]]
        case "ollama":
            return body["embeddings"]
    return [one["embedding"] for one in body["data"]]


@pytest.mark.parametrize("upstream", ANSWERS)
@pytest.mark.parametrize("client", ANSWERS)
def test_every_client_gets_the_vectors_of_every_upstream(client: str, upstream: str) -> None:
    told = embedding(client).read(upstream, ANSWERS[upstream])
    if client == upstream:
        assert told.body is None
    else:
        assert told.body is not None and vectors_of(client, told.body) == VECTORS
    if upstream != "gemini":
        assert told.usage and told.usage.input == told.usage.tokens == 7


@pytest.mark.parametrize("client", ANSWERS)
def test_every_upstream_is_asked_in_its_own_words(client: str) -> None:
    asked = embedding(client)
    if client != "openai-chat":
        body = {"model": "e", "input": ["a", "b"], "encoding_format": "float"}
        assert asked.write("openai-chat", "e") == asked.write("openai-responses", "e") == body
    assert asked.path("openai-completions", "e") == "/embeddings"
    if client != "ollama":
        assert asked.write("ollama", "e") == {"model": "e", "input": ["a", "b"]}
    assert asked.path("ollama", "e") == "/embed"
    if client != "gemini":
        requests = [{"model": "models/e", "content": {"parts": [{"text": t}]}} for t in ("a", "b")]
        assert asked.write("gemini", "e") == {"requests": requests}
    assert asked.path("gemini", "e") == "/models/e:batchEmbedContents"
    assert "anthropic" not in asked.formats


def test_the_clients_own_shape_passes_through() -> None:
    body = {"model": "m", "input": [[1, 2], [3]], "input_type": "query", "other": None}
    same = embedding("openai-chat", body=body)
    assert same.write("openai-chat", "m") is body
    assert same.write("openai-chat", "x") == {**body, "model": "x"}
    batch = {"requests": [{"model": "models/mine", "content": {}, "title": "t"}]}
    renamed = embedding("gemini", body=batch).write("gemini", "x")
    assert renamed == {"requests": [{"model": "models/x", "content": {}, "title": "t"}]}
    one = {"content": {"parts": [{"text": "a"}]}}
    assert embedding("gemini", "embedContent", one).write("gemini", "x") is one
    assert embedding("gemini", "embedContent", one).path("gemini", "x") == "/models/x:embedContent"
    old = embedding("ollama", "embeddings", {"model": "m", "prompt": "a"})
    assert old.path("ollama", "x") == "/embeddings"
    assert old.read("ollama", {"embedding": [1.0]}).body is None


def test_one_text_in_the_older_shapes() -> None:
    answer = {"data": [{"embedding": VECTORS[0]}]}
    old = embedding("ollama", "embeddings", {"model": "m", "prompt": "a"})
    assert old.write("openai-chat", "e")["input"] == ["a"]
    assert old.read("openai-chat", answer).body == {"embedding": VECTORS[0]}
    one = embedding("gemini", "embedContent", {"content": {"parts": [{"text": "a"}]}})
    assert one.read("openai-chat", answer).body == {"embedding": {"values": VECTORS[0]}}


def test_dimensions_and_tasks() -> None:
    said = {"model": "m", "input": "a", "dimensions": 64, "input_type": "query"}
    asked = embedding("openai-chat", body=said)
    (request,) = asked.write("gemini", "e")["requests"]
    assert (request["outputDimensionality"], request["taskType"]) == (64, "RETRIEVAL_QUERY")
    assert asked.write("ollama", "e")["dimensions"] == 64
    assert asked.lost("ollama") == ["embedding-task"] and asked.lost("gemini") == []
    content = {"parts": [{"text": "a"}]}
    google = {"content": content, "taskType": "CLUSTERING", "title": "t", "outputDimensionality": 9}
    asked = embedding("gemini", "embedContent", google)
    assert asked.write("openai-chat", "e")["dimensions"] == 9
    assert asked.lost("openai-chat") == ["embedding-task", "embedding-title"]


@pytest.mark.parametrize("given", [None, 7, [], [1, 2], [[1], [2]], ["a", 1], [{"image": "x"}]])
def test_what_only_its_own_shape_can_say_is_refused(given: Any) -> None:
    with pytest.raises(BadRequest, match="text only") as refused:
        embedding("openai-chat", body={"model": "m", "input": given}).write("gemini", "e")
    assert refused.value.param == "input"


@pytest.mark.parametrize(
    "body", [{"content": {}}, {"content": {"parts": [{"inlineData": {}}]}}, {"requests": []}, {}]
)
def test_what_is_no_text_for_gemini(body: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        Embedding(FORMATS["gemini"], "x", body, "m").write("openai-chat", "e")


def test_base64_is_given_where_it_was_asked_for_and_only_there() -> None:
    wants = embedding("openai-chat", body={"input": ["a", "b"], "encoding_format": "base64"})
    as_text = {**ANSWERS["openai-chat"]}
    as_text["data"] = [{**one, "embedding": coded(one["embedding"])} for one in as_text["data"]]
    assert wants.read("openai-chat", as_text).body is None
    assert wants.read("openai-chat", ANSWERS["openai-chat"]).body == as_text
    assert wants.read("ollama", ANSWERS["ollama"]).body == as_text
    plain = embedding("openai-chat")
    assert plain.read("openai-chat", as_text).body == ANSWERS["openai-chat"]
    assert embedding("ollama").read("openai-chat", as_text).body == ANSWERS["ollama"]
    odd = {"data": [{"embedding": "AAA="}]}  # eight-bit integers, say
    assert plain.read("openai-chat", odd).body is None
    with pytest.raises(BadReply):
        embedding("ollama").read("openai-chat", odd)


def test_answers_out_of_order_are_put_into_it() -> None:
    data = list(reversed(ANSWERS["openai-chat"]["data"]))
    told = embedding("ollama").read("openai-chat", {"data": data})
    assert told.body and told.body["embeddings"] == VECTORS
    as_text = [{**one, "embedding": coded(one["embedding"])} for one in data]
    told = embedding("openai-chat").read("openai-chat", {"data": as_text})
    assert told.body and [one["index"] for one in told.body["data"]] == list(range(len(VECTORS)))
    assert [one["embedding"] for one in told.body["data"]] == VECTORS


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"data": []},
        {"data": [{"embedding": []}]},
        {"data": None},
        {"data": [{"embedding": None}]},
    ],
)
def test_an_empty_answer_is_none(body: dict[str, Any]) -> None:
    with pytest.raises(BadReply):
        embedding("openai-chat").read("openai-chat", body)


def test_a_vector_too_few_is_no_answer() -> None:
    with pytest.raises(BadReply, match="not one for each text"):
        embedding("ollama").read("gemini", {"embeddings": [{"values": [1.0]}]})


def relayed(
    body: bytes, status: int = 200, client: str = "openai-chat", cut: int = 0
) -> OperationRelay:
    relay = OperationRelay(embedding(client), FORMATS["openai-chat"])
    relay.start(status, "application/json")
    for at in range(0, len(body), cut or len(body) or 1):
        assert relay.feed(body[at : at + (cut or len(body))]) == b""
    assert relay.end() == b""
    return relay


def test_the_relay_keeps_an_answers_bytes() -> None:
    body = dumps(ANSWERS["openai-chat"]) + b" "
    relay = relayed(body, cut=7)
    assert relay.committed and relay.done and not relay.failed
    assert relay.body == body and relay.usage and relay.usage.input == 7
    translated = relayed(body, client="ollama")
    assert loads(translated.body)["embeddings"] == VECTORS


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b"", 200, "empty"),
        (b"<html>", 200, "malformed"),
        (b"[]", 200, "malformed"),
        (b'{"data": []}', 200, "malformed"),
        (b'{"error": {"message": "no"}}', 200, "body"),
        (b'{"error": {"message": "no"}}', 429, "status"),
        (b"", 503, "status"),
        (b"busy", 503, "status"),
    ],
)
def test_the_relay_finds_failures(body: bytes, status: int, kind: str) -> None:
    relay = relayed(body, status)
    assert relay.failed and relay.done and not relay.committed
    assert relay.problem and relay.problem.kind == kind and relay.problem.error.message


def test_a_relay_that_is_cut_or_cannot_be_decoded_fails() -> None:
    relay = OperationRelay(embedding("ollama"), FORMATS["ollama"])
    relay.start(200)
    relay.feed(b'{"embed')
    relay.cut("the connection broke")
    assert relay.problem and relay.problem.kind == "cut"
    assert relay.end() == b"" and relay.cut("again") == b"" and relay.feed(b"x") == b""
    for encoding, data in (("snappy", b"x"), ("gzip", b"no gzip")):
        relay = OperationRelay(embedding("ollama"), FORMATS["ollama"])
        relay.start(200, "", encoding)
        relay.feed(data)
        assert relay.problem and relay.problem.kind == "malformed"


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["data", "embedding", "embeddings", "values", "usage", "index"]),
                inner,
                max_size=3,
            )
        ),
        max_leaves=8,
    )
)
def test_no_answer_makes_a_reader_raise_anything_else(value: Any) -> None:
    body = value if isinstance(value, dict) else {"data": value, "embeddings": value}
    for client in ASKS:
        for upstream in ANSWERS:
            try:
                embedding(client).read(upstream, body)
            except BadReply:
                pass


@needs_corpus
@pytest.mark.parametrize("record", records("openai-embeddings"), ids=lambda record: record.id)
def test_recorded_embeddings(record: Any) -> None:
    ollama = (record.path or "").startswith("/api")
    name = "ollama" if ollama else "openai-chat"
    assert record.request
    asked = Embedding(FORMATS[name], "embeddings", record.request, record.request["model"])
    error = FORMATS[name].find_error(record.response)
    if record.status >= 400:
        assert error is not None
        return
    assert error is None
    assert asked.write(name, record.request["model"]) is record.request
    told = asked.read(name, record.response)
    assert told.body is None and (ollama or told.usage is not None)
    elsewhere = "openai-chat" if ollama else "gemini"
    written = asked.write(elsewhere, "e")
    inputs = written.get("input") or written["requests"]
    given_ = record.request.get("input", record.request.get("prompt"))
    assert len(inputs) == (1 if isinstance(given_, str) else len(given_))
    if not ollama:
        answer = {"embeddings": [{"values": VECTORS[0]} for _ in inputs]}
        body = asked.read("gemini", answer).body
        assert body and len(CreateEmbeddingResponse.model_construct(**body).data) == len(inputs)


def test_vectors_of_anything_but_numbers_are_no_answer() -> None:
    with pytest.raises(BadReply, match="not a list of numbers"):
        embedding("openai-chat").read("ollama", {"embeddings": [["a"], [1.0]]})


def test_a_refusal_that_breaks_off_is_still_that_refusal() -> None:
    relay = OperationRelay(embedding("ollama"), FORMATS["ollama"])
    relay.start(429, "application/json")
    relay.feed(b'{"error": "slow')
    relay.cut("the connection broke")
    assert relay.failed and relay.problem is not None
    assert (relay.problem.kind, relay.problem.error.status) == ("status", 429)


def test_a_page_of_html_is_not_quoted() -> None:
    relay = OperationRelay(embedding("ollama"), FORMATS["ollama"])
    relay.start(502, "text/html")
    relay.feed(b"<html><body>Bad Gateway</body></html>")
    relay.end()
    assert relay.problem is not None and "html" not in relay.problem.error.message


def test_a_document_that_is_whole_needs_no_end() -> None:
    whole, half = b'{"embeddings": [[0.5]]}', b'{"embeddings": [[0.'
    for body, kind in ((whole, None), (half, "cut")):
        relay = OperationRelay(embedding("ollama"), FORMATS["ollama"])
        relay.start(200, "application/json")
        relay.feed(body)
        relay.cut("the connection broke")
        assert (relay.problem.kind if relay.problem else None) == kind
        assert relay.committed == (kind is None)

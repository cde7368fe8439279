"""Recorded traffic through the translation, judged by readers that share nothing with it.

A recorded answer is what an upstream says; what a client of each format reads must mean the same,
streamed or not, whether or not the upstream streamed. A recorded request must ask an upstream of
each format for the same. The matrix is printed at the end of the run.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from switchyard.wire.model.fold import fold
from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.relay import Relay
from switchyard.wire.shared.explanation import explanation
from switchyard.wire.translate.losses import lost
from tests.unit.wire import judging
from tests.unit.wire.corpus import Record
from tests.unit.wire.corpus import needs_corpus
from tests.unit.wire.corpus import records
from tests.unit.wire.judging_requests import REQUESTS
from tests.unit.wire.judging_requests import request_differences
from tests.unit.wire.laws import asked_for
from tests.unit.wire.laws import read_stream

CLIENTS = ("openai-chat", "openai-responses", "anthropic", "gemini")
UPSTREAMS = (*CLIENTS, "ollama")

MATRIX: dict[tuple[str, str], tuple[int, int]] = {}
"""Cells that mean the same, and cells tried, by pair and kind."""

SHOWN = 20


def answers(upstream: str) -> Iterator[tuple[Record, bytes, judging.Told]]:
    """Recorded answers, their bytes, and what they mean. Recordings of several streams in a row
    are left out, as are legacy completions and arguments in pieces of Google's own."""
    for record in records(upstream):
        if record.status >= 300 or not (record.sse or isinstance(record.response, dict)):
            continue
        data = (record.sse or json.dumps(record.response)).encode()
        begins = (b"event: message_start", b"event: response.created", b'"partialArgs"')
        if data.count(begins[0]) > 1 or data.count(begins[1]) > 1 or begins[2] in data:
            continue
        if b'"text_completion"' in data or (record.response and record.response.get("error")):
            continue
        if record.sse:
            yield record, data, judging.MEANT[upstream](data)
        elif upstream != "openai-chat" or "choices" in record.response:
            yield record, data, judging.WHOLE[upstream](record.response)


def relayed(record: Record, data: bytes, client: str, streams: bool) -> judging.Told | None:
    """What the client reads; None where the answer is told to be a failure."""
    home, away = FORMATS[record.format], FORMATS[client]
    relay = Relay(home, away, streams, asked_for(home, away, record.request))
    relay.start(200, home.content_type if record.sse else "application/json")
    out = b"".join(relay.feed(data[i : i + 900]) for i in range(0, len(data), 900)) + relay.end()
    if relay.failed:
        return None
    return judging.STREAM[client](out) if streams else judging.WHOLE[client](json.loads(relay.body))


def explained(record: Record) -> str:
    """The explanation of a recorded refusal; empty for any other answer."""
    home = FORMATS[record.format]
    if record.sse:
        return explanation(fold(home.name, read_stream(home, record.sse.encode())).choice.stop)
    return explanation(home.read_reply(record.response).choice.stop)


@needs_corpus
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_answers_mean_the_same(upstream: str, client: str) -> None:
    wrong: list[str] = []
    counts: dict[str, list[int]] = {"as asked": [0, 0], "other way": [0, 0]}
    for record, data, meant in answers(upstream):
        for streams in (True, False):
            said = relayed(record, data, client, streams)
            if said is None:
                assert any(f in record.features for f in ("mid_error", "error")) or not meant.text
                continue
            # A client of another format reads why it was refused where it reads the answer.
            why = "" if upstream == client else explained(record)
            found = judging.differences(replace(meant, text=meant.text + why, ends=1), said)
            count = counts["as asked" if bool(record.sse) == streams else "other way"]
            count[0] += not found
            count[1] += 1
            if found:
                wrong.append(f"{record.id} {'stream' if streams else 'JSON'}: {', '.join(found)}")
    for kind, (good, tried) in counts.items():
        MATRIX[f"{upstream} -> {client} client", kind] = (good, tried)
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong[:SHOWN])


@needs_corpus
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_requests_mean_the_same(upstream: str, client: str) -> None:
    if upstream == client:
        pytest.skip("a request in the provider's own format is passed on as it is")
    wrong: list[str] = []
    tried = 0
    for record in records(client):
        if record.status >= 400 or not isinstance(record.request, dict):
            continue
        if record.request.get("previous_response_id") or record.request.get("conversation"):
            continue  # what it goes on from, only its provider has
        meant = REQUESTS[client](record.request)
        asked = replace(FORMATS[client].read_request(record.request), model="some-model")
        body: Any = json.loads(json.dumps(FORMATS[upstream].write_request(asked)))
        told = lost(asked, upstream)
        found = request_differences(meant, REQUESTS[upstream](body), upstream, told)
        tried += 1
        if found:
            wrong.append(f"{record.id}: {', '.join(found)}")
    MATRIX[f"{client} client -> {upstream}", "requests"] = (tried - len(wrong), tried)
    assert not wrong, f"{len(wrong)} of {tried}:\n" + "\n".join(wrong[:SHOWN])


def test_the_judge_can_be_displeased() -> None:
    body = {
        "content": [
            {"type": "thinking", "thinking": "Hm."},
            {"type": "text", "text": "Well."},
            {"type": "tool_use", "name": "f", "input": {"a": 1}},
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 3, "cache_read_input_tokens": 2, "output_tokens": 4},
    }
    meant = judging.anthropic_answer(body)
    assert judging.differences(meant, judging.anthropic_answer(body)) == []
    others = {
        "text": {"text": "Bad."},
        "thinking": {"thinking": "Hm. Hm."},
        "tool calls": {"calls": [("f", {"a": 2})]},
        "stop": {"stop": "end"},
        "usage": {"input": 3},
        "end": {"ends": 2},
    }
    for aspect, other in others.items():
        assert judging.differences(meant, replace(meant, **other)) == [aspect]


def test_the_judge_reads_requests() -> None:
    function = {"name": "f", "parameters": {"type": "object", "properties": {"a": {}}}}
    body: dict[str, Any] = {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "image_url"}]},
            {"role": "tool", "tool_call_id": "c", "content": "42"},
        ],
        "tools": [{"type": "function", "function": function}],
        "tool_choice": "required",
        "max_tokens": 5,
        "temperature": 0.5,
        "response_format": {"type": "json_schema", "json_schema": {}},
    }
    meant = REQUESTS["openai-chat"](body)
    assert request_differences(meant, meant, "openai-chat", []) == []
    others: dict[str, Any] = {
        "system": "",
        "said": [],
        "images": 0,
        "results": ["43"],
        "tools": {"g": []},
        "choice": "auto",
        "limit": 4,
        "temperature": None,
        "schema": False,
    }
    for aspect, other in others.items():
        said = replace(meant, **{aspect: other})
        assert request_differences(meant, said, "openai-chat", []) == [aspect]
    assert request_differences(meant, replace(meant, images=0), "ollama", ["image-url"]) == []

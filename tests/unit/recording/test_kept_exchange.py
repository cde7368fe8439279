import json
import os
from pathlib import Path

from mitmproxy.test import tflow

from switchyard.recording.export import export_of
from switchyard.recording.export import write_export
from switchyard.recording.kept_exchange import find_exchange
from switchyard.recording.kept_exchange import read_exchange
from switchyard.recording.kept_exchange import read_kept_body
from switchyard.recording.metadata import ATTEMPT

NOW = 1_800_000_000.123
ID = "01a22613-2c0a-7321-9530-1f139bc6723e"
ASKED = {"model": "my-stack", "messages": [{"role": "user", "content": "How far is the moon?"}]}
SAID = {"index": 0, "message": {"role": "assistant", "content": "384,400 km."},
        "finish_reason": "stop"}  # fmt: skip
ANSWER = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [SAID]}


def kept(log: Path, request: str = ID, path: str = "/v1/chat/completions") -> Path:
    call, attempt = tflow.tflow(resp=True), tflow.tflow(err=True)
    attempt.metadata[ATTEMPT] = 10
    call.request.timestamp_start = NOW
    for flow in (call, attempt):
        flow.request.method, flow.request.path = "POST", path
        flow.request.headers["content-type"] = "application/json"
        flow.request.content = json.dumps(ASKED).encode()
    assert call.response
    call.response.headers["content-type"] = "application/json"
    call.response.content = json.dumps(ANSWER).encode()
    return write_export(export_of(call, [attempt], request_id=request), log)[0]


def test_a_request_is_found_by_its_time_and_id(tmp_path: Path) -> None:
    kept(tmp_path, "01a22613-2c0a-7321-9530-000000000000")
    folder = kept(tmp_path)
    assert find_exchange(tmp_path, NOW, ID) == folder
    assert find_exchange(tmp_path, NOW + 1, ID) is None
    assert find_exchange(tmp_path / "nowhere", NOW, ID) is None


def test_messages_come_in_order_with_their_conversation(tmp_path: Path) -> None:
    exchange = read_exchange(kept(tmp_path))
    assert [one.name for one in exchange.messages] == [
        *("client-request", "client-response", "attempt-10-request", "attempt-10-error"),
    ]
    asked, answered, sent, failed = exchange.messages
    assert "How far is the moon?" in asked.conversation and "user" in asked.conversation
    assert "384,400 km." in answered.conversation
    assert asked.head.startswith("POST http://address:22/v1/chat/completions")
    assert (sent.size, failed.size) == (len(json.dumps(ASKED)), None)
    assert exchange.facts["request-id"] == ID


def test_what_is_no_call_of_a_model_has_no_conversation(tmp_path: Path) -> None:
    exchange = read_exchange(kept(tmp_path, path="/v1/files"))
    assert [one.conversation for one in exchange.messages] == [""] * 4


def test_a_body_is_read_by_the_name_of_its_message(tmp_path: Path) -> None:
    folder = kept(tmp_path)
    body = read_kept_body(folder, "client-response")
    assert body is not None and json.loads(body) == ANSWER
    for name in ("attempt-10-error", "exchange", "../x/client-request", "client-request.http", "*"):
        assert read_kept_body(folder, name) is None


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    folder, other = kept(tmp_path / "log"), tmp_path / "other.json"
    other.write_text('{"request-id": "other"}')
    (folder / "exchange.json").unlink()
    os.symlink(other, folder / "exchange.json")
    assert find_exchange(tmp_path / "log", NOW, "other") is None

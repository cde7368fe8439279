"""The worked example of CONTRIBUTING.md does what the page says."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from switchyard.attempt.url import endpoint_url
from switchyard.wire.format import Asked
from switchyard.wire.format import Format
from switchyard.wire.model.fold import fold
from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.relay import Relay
from tests.support.router import Router
from tests.unit.wire.laws import read_stream

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
ASKED = Asked(model="asked", id="0123456789abcdef", created=1_700_000_000, include_usage=True)
CLIENTS = sorted(FORMATS)


def block(name: str) -> str:
    """The page's one block of Python with this name."""
    (code,) = re.findall(rf"^```python {name}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return code


@pytest.fixture
def tgi() -> Iterator[Format]:
    """The format of the page, registered as it says."""
    module: dict[str, Any] = {"__name__": "tgi"}
    exec(compile(block("tgi"), "CONTRIBUTING.md", "exec"), module)
    (line,) = block("registry").strip().split("\n")
    FORMATS["tgi"] = eval(line.rstrip(","), module)
    yield FORMATS["tgi"]
    del FORMATS["tgi"]


def token(text: str, **more: Any) -> bytes:
    told = {"index": 1, "token": {"id": 7, "text": text, "logprob": -0.1, "special": False}, **more}
    return b"data:" + json.dumps(told).encode() + b"\n\n"


DETAILS = {"finish_reason": "length", "generated_tokens": 2, "input_length": 5}
STREAM = token("Hello", generated_text=None) + token(
    " there", generated_text="Hello there", details=DETAILS
)


@pytest.mark.parametrize("client", CLIENTS)
def test_its_stream_reaches_a_client(tgi: Format, client: str) -> None:
    relay = Relay(tgi, FORMATS[client], True, ASKED)
    relay.start(200, "text/event-stream")
    told = relay.feed(STREAM) + relay.end()
    assert relay.committed and relay.done and not relay.failed
    reply = fold(client, read_stream(FORMATS[client], told))
    assert [getattr(part, "text", "") for part in reply.choice.parts] == ["Hello there"]
    assert reply.choice.stop is not None and reply.choice.stop.reason == "length"


@pytest.mark.parametrize("client", CLIENTS)
def test_its_answer_reaches_a_client(tgi: Format, client: str) -> None:
    relay = Relay(tgi, FORMATS[client], False, ASKED)
    relay.start(200, "application/json")
    relay.feed(json.dumps({"generated_text": "Hello there", "details": DETAILS}).encode())
    relay.end()
    reply = FORMATS[client].read_reply(json.loads(relay.body))
    assert [getattr(part, "text", "") for part in reply.choice.parts] == ["Hello there"]
    assert reply.usage is not None and reply.usage.output == 2


@pytest.mark.parametrize("cut", [1, 40, len(STREAM) // 2, len(STREAM) - 5])
def test_a_broken_stream_is_told(tgi: Format, cut: int) -> None:
    relay = Relay(tgi, FORMATS["openai-chat"], True, ASKED)
    relay.start(200, "text/event-stream")
    relay.feed(STREAM[:cut])
    relay.end()
    assert relay.failed and relay.problem is not None


def test_its_own_clients_are_served(tgi: Format) -> None:
    for streams in (True, False):
        relay = Relay(FORMATS["openai-chat"], tgi, streams, ASKED)
        relay.start(200)
        message = {"role": "assistant", "content": "Hi"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        body = {"object": "chat.completion", "model": "m", "choices": [choice]}
        told = relay.feed(json.dumps(body).encode()) + relay.end()
        if streams:
            reply = fold("tgi", read_stream(tgi, told))
        else:
            reply = tgi.read_reply(json.loads(relay.body))
        assert [getattr(part, "text", "") for part in reply.choice.parts] == ["Hi"]


def test_a_request_is_written_for_it(tgi: Format) -> None:
    asked = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    body = tgi.write_request(FORMATS["openai-chat"].read_request(asked))
    assert "Hi" in body["inputs"]
    assert body["parameters"] == {"details": True, "max_new_tokens": 9}
    assert endpoint_url("http://tgi:8080", tgi, tgi.path("m", True)) == (
        "http://tgi:8080/generate_stream"
    )


IMPORT = "from switchyard.wire.formats.tgi import TextGenerationInference\n"
COMBO = "combos: {tgi: [demo/echo]}\n"


@pytest.fixture
def extended(tmp_path: Path) -> Path:
    """A copy of the code with the page's module and line in it; the folder it is in."""
    skipped = shutil.ignore_patterns("__pycache__")
    for name in ("addons", "config"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=skipped)
    wire = tmp_path / "addons" / "switchyard" / "wire"
    (wire / "formats" / "tgi.py").write_text(block("tgi"))
    registry = (wire / "registry.py").read_text()
    last = "    Ollama(),\n"
    assert registry.count(last) == 1
    registry = registry.replace(last, last + block("registry"))
    (wire / "registry.py").write_text(
        registry.replace("from switchyard", IMPORT + "from switchyard", 1)
    )
    return tmp_path / "addons" / "router.py"


def test_a_client_calls_its_endpoint(
    tgi: Format, extended: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWITCHYARD_LAUNCHER", "mitmdump")
    monkeypatch.setattr("tests.support.router.ROOT", extended)
    config = "providers: [{name: demo, builtin: demo, models: [{name: echo}]}]\n" + COMBO
    with Router(tmp_path, config) as router:
        body = {"inputs": "Hello yard", "parameters": {"max_new_tokens": 9}}
        answer = httpx2.post(f"{router.url}/generate", json=body, timeout=60)
        assert answer.status_code == 200
        assert "Hello yard" in answer.json()["generated_text"]
        stream = httpx2.post(f"{router.url}/generate_stream", json=body, timeout=60)
        reply = fold("tgi", read_stream(tgi, stream.content))
        refused = httpx2.post(f"{router.url}/generate", json={"inputs": 7}, timeout=60)
    assert any("Hello yard" in getattr(part, "text", "") for part in reply.choice.parts)
    assert refused.status_code == 400
    assert refused.json()["error_type"] == "generation"

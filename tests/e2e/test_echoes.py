"""Upstreams that repeat the key they were sent, in whatever form: nobody is told."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.router import Router
from tests.support.steps import Behaviour
from tests.support.steps import chunked
from tests.support.steps import whole
from tests.support.upstream import Recorded
from tests.support.upstream import Upstream

KEY = "sk-Echo/7f3a91c0d5+e24b86_Zq"
CLIENT = "sk-Client-aa41f07e9b"
FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "bearer64": lambda key: base64.b64encode(f"Bearer {key}".encode()).decode(),
    "base64": lambda key: base64.b64encode(key.encode()).decode(),
    "percent": lambda key: quote(key, safe=""),
    "slash": lambda key: key.replace("/", "\\/"),
    "unicode": lambda key: "".join(f"\\u{ord(char):04x}" for char in key),
    "hex": lambda key: key.encode().hex(),
    "upper": str.upper,
    "reversed": lambda key: key[::-1],
    "most": lambda key: key[:-8],
    "prefix": lambda key: key[:12],
    "suffix": lambda key: key[-8:],
}


def raw(said: str) -> bytes:
    """A JSON string, its escapes as they stand."""
    return b'"' + said.encode() + b'"'


def echoes(request: Recorded) -> Behaviour:
    assert request.key
    where, _, form = request.model.partition("-")
    said = FORMS[form](request.key)
    headers = (("x-echo", said), ("x-request-id", said), ("location", f"http://x/?k={said}"))
    if where == "error":
        return whole(
            b'{"error": {"message": ' + raw(f"Sorry: {said}") + b"}}", 400, headers=headers
        )
    if where == "stream":
        events = list(CHAT.events(Answer()))
        marked = [
            event.replace(b'"chatcmpl', b'"' + said.encode() + b" chatcmpl") for event in events
        ]
        comment = b": " + said.encode() + b"\n\n"
        word = b'data: {"choices": [{"index": 0, "delta": {"content": ' + raw(said) + b"}}]}\n\n"
        return chunked(*marked[:3], comment, word, *marked[3:], headers=headers)
    message = b'{"role": "assistant", "content": ' + raw(f"You are {said}") + b"}"
    choices = b'[{"index": 0, "message": ' + message + b', "finish_reason": "stop"}]'
    body = b'{"id": ' + raw(said) + b', "object": "chat.completion", "choices": ' + choices + b"}"
    return whole(body, headers=headers)


def test_no_form_of_a_key_is_told_or_kept(tmp_path: Path):
    files = {"-w": tmp_path / "flows.mitm"}
    har = tmp_path / "flows.har"
    options = ["-w", str(files["-w"]), "-v", "--set", f"hardump={har}", "--set", "flow_detail=4"]
    options += ["--set", "switchyard_attempts=all"]
    with Upstream() as upstream:
        models = [f"{where}-{form}" for where in ("error", "whole", "stream") for form in FORMS]
        for model in models:
            upstream.on(model, always=echoes)
        config: dict[str, Any] = {
            "providers": [
                {"name": "o", "format": "openai-chat", "base-url": upstream.url, "api-key": KEY}
            ],
            "clients": {"api-keys": [CLIENT]},
            "exchange-log": {"dir": str(tmp_path / "log")},
        }
        told: dict[str, bytes] = {}
        with (
            Router(tmp_path, config, *options) as router,
            httpx2.Client(base_url=router.url, timeout=30) as client,
        ):
            headers = {"authorization": f"Bearer {CLIENT}"}
            for model in models:
                body = {"model": f"o/{model}", "messages": [{"role": "user", "content": "x"}]}
                body["stream"] = model.startswith("stream")
                answer = client.post("/v1/chat/completions", json=body, headers=headers)
                assert answer.status_code == (400 if model.startswith("error") else 200)
                assert "***" in answer.text, model
                if not body["stream"]:
                    json.loads(answer.text)
                assert "x-echo" not in answer.headers and "location" not in answer.headers
                told[model] = answer.content + repr(answer.headers.multi_items()).encode()
            told["health"] = client.get("/v0/health/providers", headers=headers).content
        told["log"] = router.log.encode()
    told["dump"], told["har"] = files["-w"].read_bytes(), har.read_bytes()
    for path in (tmp_path / "log").rglob("*"):
        if path.is_file():
            told[str(path)] = path.read_bytes()
    assert sum(name.startswith(str(tmp_path)) for name in told) > 100
    found = {
        form: places
        for form, write in FORMS.items()
        if (places := [place for place, text in told.items() if write(KEY).encode() in text])
    }
    assert not found, {form: places[:5] for form, places in found.items()}


@pytest.mark.parametrize("name", ["x-auth-key", "x-user-jwt", "x-session", "x-client-cert"])
def test_no_credential_of_a_client_travels_or_is_kept(tmp_path: Path, name: str):
    secret = "cl-0a1b2c3d4e5f6a7b8c"
    dump = tmp_path / "flows.mitm"
    with Upstream() as upstream:
        upstream.on("whole-plain", always=echoes)
        provider = {"name": "o", "format": "openai-chat", "base-url": upstream.url, "api-key": KEY}
        with Router(tmp_path, {"providers": [provider]}, "-w", str(dump), "-v") as router:
            said = [{"role": "user", "content": "x"}]
            body = {"model": "o/whole-plain", "messages": said}
            url = f"{router.url}/v1/chat/completions"
            assert httpx2.post(url, json=body, headers={name: secret}).status_code == 200
        assert secret not in repr(upstream.requests)
    assert secret.encode() not in dump.read_bytes()
    assert secret not in router.log

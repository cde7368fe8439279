"""What the management API does: trials, explanations, keys, providers by their keys."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx2
import pytest

from tests.support.router import Router

ADMIN = "manage-me-7f3a"
GOOD, BAD = "sk-good-0123456789", "sk-bad-0123456789"
BASE = "/v0/management"


class Provider(BaseHTTPRequestHandler):
    """Lists two models, and answers, for the right key alone."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        return

    def do_GET(self) -> None:
        self._answer({"object": "list", "data": [{"id": "a"}, {"id": "b"}]})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        message = {"role": "assistant", "content": "ok"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        answer = {"id": "c1", "object": "chat.completion", "created": 1, "model": asked["model"]}
        self._answer({**answer, "choices": [choice]})

    def _answer(self, members: object) -> None:
        good = self.headers.get("authorization") == f"Bearer {GOOD}"
        body = json.dumps(members if good else {"error": {"message": "no"}}).encode()
        self.send_response(200 if good else 401)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Provider) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


@pytest.fixture(scope="module")
def router(upstream: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    folder = tmp_path_factory.mktemp("actions")
    (folder / "keys.yaml").write_text("api-keys: []\n")
    providers = [
        {"name": "good", "format": "openai-chat", "base-url": upstream, "api-key": GOOD},
        {"name": "bad", "format": "openai-chat", "base-url": upstream, "api-key": BAD},
    ]
    config = {
        "providers": [{**one, "models": ["a"]} for one in providers],
        "combos": {"both": ["bad/a", "good/a"]},
        "clients": {"keys-file": str(folder / "keys.yaml")},
        "management": {"key": ADMIN},
        "usage": {"dir": str(folder / "usage")},
    }
    with Router(folder, config) as router:
        yield router


@pytest.fixture
def client(router: Router) -> Iterator[httpx2.Client]:
    headers = {"authorization": f"Bearer {ADMIN}"}
    base = f"{router.url}{BASE}"
    with httpx2.Client(base_url=base, timeout=60, trust_env=False, headers=headers) as client:
        yield client


def test_a_key_is_made_used_rotated_and_deleted(client: httpx2.Client) -> None:
    made = client.post("/keys", json={"settings": {"name": "ann", "models": ["good*"]}}).json()
    assert made["key"].startswith("sk-swy-") and made["name"] == "ann"
    listed = client.get("/keys")
    assert [one["name"] for one in listed.json()["keys"]] == ["ann"]
    assert made["key"] not in listed.text and "sha256" not in listed.text
    rotated = client.post(f"/keys/{made['id']}/rotate", params={"grace": 0}).json()
    assert rotated["id"] == made["id"] and rotated["key"] != made["key"]
    assert client.post("/keys/ann/block").json()["key"]["state"] == "blocked"
    assert client.post("/keys/ann/unblock").json()["key"]["state"] == "active"
    wrong = client.post("/keys", json={"settings": {"name": "ann", "nonsense": 1}})
    assert wrong.status_code == 422 and "nonsense" in wrong.text
    assert client.delete("/keys/ann").status_code == 200
    assert client.get("/keys").json()["keys"] == []


def test_a_provider_is_written_only_if_its_key_lists_models(
    router: Router, client: httpx2.Client, tmp_path: Path
) -> None:
    """The real providers are out of reach here: the key of one fails before anything is written."""
    before = client.get("/config.yaml").text
    wanted = {"preset": "lmstudio", "key": "sk-any-0123456789"}
    refused = client.post("/presets/add", json=wanted)
    assert refused.status_code == 422 and "does not list its models" in refused.json()["detail"]
    assert client.get("/config.yaml").text == before
    assert "sk-any" not in refused.text
    assert client.post("/presets/add", json={**wanted, "preset": "no"}).status_code == 422
    prefixes = {one["name"]: one["prefix"] for one in client.get("/presets").json()["presets"]}
    assert prefixes["anthropic"] == "sk-ant-" and "openai" in prefixes


def test_what_is_done_with_keys_is_in_the_audit(client: httpx2.Client) -> None:
    client.post("/keys", json={"settings": {"name": "eve"}})
    client.delete("/keys/eve")
    answer = client.get("/audit", params={"limit": 2})
    assert [one["action"] for one in answer.json()["rows"]] == ["delete eve", "make a key"]
    assert GOOD not in answer.text and "sk-swy-" not in answer.text


def test_the_grace_of_a_rotation_is_what_was_sent(client: httpx2.Client) -> None:
    who = client.post("/keys", json={"settings": {"name": "grace"}}).json()["id"]

    def graces() -> list[str]:
        keys = client.get("/keys").json()["keys"]
        return next(one for one in keys if one["id"] == who).get("previous-until", [])

    for wrong in ({"grace": "soon"}, {"grace": "400d"}, {"gracce": "0"}):
        assert client.post(f"/keys/{who}/rotate", json=wrong).status_code == 422
    assert client.post(f"/keys/{who}/rotate", json={"grace": "0"}).status_code == 200
    assert graces() == []
    assert client.post(f"/keys/{who}/rotate", json={"grace": "2h"}).status_code == 200
    assert len(graces()) == 1
    assert client.post(f"/keys/{who}/rotate", params={"grace": 0}).status_code == 200
    client.delete(f"/keys/{who}")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/cooldowns/reset", {"providers": "good"}),
        ("/explain", {"model": "both", "client": "ann"}),
        ("/test", {"provider": "good", "model": "a", "key": 1}),
        ("/import", {"source": "litellm", "dry-run": False}),
        ("/keys", {"settings": {"name": "x"}, "name": "x"}),
        ("/presets/add", {"preset": "openai", "key": GOOD, "name": "x"}),
        ("/logins", {"account": "x", "by": "device", "label": "y"}),
        ("/webhooks/test", {"url": "https://a.example"}),
    ],
)
def test_members_that_a_route_does_not_know_are_refused(
    client: httpx2.Client, path: str, body: dict[str, object]
) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code == 422, answer.text
    assert any("Extra inputs" in one["message"] for one in answer.json()["problems"])

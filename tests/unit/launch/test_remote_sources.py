"""Other routers tell their keys and channels by their APIs."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from urllib.parse import urlsplit

import pytest
from ruamel.yaml import YAML

from switchyard.launch.importing import main
from switchyard.launch.remote_sources import ImportTrouble
from switchyard.launch.remote_sources import fetch_channels
from switchyard.launch.remote_sources import fetch_litellm_keys
from tests.unit.importers.examples import TEXTS

MASTER = "sk-master-of-all"
CHANNELS = [
    {"id": number, "type": 1, "key": "", "name": f"Channel {number}", "status": 1,
     "base_url": "", "models": f"gpt-{number}", "group": "default", "priority": 0}
    for number in range(1, 4)
]  # fmt: skip
TOKENS = [{"id": 1, "key": "own-token-0123456789", "name": "laptop", "status": 1,
           "expired_time": -1, "unlimited_quota": True}]  # fmt: skip


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


class Proxy(BaseHTTPRequestHandler):
    """A LiteLLM proxy with three keys on two pages, and a new-api with three channels."""

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        if self.path.startswith(("/api/", "/old/api/")):
            self._send(200, self._list(query))
            return
        right = self.headers["Authorization"] == f"Bearer {MASTER}"
        page = int(query["page"][0])
        keys = {1: ["a", "b"], 2: ["c"]}.get(page, [])
        listed = [{"token": letter * 64, "key_alias": f"key-{letter}"} for letter in keys]
        self._send(200 if right else 401, {"keys": listed, "total_pages": 2})

    def _list(self, query: dict[str, list[str]]) -> dict[str, Any]:
        """Two items a page; one-api's answer is a list, and its first page 0."""
        told = self.headers["Authorization"], self.headers["New-Api-User"]
        if told != (f"Bearer {MASTER}", "7"):
            return {"success": False, "message": "no such token"}
        items, page = (TOKENS if "/token/" in self.path else CHANNELS), int(query["p"][0])
        old = self.path.startswith("/old/")
        first = 2 * (page if old else page - 1)
        part = items[first : first + 2] if first >= 0 else []
        return {"success": True, "data": part if old else {"items": part, "total": len(items)}}

    def _send(self, status: int, members: object) -> None:
        body = json.dumps(members).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keeps the test's output clean."""


@pytest.fixture
def proxy() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_keys_of_a_running_litellm(proxy: str, tmp_path: Path) -> None:
    file = put(tmp_path / "source", TEXTS["litellm"])
    output = tmp_path / "new" / "config.yaml"
    environ = {"LITELLM_MASTER_KEY": MASTER}
    assert main(["litellm", str(file), "--output", str(output), "--url", proxy], environ) == 0
    text = output.read_text()
    assert [f"sha256:{letter * 64}" in text for letter in "abc"] == [True] * 3
    assert MASTER not in text


def test_a_litellm_that_refuses(proxy: str) -> None:
    with pytest.raises(ImportTrouble, match="answered 401"):
        fetch_litellm_keys(proxy, "wrong")
    with pytest.raises(ImportTrouble, match="cannot be reached"):
        fetch_litellm_keys("http://127.0.0.1:1", MASTER)
    with pytest.raises(ImportTrouble, match="no http"):
        fetch_litellm_keys("file:///etc/passwd", MASTER)


@pytest.mark.parametrize(("source", "path"), [("new-api", ""), ("one-api", "old")])
def test_channels_and_tokens_of_a_running_router(
    source: str, path: str, proxy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "config.yaml"
    environ = {"NEW_API_TOKEN": MASTER, "NEW_API_USER": "7"}
    arguments = [source, "--url", f"{proxy}{path}", "--output", str(output)]
    assert main(arguments, environ) == 0
    made = YAML(typ="safe").load(output.read_text())
    assert [one["name"] for one in made["providers"]] == ["Channel-1", "Channel-2", "Channel-3"]
    assert made["providers"][0]["api-key"] == "${CHANNEL_1_API_KEY}"
    assert [one["name"] for one in made["clients"]["api-keys"]] == ["laptop"]
    printed = capsys.readouterr().out
    assert "set these variables before the start: CHANNEL_1_API_KEY" in printed
    assert MASTER not in printed + output.read_text()


def test_a_new_api_that_refuses(proxy: str) -> None:
    with pytest.raises(ImportTrouble, match="no such token"):
        fetch_channels("new-api", proxy, "wrong", "7")

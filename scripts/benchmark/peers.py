"""The peers: installed from the package registries, each into an environment of its own.

How each is set up is what its own documentation or start-up message says.
"""

import json
import shutil
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

from scripts.benchmark.calls import Call
from scripts.benchmark.calls import Row
from scripts.benchmark.calls import Server
from scripts.benchmark.calls import Unavailable
from scripts.benchmark.calls import Upstreams
from scripts.benchmark.installing import npm_package
from scripts.benchmark.installing import python_with
from scripts.benchmark.ports import free_port
from scripts.benchmark.processes import Service

_PASSWORD = "benchmark-only"


def servers(home: Path) -> tuple[Server, ...]:
    """The peers; what has to be installed stays in `home` for the next run."""
    return (
        Server("LiteLLM", lambda u, f: _litellm(home, u, f)),
        Server("9router", lambda u, f: _ninerouter(home, u, f)),
        Server("claude-code-router", lambda u, f: _claude_code_router(home, u, f)),
        Server("Portkey", lambda u, f: _portkey(home, u, f)),
    )


def _litellm(home: Path, upstreams: Upstreams, folder: Path) -> tuple[Service, tuple[Row, ...]]:
    python = python_with(home, "litellm[proxy]")
    models = [
        {
            "model_name": kind,
            "litellm_params": {"model": "openai/m", "api_base": url, "api_key": "upstream-key"},
        }
        for kind, url in (("whole", upstreams.whole), ("stream", upstreams.stream))
    ]
    # Left to itself it asks OpenAI's Responses for an Anthropic client, which no upstream here has.
    settings = {"use_chat_completions_url_for_anthropic_messages": True}
    (folder / "litellm.yaml").write_text(
        json.dumps({"model_list": models, "litellm_settings": settings})
    )
    port = free_port()
    service = Service(
        [
            *(str(python.with_name("litellm")), "--config", str(folder / "litellm.yaml")),
            *("--host", "127.0.0.1", "--port", str(port)),
        ],
        log=folder / "log",
        environ={
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
        },
    )
    base = f"http://127.0.0.1:{port}"
    service.wait_for(f"{base}/health/liveliness")
    return service, _both_ways("LiteLLM", f"{base}/v1", "whole", "stream", {})


def _claude_code_router(
    home: Path, upstreams: Upstreams, folder: Path
) -> tuple[Service, tuple[Row, ...]]:
    package = npm_package(home, "@musistudio/claude-code-router")
    port = free_port()
    providers = [
        {
            "name": kind,
            "api_base_url": f"{url}/chat/completions",
            "api_key": "upstream-key",
            "models": ["m"],
        }
        for kind, url in (("whole", upstreams.whole), ("stream", upstreams.stream))
    ]
    settings = {"PORT": port, "HOST": "127.0.0.1", "LOG": False, "Providers": providers}
    settings["Router"] = {"default": "whole,m"}
    (folder / ".claude-code-router").mkdir()
    (folder / ".claude-code-router" / "config.json").write_text(json.dumps(settings))
    service = Service(
        [_node(), str(package / "dist" / "cli.js"), "start"],
        log=folder / "log",
        environ={"HOME": str(folder)},
    )
    url = f"http://127.0.0.1:{port}/v1/messages"
    service.wait_for(f"http://127.0.0.1:{port}/")
    whole, stream = (Call(url, f"{kind},m", "anthropic") for kind in ("whole", "stream"))
    return service, (Row("claude-code-router, translated", whole, stream),)


def _portkey(home: Path, upstreams: Upstreams, folder: Path) -> tuple[Service, tuple[Row, ...]]:
    package = npm_package(home, "@portkey-ai/gateway")
    port = free_port()
    service = Service(
        [_node(), str(package / "build" / "start-server.js"), f"--port={port}", "--headless"],
        log=folder / "log",
    )
    service.wait_for(f"http://127.0.0.1:{port}/")
    whole, stream = (
        Call(
            f"http://127.0.0.1:{port}/v1/chat/completions",
            "m",
            headers={
                "x-portkey-provider": "openai",
                "x-portkey-custom-host": url,
                "authorization": "Bearer upstream-key",
            },
        )
        for url in (upstreams.whole, upstreams.stream)
    )
    return service, (Row("Portkey, passthrough", whole, stream),)


def _ninerouter(home: Path, upstreams: Upstreams, folder: Path) -> tuple[Service, tuple[Row, ...]]:
    package = npm_package(home, "9router", "better-sqlite3")
    port = free_port()
    service = Service(
        [_node(), "custom-server.js"],
        cwd=package / "app",
        log=folder / "log",
        environ={
            "HOME": str(folder),
            "DATA_DIR": str(folder / "data"),
            "INITIAL_PASSWORD": _PASSWORD,
            "PORT": str(port),
            "HOSTNAME": "127.0.0.1",
            "NODE_ENV": "production",
        },
    )
    base = f"http://127.0.0.1:{port}"
    service.wait_for(base)
    api = _Session(f"{base}/api")
    api.post("auth/login", {"password": _PASSWORD})
    for kind, url in (("whole", upstreams.whole), ("stream", upstreams.stream)):
        node = api.post(
            "provider-nodes",
            {
                **{"name": kind, "prefix": kind, "type": "openai-compatible"},
                **{"apiType": "chat", "baseUrl": url},
            },
        )["node"]["id"]
        api.post(
            "providers",
            {
                **{"provider": node, "apiKey": "upstream-key", "name": kind},
                **{"priority": 1, "defaultModel": "m"},
            },
        )
    headers = {"authorization": f"Bearer {api.post('keys', {'name': 'bench'})['key']}"}
    return service, _both_ways("9router", f"{base}/v1", "whole/m", "stream/m", headers)


def _both_ways(
    name: str, base: str, whole: str, stream: str, headers: dict[str, str]
) -> tuple[Row, ...]:
    chat, messages = f"{base}/chat/completions", f"{base}/messages"
    return (
        Row(
            f"{name}, passthrough",
            Call(chat, whole, headers=headers),
            Call(chat, stream, headers=headers),
        ),
        Row(
            f"{name}, translated",
            Call(messages, whole, "anthropic", headers),
            Call(messages, stream, "anthropic", headers),
        ),
    )


class _Session:
    """JSON calls to an API that remembers its caller by a cookie."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar())
        )

    def post(self, path: str, body: Any) -> Any:
        request = urllib.request.Request(
            f"{self._base}/{path}",
            json.dumps(body).encode(),
            {"content-type": "application/json"},
        )
        with self._opener.open(request, timeout=60) as answer:
            return json.load(answer)


def _node() -> str:
    node = shutil.which("node")
    if node is None:
        raise Unavailable("node is not installed")
    return node

"""Switchyard as some run it: with limited keys, by workers, in mitmweb, over TLS and HTTP/2."""

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

from scripts.benchmark.calls import Call
from scripts.benchmark.calls import Row
from scripts.benchmark.calls import Server
from scripts.benchmark.calls import Unavailable
from scripts.benchmark.calls import Upstreams
from scripts.benchmark.ours import ROOT
from scripts.benchmark.ours import configuration
from scripts.benchmark.ports import free_port
from scripts.benchmark.processes import Service

WORKERS = 4

_CLIENT_KEY = "client-key-of-the-benchmark"


def limited(upstreams: Upstreams, state: str) -> dict[str, Any]:
    """Switchyard's configuration with a client key whose limits every request fits into."""
    limits = {"requests": "1000M/d", "tokens": "1000G/d"}
    key = {"key": _CLIENT_KEY, "name": "bench", "limits": limits, "concurrency": 1000}
    return configuration(upstreams) | {"clients": {"api-keys": [key]}, "state": state}


def _started(
    config: dict[str, Any], folder: Path, *options: str, beside: str = ""
) -> tuple[Service, int]:
    """Start Switchyard; return it and its port.

    `beside` is a shell command that runs as long as it does, and whose processor time counts as
    its own.
    """
    port = free_port()
    (folder / "router.yaml").write_text(json.dumps(config))
    command = [str(ROOT / "scripts/start"), "--port", str(port)]
    command += ["--config", str(folder / "router.yaml"), *options]
    if beside:
        command = ["sh", "-c", f"{beside} & exec {shlex.join(command)}"]
    service = Service(command, log=folder / "log")
    service.wait_for(f"http://127.0.0.1:{port}/health")
    return service, port


def _chat(port: int, scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{port}/v1/chat/completions"


def _limits(upstreams: Upstreams, folder: Path) -> tuple[Service, tuple[Row, ...]]:
    service, port = _started(limited(upstreams, "memory"), folder)
    call = Call(_chat(port), "whole/m", headers={"authorization": f"Bearer {_CLIENT_KEY}"})
    return service, (Row("Switchyard, key with limits", call, None, ours=True),)


def _limits_in_redis(upstreams: Upstreams, folder: Path) -> tuple[Service, tuple[Row, ...]]:
    if (program := shutil.which("redis-server")) is None:
        raise Unavailable("redis-server is not installed (Debian, Ubuntu: apt install it)")
    redis = free_port()
    keep = ["--port", str(redis), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    config = limited(upstreams, f"redis://127.0.0.1:{redis}/0")
    service, port = _started(config, folder, beside=shlex.join([program, *keep]))
    call = Call(_chat(port), "whole/m", headers={"authorization": f"Bearer {_CLIENT_KEY}"})
    return service, (Row("Switchyard, key with limits in Redis", call, None, ours=True),)


def _workers(upstreams: Upstreams, folder: Path) -> tuple[Service, tuple[Row, ...]]:
    service, port = _started(configuration(upstreams), folder, "--workers", str(WORKERS))
    calls = Call(_chat(port), "whole/m"), Call(_chat(port), "stream/m")
    return service, (Row(f"Switchyard, {WORKERS} workers", *calls, ours=True),)


def _mitmweb(upstreams: Upstreams, folder: Path) -> tuple[Service, tuple[Row, ...]]:
    options = ("--web", "--no-web-open-browser", "--web-port", str(free_port()))
    service, port = _started(configuration(upstreams), folder, *options)
    calls = Call(_chat(port), "whole/m"), Call(_chat(port), "stream/m")
    # mitmweb keeps all that it saw: thousands of images would fill the memory.
    return service, (Row("Switchyard in mitmweb", *calls, ours=True, large=False),)


def _tls_upstreams(upstreams: Upstreams, folder: Path) -> tuple[Service, tuple[Row, ...]]:
    config = configuration(upstreams)
    config["providers"] += [
        {
            **{"name": name, "format": "openai-chat", "base-url": url},
            **{"api-key": "upstream-key", "models": ["m"]},
        }
        for name, url in {
            "secure": upstreams.secure_whole,
            "secure-stream": upstreams.secure_stream,
        }.items()
    ]
    trust = f"ssl_verify_upstream_trusted_ca={upstreams.certificate}"
    service, port = _started(config, folder, "--set", trust)
    calls = Call(_chat(port), "secure/m"), Call(_chat(port), "secure-stream/m")
    return service, (Row("Switchyard, TLS upstreams", *calls, ours=True),)


def _http2(upstreams: Upstreams, folder: Path) -> tuple[Service, tuple[Row, ...]]:
    if shutil.which("h2load") is None:
        raise Unavailable("h2load is not installed (Debian, Ubuntu: apt install nghttp2-client)")
    service, port = _started(configuration(upstreams), folder)
    call = Call(_chat(port, "https"), "whole/m", http2=True)
    return service, (Row("Switchyard, HTTP/2 clients", call, None, ours=True),)


VARIANTS = (
    Server("Switchyard, key with limits", _limits),
    Server("Switchyard, key with limits in Redis", _limits_in_redis),
    Server(f"Switchyard, {WORKERS} workers", _workers),
    Server("Switchyard in mitmweb", _mitmweb),
    Server("Switchyard, TLS upstreams", _tls_upstreams),
    Server("Switchyard, HTTP/2 clients", _http2),
)

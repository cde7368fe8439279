"""The servers that need nothing but this project: none at all, bare mitmdump, and Switchyard."""

import json
import sys
from pathlib import Path
from typing import Any

from scripts.benchmark.calls import Call
from scripts.benchmark.calls import Row
from scripts.benchmark.calls import Server
from scripts.benchmark.calls import Upstreams
from scripts.benchmark.ports import free_port
from scripts.benchmark.processes import Service

ROOT = Path(__file__).resolve().parents[2]
MITMDUMP = Path(sys.executable).with_name("mitmdump")

DIRECT = "direct"
BARE = "bare mitmdump"


def _direct(upstreams: Upstreams, folder: Path) -> tuple[None, tuple[Row, ...]]:
    whole, stream = f"{upstreams.whole}/chat/completions", f"{upstreams.stream}/chat/completions"
    return None, (Row(DIRECT, Call(whole, "m"), Call(stream, "m")),)


def _bare(upstreams: Upstreams, folder: Path) -> tuple[Service, tuple[Row, ...]]:
    ports = free_port(), free_port()
    command = [str(MITMDUMP), "-q", "-s", str(Path(__file__).with_name("rewrite.py"))]
    for port, url in zip(ports, (upstreams.whole, upstreams.stream), strict=True):
        command += ["--mode", f"reverse:{url.removesuffix('/v1')}@{port}"]
    service = Service(command, log=folder / "log")
    whole, stream = (
        Call(f"http://127.0.0.1:{port}/v1/chat/completions", "any-model") for port in ports
    )
    service.wait_for(whole.url)
    return service, (Row(BARE, whole, stream),)


RECORDS = "Switchyard, passthrough"
"""The row that keeps records of requests, as a router does unless it is told otherwise."""
NO_RECORDS = "Switchyard without records, passthrough"


def configuration(upstreams: Upstreams, usage: object = "off") -> dict[str, Any]:
    """Switchyard's: three providers, and a combo whose first member fails each time it is asked."""
    urls = {"whole": upstreams.whole, "failing": upstreams.failing, "stream": upstreams.stream}
    return {
        "providers": [
            {
                **{"name": name, "format": "openai-chat", "base-url": url},
                **{"api-key": "upstream-key", "models": ["m"]},
            }
            for name, url in urls.items()
        ],
        "combos": {
            "whole-after-failure": ["failing/m", "whole/m"],
            "stream-after-failure": ["failing/m", "stream/m"],
        },
        # A member at rest would be passed over, and no failure be measured.
        "cooldown": {"base": "1ms", "cap": "1ms"},
        "usage": usage,
        "prices": [{"input": 1, "output": 2}],
    }


def _switchyard(
    name: str, command: list[str], *, all_ways: bool = False, records: bool = True
) -> Server:
    def start(upstreams: Upstreams, folder: Path) -> tuple[Service, tuple[Row, ...]]:
        port = free_port()
        usage: object = {"dir": str(folder / "records")} if records else "off"
        (folder / "router.yaml").write_text(json.dumps(configuration(upstreams, usage)))
        service = Service(
            [part.format(port=port, config=folder / "router.yaml") for part in command],
            log=folder / "log",
        )
        base = f"http://127.0.0.1:{port}/v1"
        service.wait_for(f"http://127.0.0.1:{port}/health")
        chat, messages = f"{base}/chat/completions", f"{base}/messages"
        rows = [
            Row(f"{name}, passthrough", Call(chat, "whole/m"), Call(chat, "stream/m"), ours=True)
        ]
        if all_ways:
            translated = (Call(messages, f"{kind}/m", "anthropic") for kind in ("whole", "stream"))
            rows.append(Row(f"{name}, translated", *translated, ours=True))
            failed_over = (Call(chat, f"{kind}-after-failure") for kind in ("whole", "stream"))
            rows.append(Row(f"{name}, after a failed member", *failed_over, ours=True))
        return service, tuple(rows)

    return Server(name, start)


SERVERS = (
    Server(DIRECT, _direct),
    Server(BARE, _bare),
    _switchyard(
        "Switchyard",
        [str(ROOT / "scripts/start"), "--port", "{port}", "--config", "{config}"],
        all_ways=True,
    ),
    _switchyard(
        "Switchyard without records",
        [str(ROOT / "scripts/start"), "--port", "{port}", "--config", "{config}"],
        records=False,
    ),
    _switchyard(
        "mitmdump -s addons/router.py",
        [
            *(str(MITMDUMP), "-s", str(ROOT / "addons/router.py"), "--listen-host", "127.0.0.1"),
            *("--listen-port", "{port}", "--set", "switchyard_config={config}"),
        ],
    ),
)

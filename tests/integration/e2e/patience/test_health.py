"""What the router tells of members that it leaves alone."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import httpx2

from tests.integration.e2e.patience.arena import Arena
from tests.integration.e2e.patience.arena import is_whole_answer
from tests.integration.e2e.patience.arena import question
from tests.integration.e2e.patience.arena import read
from tests.integration.e2e.patience.arena import targets
from tests.integration.e2e.patience.arena import until
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.support.router import Router
from tests.support.signals import Signal
from tests.support.steps import Wait
from tests.support.steps import whole
from tests.support.upstream import Upstream


async def test_a_cooldown_and_its_probe_are_told(arena: Arena, http: httpx2.AsyncClient) -> None:
    combo = arena.combo("plain", CHAT)
    gate = Signal()
    probed = combo.on(
        "a",
        refusing(CHAT, 503, message="on fire", headers=[("retry-after", "3")]),
        lambda request: (Wait(gate), *saying(CHAT)(request)),
        always=saying(CHAT),
    )
    others = combo.on("b", always=saying(CHAT))

    async def answered_by() -> str:
        answer = await http.post(CHAT.path, json=question(combo))
        assert is_whole_answer(read(CHAT, answer, False))
        return answer.headers["x-switchyard-provider"][-1]

    assert await answered_by() == "b"
    ill = (await targets(http, combo))["a"]
    assert ill["state"] == "open" and 0 < ill["returns-in"] <= 3
    assert ill["last-error"]["status"] == 503
    assert ill["last-error"]["message"] == "HTTP status 503 (server_error)", "not its words"

    await until(lambda rows: rows["a"]["state"] != "open", http, combo)
    probe = asyncio.ensure_future(answered_by())
    await until(lambda rows: rows["a"]["in-flight"] == 1, http, combo)
    for _ in range(3):
        assert await answered_by() == "b", "one request probes, the others go elsewhere"
    assert (await targets(http, combo))["a"]["state"] == "half-open"
    gate.set()
    assert await probe == "a"
    assert (await targets(http, combo))["a"]["state"] == "closed"
    assert await answered_by() == "a"
    assert (len(probed.requests), len(others.requests)) == (3, 4)


def test_the_status_command_tells_the_same(
    tmp_path: Path, start_router: Callable[..., Router], upstream: Upstream
) -> None:
    told = tmp_path / "told.json"
    script = tmp_path / "tell.py"
    script.write_text(
        "from pathlib import Path\n"
        "from mitmproxy import ctx\n\n\n"
        "def response(flow):\n"
        "    said = ctx.master.commands.call('switchyard.status')\n"
        f"    Path({str(told)!r}).write_text(said)\n"
    )
    upstream.on("m", whole(CHAT.whole(Answer())))
    provider = {"name": "p", "base-url": upstream.url, "api-key-entries": ["sk-1"]}
    router = start_router({"providers": [provider]}, "-s", str(script))
    body = {"model": "p/m", "messages": [{"role": "user", "content": "Well?"}]}
    assert httpx2.post(router.url + CHAT.path, json=body).status_code == 200
    by_command = json.loads(told.read_text())
    by_address = httpx2.get(f"{router.url}/v0/health/providers").json()
    assert by_command == by_address
    (row,) = by_command["providers"][0]["targets"]
    assert (row["model"], row["successes"], row["in-flight"]) == ("m", 1, 0)

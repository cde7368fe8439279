"""Costs, in a real mitmweb with a provider of which the list prices are known."""

import json
import re
from pathlib import Path
from typing import Any

import httpx2
from websockets.sync.client import connect

from switchyard.usage.prices import cost_of
from switchyard.usage.prices import cost_text
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import saying
from tests.support.ports import free_port
from tests.support.router import ROOT
from tests.support.router import Router
from tests.support.tls import server_context
from tests.support.upstream import Upstream

HOST = "api.openai.com"
PASSWORD = "of-the-test"
TOKENS = {"input": 21_480, "cache_read": 20_000, "output": 96}
ANSWER = Answer(model="gpt-5-2025-08-07", input=21_480, cached=20_000, output=96)


def test_a_call_tells_its_cost_in_mitmweb_and_in_the_log(upstream_ca: Path, tmp_path: Path) -> None:
    config = {
        "providers": [{"name": "gpt", "base-url": f"https://{HOST}/v1", "api-key": "own-key"}],
        "exchange-log": {"dir": str(tmp_path / "log")},
    }
    more = (
        *("-s", str(ROOT / "tests" / "support" / "elsewhere.py")),
        *("--set", f"web_port={free_port()}", "--set", f"web_password={PASSWORD}"),
    )
    with Upstream(tls=server_context("http/1.1", names=[HOST])) as upstream:
        upstream.on("gpt-5", always=saying(CHAT, ANSWER), path=CHAT.path)
        env = {"TEST_HOSTS": json.dumps({HOST: upstream.port})}
        with Router(tmp_path, config, *more, env=env, trust=upstream_ca, web=True) as router:
            found = re.search(r"Web server listening at http://([^/?\s]+)", router.log)
            assert found, router.log
            token = {"Authorization": f"Bearer {PASSWORD}"}
            updates = f"ws://{found[1]}/updates"
            with connect(updates, additional_headers=token, proxy=None) as news:
                body = {"model": "gpt/gpt-5", "max_tokens": 99, "messages": [
                    {"role": "user", "content": "hi"}]}  # fmt: skip
                url = f"{router.url}/v1/messages"
                said = httpx2.post(url, json=body, timeout=30, trust_env=False)
                assert said.status_code == 200, said.text
                comment = ""
                while "list prices" not in comment:
                    comment = comment_in(json.loads(news.recv(timeout=30))) or comment
    (folder,) = (tmp_path / "log").iterdir()
    facts = json.loads((folder / "exchange.json").read_bytes())
    assert {name: facts["tokens"][name] for name in TOKENS} == TOKENS
    cost = cost_of(TOKENS, "gpt-5", f"https://{HOST}", facts_time(folder))
    assert cost is not None
    assert comment.endswith(f"21,480 tokens in, 96 out, {cost_text(cost)}")
    assert facts["cost"] == {"usd": float(cost), "basis": "list prices"}


def comment_in(news: dict[str, Any]) -> str:
    flow = (news.get("payload") or {}).get("flow") or {}
    return flow.get("comment", "")


def facts_time(folder: Path) -> float:
    """When the exchange began, in Unix seconds, about."""
    return folder.stat().st_mtime

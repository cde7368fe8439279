"""GitHub Copilot's preset: each model in a format of its own, and who brought a request about."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from switchyard.accounts.record import AccountRecord
from switchyard.accounts.store import AccountStore
from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.authority import Asked
from tests.support.authority import Authority
from tests.support.router import Router

TOKEN = "gho_Granted-51ab77"
MODELS = ("gpt-4.1", "gpt-5-mini", "gpt-5.1-codex", "claude-sonnet-4.5", "gemini-2.5-pro")
SAID = {"type": "output_text", "text": "4", "annotations": []}
RESPONSE = {
    "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "m",
    "output": [{"type": "message", "id": "msg_1", "role": "assistant", "content": [SAID],
                "status": "completed"}],
    "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2},
}  # fmt: skip
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "4"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {}}
TOOL = {"name": "add", "input_schema": {"type": "object"}}


class Scene:
    def __init__(self, authority: Authority, router: Router) -> None:
        self.authority, self.router = authority, router

    def ask(self, path: str, **body: Any) -> Asked:
        """Ask for a model; return what Copilot was asked."""
        before = len(self.authority.asked)
        question = {"messages": [{"role": "user", "content": "Well?"}], "max_tokens": 100}
        url = f"{self.router.url}{path}"
        answer = httpx2.post(url, json={**question, **body}, timeout=60, trust_env=False)
        assert answer.status_code == 200, answer.text
        (asked,) = [one for one in self.authority.asked[before:] if one.method == "POST"]
        return asked


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("copilot")
    AccountStore(folder / "accounts").save(
        AccountRecord(name="copilot", access_token=TOKEN, obtained_at=time.time())
    )
    with Authority() as authority:
        chat, messages = CHAT.whole(Answer()).decode(), ANTHROPIC.whole(Answer()).decode()
        authority.paths["/chat/completions"] = lambda asked: (200, chat)
        authority.paths["/v1/messages"] = lambda asked: (200, messages)
        authority.paths["/responses"] = lambda asked: (200, RESPONSE)
        listed = {"data": [{"id": name} for name in MODELS]}
        authority.paths["/models"] = lambda asked: (200, listed)
        authority.paths["/copilot_internal/user"] = lambda asked: (200, QUOTA)
        router = start(folder, authority)
        try:
            yield Scene(authority, router)
        finally:
            router.stop()
    assert "51ab77" not in router.log


QUOTA = {
    "quota_reset_date": "2099-01-01",
    "quota_snapshots": {
        "premium_interactions": {"entitlement": 300, "remaining": 75, "percent_remaining": 25.0}
    },
}


def start(folder: Path, authority: Authority) -> Router:
    config = {
        "accounts": {"copilot": {"preset": "copilot", "client-id": "Ov23own", "preview": True}},
        "providers": [
            {
                "preset": "copilot",
                "base-url": f"{authority.url}/.",
                "base-urls": {"anthropic": authority.url},
            }
        ],
    }
    return Router(folder, config, env={"SWITCHYARD_ACCOUNTS_DIR": str(folder / "accounts")}).start()


@pytest.mark.parametrize(
    ("asked_at", "model", "answered_at"),
    [
        ("/v1/messages", "claude-sonnet-4.5", "/v1/messages"),
        ("/v1/chat/completions", "claude-sonnet-4.5", "/chat/completions"),
        ("/v1/messages", "gpt-4.1", "/chat/completions"),
        ("/v1/messages", "gpt-5-mini", "/chat/completions"),
        ("/v1/messages", "gpt-5.1-codex", "/responses"),
        ("/v1/chat/completions", "gpt-5.1-codex", "/responses"),
        ("/v1/messages", "gemini-2.5-pro", "/chat/completions"),
    ],
)
def test_each_model_is_asked_in_a_format_that_it_has(
    scene: Scene, asked_at: str, model: str, answered_at: str
) -> None:
    asked = scene.ask(asked_at, model=f"copilot/{model}")
    assert asked.path == answered_at and asked.body["model"] == model
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert asked.headers["user-agent"] == "switchyard"
    assert asked.headers["x-initiator"] == "user"
    limited = {"max_tokens", "max_completion_tokens", "max_output_tokens"} & asked.body.keys()
    assert bool(limited) == (not model.startswith("gpt-"))


@pytest.mark.parametrize("model", ["claude-sonnet-4.5", "gpt-4.1", "gpt-5.1-codex"])
def test_what_a_tool_gave_is_the_agents_request(scene: Scene, model: str) -> None:
    turns = [
        {"role": "user", "content": "2 + 2?"},
        {"role": "assistant", "content": [CALL]},
        {"role": "user", "content": [RESULT]},
    ]
    asked = scene.ask("/v1/messages", model=f"copilot/{model}", messages=turns, tools=[TOOL])
    assert asked.headers["x-initiator"] == "agent"


def test_what_is_left_of_the_month_is_asked_for_when_somebody_looks(scene: Scene) -> None:
    until = time.monotonic() + 60
    windows: list[dict[str, Any]] = []
    while not windows:
        assert time.monotonic() < until
        health = httpx2.get(f"{scene.router.url}/v0/health/providers", timeout=60, trust_env=False)
        windows = health.json()["windows"]
        time.sleep(0.1)
    (window,) = windows
    assert (window["window"], window["used"]) == ("premium_interactions", 0.75)
    (asked,) = [one for one in scene.authority.asked if one.path == "/copilot_internal/user"]
    assert asked.headers["x-github-api-version"] == "2025-04-01"

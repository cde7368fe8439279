"""Azure's deployments: the model in the path, the version in the query, the key in `api-key`."""

import json
from collections.abc import Callable

import httpx2
import pytest

from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import saying
from tests.support.router import Router
from tests.support.upstream import Upstream
from tests.unit.config.loading import problems

KEY = "azure-key-0123456789"
PATH = "/openai/deployments/my-gpt/chat/completions"
VERSION = "2024-10-21"


@pytest.mark.parametrize("streams", [True, False])
def test_deployments(start_router: Callable[..., Router], streams: bool) -> None:
    with Upstream() as cloud:
        plan = cloud.on(always=saying(CHAT, Answer(text="As you wish.")), path=PATH)
        provider = {"name": "az", "platform": "azure", "base-url": cloud.url, "api-key": KEY,
                    "api-version": VERSION, "models": ["my-gpt"]}  # fmt: skip
        router = start_router({"providers": [provider]})
        for path in (CHAT.path, ANTHROPIC.path):
            body = {"model": "my-gpt", "stream": streams, "max_tokens": 50,
                    "messages": [{"role": "user", "content": "Well?"}]}  # fmt: skip
            answer = httpx2.post(f"{router.url}{path}", json=body, timeout=60, trust_env=False)
            assert answer.status_code == 200
            told = answer.text.replace('"}}', "") if streams else json.dumps(answer.json())
            assert "wish" in told
        assert not cloud.unscripted
        assert {one.target for one in plan.requests} == {f"{PATH}?api-version={VERSION}"}
        for one in plan.requests:
            assert one.header("api-key") == KEY and one.header("authorization") is None


@pytest.mark.parametrize(
    ("members", "key", "message"),
    [
        ("platform: azure", "platform", "needs an api-version"),
        ("platform: azure, api-version: soon", "api-version", "no version of Azure"),
        ("api-version: 2024-10-21", "api-version", "platform: azure alone"),
        ("platform: azure, api-version: 2024-10-21, format: anthropic", "platform", "openai-chat"),
    ],
)
def test_wrong_values(members: str, key: str, message: str) -> None:
    text = f"providers: [{{name: az, base-url: 'https://az.example', {members}}}]"
    told = " ".join(problems(text))
    assert f"providers[0].{key}" in told and message in told

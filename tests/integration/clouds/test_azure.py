"""Azure's deployments: deployment and version in the address, a key or Entra's token. The official
client judges addresses and headers."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import openai
import pytest

from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import Answer
from tests.support.answers import saying
from tests.support.authority import Asked
from tests.support.authority import Authority
from tests.support.authority import Reply
from tests.support.router import Router
from tests.support.steps import Behaviour
from tests.support.steps import whole
from tests.support.upstream import Recorded
from tests.support.upstream import Upstream
from tests.unit.config.loading import problems

KEY = "azure-key-0123456789"
PATH = "/openai/deployments/my-gpt/chat/completions"
VERSION = "2024-10-21"
CHAT_REPLY = json.loads(CHAT.whole(Answer()))
VECTORS = {"object": "list", "model": "m", "usage": {"prompt_tokens": 2, "total_tokens": 2},
           "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}]}  # fmt: skip
RESPONSE = {"id": "resp_1", "object": "response", "created_at": 1, "model": "my-gpt",
            "status": "completed", "parallel_tool_calls": True, "tools": [], "tool_choice": "auto",
            "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
            "output": [{"type": "message", "id": "msg_1", "role": "assistant",
                        "status": "completed",
                        "content": [{"type": "output_text", "text": GOOD, "annotations": []}]}],
            }  # fmt: skip
REPLIES: dict[str, Any] = {
    PATH: CHAT_REPLY,
    "/openai/deployments/my-vectors/embeddings": VECTORS,
    "/openai/responses": RESPONSE,
}
TOKENS = ("entra-token-1-9c1f5a", "entra-token-2-77be01")


def provider(url: str, **more: Any) -> dict[str, Any]:
    return {"name": "az", "platform": "azure", "base-url": url, "api-key": KEY,
            "api-version": VERSION, "models": ["my-gpt", "my-vectors"], **more}  # fmt: skip


@pytest.mark.parametrize("streams", [True, False])
def test_deployments(start_router: Callable[..., Router], streams: bool) -> None:
    with Upstream() as cloud:
        plan = cloud.on(always=saying(CHAT, Answer(text="As you wish.")), path=PATH)
        router = start_router({"providers": [provider(cloud.url)]})
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


def replying(request: Recorded) -> Behaviour:
    return whole(json.dumps(REPLIES[request.path]).encode())


def ask(client: openai.OpenAI) -> None:
    """All that deployments are asked for."""
    asked: Any = [{"role": "user", "content": "Well?"}]
    completion = client.chat.completions.create(model="my-gpt", messages=asked)
    assert GOOD in (completion.choices[0].message.content or "")
    made = client.embeddings.create(model="my-vectors", input="x", encoding_format="float")
    assert made.data[0].embedding == [0.5, 0.25]
    assert client.responses.create(model="my-gpt", input="Well?").output_text == GOOD


def test_the_official_client_calls_the_same_addresses(
    start_router: Callable[..., Router],
) -> None:
    with Upstream() as cloud:
        cloud.on(always=replying)
        formats = ["openai-responses", "openai-chat"]
        router = start_router({"providers": [provider(cloud.url, format=formats)]})
        ask(openai.OpenAI(base_url=f"{router.url}/v1", api_key="any", max_retries=0))
        ours = list(cloud.requests)
        ask(openai.AzureOpenAI(azure_endpoint=cloud.url, api_key=KEY, api_version=VERSION,
                               max_retries=0))  # fmt: skip
        theirs = cloud.requests[len(ours) :]
        assert not cloud.unscripted
        for own, judge in zip(ours, theirs, strict=True):
            assert (own.method, own.target) == (judge.method, judge.target)
            assert own.header("api-key") == judge.header("api-key") == KEY
            assert own.json["model"] == judge.json["model"]


def test_clients_of_the_responses_api_are_served_by_completions_alone(
    start_router: Callable[..., Router],
) -> None:
    with Upstream() as cloud:
        plan = cloud.on(always=saying(CHAT, Answer()), path=PATH)
        router = start_router({"providers": [provider(cloud.url)]})
        client = openai.OpenAI(base_url=f"{router.url}/v1", api_key="any", max_retries=0)
        assert GOOD in client.responses.create(model="my-gpt", input="Well?").output_text
        assert len(plan.requests) == 1 and not cloud.unscripted


class Entra:
    """The identity of a machine in Azure, and deployments that take its tokens."""

    def __init__(self, authority: Authority) -> None:
        self.given = 0
        self.refused = 0
        authority.paths["/msi/token"] = self.token
        for path in REPLIES:
            authority.paths[path] = self.call

    def token(self, asked: Asked) -> Reply:
        assert asked.headers["x-identity-header"] == "own-header"
        assert asked.query["resource"] == "https://cognitiveservices.azure.com"
        self.given += 1
        return 200, {"access_token": TOKENS[self.given - 1], "expires_on": "4102444800",
                     "resource": asked.query["resource"], "token_type": "Bearer"}  # fmt: skip

    def call(self, asked: Asked) -> Reply:
        assert asked.query == {"api-version": VERSION} and "api-key" not in asked.headers
        if asked.headers["authorization"] != f"Bearer {TOKENS[-1]}":
            self.refused += 1
            return 401, {"error": {"code": "401", "message": "The access token has expired."}}
        return 200, REPLIES[asked.path]


def test_entras_tokens_open_deployments(start_router: Callable[..., Router]) -> None:
    with Authority() as authority:
        entra = Entra(authority)
        env = {"IDENTITY_ENDPOINT": f"{authority.url}/msi/token", "IDENTITY_HEADER": "own-header"}
        config = {"providers": [provider(authority.url, **{"api-key": {"azure": {}}},
                                         format=["openai-responses", "openai-chat"])]}  # fmt: skip
        router = start_router(config, env=env)
        ask(openai.OpenAI(base_url=f"{router.url}/v1", api_key="any", max_retries=0))
        assert (entra.given, entra.refused) == (2, 1)
        assert not [token for token in TOKENS if token in router.log]


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

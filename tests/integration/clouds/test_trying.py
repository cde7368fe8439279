"""A target on a cloud is tried as it is called: at its address, signed or with a token."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx2

from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.codewhisperer import answer as kiros
from tests.support.converse import WHOLE
from tests.support.router import Router
from tests.support.sigv4 import signer_of
from tests.support.steps import Behaviour
from tests.support.steps import whole
from tests.support.upstream import Recorded
from tests.support.upstream import Upstream

MANAGE = "manage-me-7f3a"
SECRETS = {"AKIAEXAMPLE1": "wJalr-Secret-One-9f8e7d"}
CLAUDE, NOVA = "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "us.amazon.nova-lite-v1:0"
PROFILE = "arn:aws:codewhisperer:us-east-1:123456789012:profile/ABC"
PATHS = {
    f"/model/{CLAUDE}/invoke": ANTHROPIC.whole(Answer()),
    f"/model/{NOVA}/converse": json.dumps(WHOLE).encode(),
    f"/v1/models/{CLAUDE}:rawPredict": ANTHROPIC.whole(Answer()),
    "/openai/deployments/my-gpt/chat/completions": CHAT.whole(Answer()),
    "/generateAssistantResponse": kiros(),
}


def answer(request: Recorded) -> Behaviour:
    if request.path.startswith("/model/"):
        headers = dict(request.headers)
        signer = signer_of(request.method, request.target, headers, request.body, SECRETS)
        assert signer == ("AKIAEXAMPLE1", "eu-west-1", "bedrock")
    elif request.path.startswith("/openai/"):
        assert request.header("api-key") == "azure-key"
        assert request.target.endswith("?api-version=2024-10-21")
    elif request.path == "/generateAssistantResponse":
        assert request.json["profileArn"] == PROFILE
    else:
        assert request.json["anthropic_version"] == "vertex-2023-10-16"
    return whole(PATHS[unquote(request.path)])


def test_targets_on_clouds(start_router: Callable[..., Router], tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    (access, secret), *_ = SECRETS.items()
    file.write_text(f"[plain]\naws_access_key_id = {access}\naws_secret_access_key = {secret}\n")
    with Upstream() as cloud:
        cloud.on(always=answer)
        providers: list[dict[str, Any]] = [
            {"preset": "bedrock", "base-url": cloud.url, "models": [CLAUDE, NOVA],
             "api-key": {"aws": {"profile": "plain", "region": "eu-west-1"}}},
            {"preset": "vertex-claude", "base-url": f"{cloud.url}/v1/models", "api-key": "token",
             "models": [CLAUDE]},
            {"name": "azure", "platform": "azure", "api-version": "2024-10-21",
             "base-url": cloud.url, "api-key": "azure-key", "models": ["my-gpt"]},
            {"name": "kiro", "format": "codewhisperer", "base-url": cloud.url, "api-key": "token",
             "profile-arn": PROFILE, "models": ["auto"]},
        ]  # fmt: skip
        env = {"AWS_SHARED_CREDENTIALS_FILE": str(file), "GOOGLE_CLOUD_PROJECT": "p"}
        config = {"providers": providers, "management": {"key": MANAGE}}
        router = start_router(config, env=env)
        for provider, model in (("bedrock", CLAUDE), ("bedrock", NOVA), ("azure", "my-gpt"),
                                ("vertex-claude", CLAUDE), ("kiro", "auto")):  # fmt: skip
            told = httpx2.post(
                f"{router.url}/v0/management/test", timeout=60, trust_env=False,
                headers={"authorization": f"Bearer {MANAGE}"},
                json={"provider": provider, "model": model},
            ).json()  # fmt: skip
            assert told["ok"], told
        assert not cloud.unscripted and len(cloud.requests) == 5
        sent = "".join(f"{one.headers}" for one in cloud.requests)
        assert SECRETS["AKIAEXAMPLE1"] not in sent

"""Gemini and Claude on Vertex AI with tokens of a service account, which an upstream checks."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx2
from anthropic import Anthropic
from anthropic import AnthropicVertex
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.answers import ANTHROPIC
from tests.support.answers import GOOD
from tests.support.answers import Answer
from tests.support.authority import Asked
from tests.support.authority import Authority
from tests.support.authority import Reply
from tests.support.router import Router
from tests.support.steps import whole
from tests.support.upstream import Upstream

ACCOUNT = "router@project.iam.gserviceaccount.example"
TOKEN = "ya29.token-of-the-account-51c7"
CLAUDE = "claude-opus-4-6@20260101"
GEMINI = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": GOOD}]},
                    "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5},
}  # fmt: skip


def service_account(folder: Path, authority: Authority) -> Path:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = folder / "account.json"
    file.write_text(
        json.dumps(
            {"type": "service_account", "client_email": ACCOUNT, "private_key": pem.decode(),
             "private_key_id": "k1", "project_id": "project",
             "token_uri": f"{authority.url}/token"}
        )
    )  # fmt: skip
    return file


def give_token(asked: Asked) -> Reply:
    """Takes an assertion (RFC 7523) and gives a token for it."""
    assert asked.body["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert asked.body["assertion"].count(".") == 2
    return 200, {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}


def guarded(content: Any) -> Callable[[Asked], Reply]:
    def reply(asked: Asked) -> Reply:
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, {"error": {"message": "no token of the account"}}
        return 200, content

    return reply


def test_the_official_client_asks_claude_at_the_same_address(
    start_router: Callable[..., Router], tmp_path: Path
) -> None:
    """Anthropic's own client for Vertex AI judges address, headers and body."""
    with Authority() as authority, Upstream() as vertex:
        authority.paths["/token"] = give_token
        place = "projects/p/locations/us-east5/publishers/anthropic/models"
        vertex.on(always=lambda request: whole(ANTHROPIC.whole(Answer())))
        key = {"google": {"credentials": str(service_account(tmp_path, authority))}}
        preset = {"preset": "vertex-claude", "base-url": f"{vertex.url}/v1/{place}",
                  "api-key": key, "models": [CLAUDE]}  # fmt: skip
        router = start_router({"providers": [preset]}, env={"GOOGLE_CLOUD_PROJECT": "p"})
        asked: Any = {"model": CLAUDE, "max_tokens": 9, "betas": ["one-2026"],
                      "messages": [{"role": "user", "content": "Well?"}]}  # fmt: skip
        ours = Anthropic(base_url=router.url, api_key="any", max_retries=0)
        theirs = AnthropicVertex(base_url=f"{vertex.url}/v1", project_id="p", region="us-east5",
                                 access_token=TOKEN, max_retries=0)  # fmt: skip
        for client in (ours, theirs):
            assert GOOD in str(client.beta.messages.create(**asked).content)
        own, judge = vertex.requests
        assert (own.method, unquote(own.target)) == (judge.method, unquote(judge.target))
        assert own.json == judge.json
        for name in ("authorization", "anthropic-beta", "content-type"):
            assert own.header(name) == judge.header(name)
        assert not vertex.unscripted


def test_both_kinds_of_models_are_asked_with_the_accounts_token(
    start_router: Callable[..., Router], tmp_path: Path
) -> None:
    with Authority() as authority:
        authority.paths["/token"] = give_token
        google = "/v1/projects/p/locations/global/publishers/google"
        claude = "/v1/projects/p/locations/global/publishers/anthropic/models"
        whole = json.loads(ANTHROPIC.whole(Answer()))
        authority.paths[f"{google}/models/gemini-3-pro:generateContent"] = guarded(GEMINI)
        authority.paths[f"{claude}/claude-opus-4-6%4020260101:rawPredict"] = guarded(whole)
        key = {"google": {"credentials": str(service_account(tmp_path, authority))}}
        presets = [
            {"preset": "vertex", "base-url": f"{authority.url}{google}", "api-key": key,
             "models": ["gemini-3-pro"]},
            {"preset": "vertex-claude", "base-url": f"{authority.url}{claude}", "api-key": key,
             "models": ["claude-opus-4-6@20260101"]},
        ]  # fmt: skip
        env = {"GOOGLE_CLOUD_PROJECT": "p"}
        router = start_router({"providers": presets}, env=env)
        for model in ("gemini-3-pro", "claude-opus-4-6@20260101"):
            body = {"model": model, "messages": [{"role": "user", "content": "Well?"}]}
            url = f"{router.url}/v1/chat/completions"
            answer = httpx2.post(url, json=body, timeout=60, trust_env=False)
            assert answer.status_code == 200, answer.text
            assert GOOD in answer.json()["choices"][0]["message"]["content"]
        paths = [unquote(one.path) for one in authority.asked]
        assert paths.count("/token") == 1, "one token serves both"
        assert TOKEN not in router.log

"""A client's words that an upstream quotes in its refusal: they lock nobody's key."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import saying
from tests.support.router import Router
from tests.support.steps import Behaviour
from tests.support.steps import whole
from tests.support.upstream import Recorded
from tests.support.upstream import Upstream

KEYS = ["sk-quoting-1a2b3c4d", "sk-quoting-2b3c4d5e", "sk-quoting-3c4d5e6f"]


def by_role(request: Recorded) -> Behaviour:
    """OpenAI's wording of a 400 (its reference, "Error codes"), which quotes the value."""
    role = request.json["messages"][0]["role"]
    if role == "user":
        return saying(CHAT)(request)
    said = f"Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user'."
    error = {"message": said, "type": "invalid_request_error", "param": "messages[0].role"}
    return whole(json.dumps({"error": {**error, "code": "invalid_value"}}).encode(), 400)


def by_model(request: Recorded) -> Behaviour:
    """OpenRouter's wording."""
    said = f"{request.json['model']} is not a valid model ID"
    return whole(json.dumps({"error": {"message": said, "code": 400}}).encode(), 400)


def ask(client: httpx2.Client, model: str, role: str = "user") -> httpx2.Response:
    messages = [{"role": role, "content": "x"}]
    return client.post("/v1/chat/completions", json={"model": model, "messages": messages})


@pytest.mark.parametrize(
    "words", ["invalid api key", "insufficient credits", "not available in your country", "api key"]
)
def test_one_clients_words_lock_no_key_for_others(tmp_path: Path, words: str):
    with Upstream() as upstream:
        upstream.on("good", always=by_role)
        upstream.on(words, always=by_model)
        config: dict[str, Any] = {
            "providers": [
                {"name": "o", "format": "openai-chat", "base-url": upstream.url,
                 "api-key-entries": KEYS}
            ],
            "clients": {"api-keys": ["sk-client-attacker1", "sk-client-victim22"]},
        }  # fmt: skip
        attacker, victim = ({"authorization": f"Bearer {key}"}
                            for key in config["clients"]["api-keys"])  # fmt: skip
        with (
            Router(tmp_path, config) as router,
            httpx2.Client(base_url=router.url, headers=attacker, timeout=30) as bad,
            httpx2.Client(base_url=router.url, headers=victim, timeout=30) as good,
        ):
            refused = ask(bad, "o/good", words)
            assert refused.status_code == 400
            assert len(upstream.requests) == 1, "no other key is asked the same"
            assert ask(bad, f"o/{words}").status_code == 400
            for _ in KEYS:
                answer = ask(good, "o/good")
                assert answer.status_code == 200 and GOOD in answer.text
            assert words not in good.get("/v0/health/providers").text


def test_no_client_reads_anothers_words(tmp_path: Path):
    said = "your request 'my secret plan' came too fast"
    body = json.dumps({"error": {"message": said, "type": "rate_limit"}}).encode()
    with Upstream() as upstream:
        upstream.on("m", always=whole(body, 429, headers=(("retry-after", "90"),)))
        config = {
            "providers": [
                {"name": "o", "format": "openai-chat", "base-url": upstream.url, "api-key": KEYS[0]}
            ],
            "retry": {"request-retry": 0},
        }
        with (
            Router(tmp_path, config) as router,
            httpx2.Client(base_url=router.url, timeout=30) as client,
        ):
            assert "my secret plan" in ask(client, "o/m").text
            later = ask(client, "o/m")
            assert later.status_code == 429 and len(upstream.requests) == 1
            health = client.get("/v0/health/providers").text
            for text in (later.text, health):
                assert "my secret plan" not in text
                assert "HTTP status 429 (rate_limit)" in text

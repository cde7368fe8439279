"""A prompt that is too long is told in the client's own API's words.

Coding tools compact their conversation at these words alone: Claude Code reads both sizes out of
"prompt is too long: N tokens > M maximum", Codex looks for `context_length_exceeded` in a stream,
others for the code in a 400.
"""

import json
import re
from typing import Any

import pytest
from mitmproxy import http

from tests.support.runtime import Pipeline
from tests.support.runtime import call_flow
from tests.support.runtime import make_runtime

CLIENTS = ("openai-chat", "openai-completions", "openai-responses", "anthropic", "gemini", "ollama")
CONFIG = """
    providers:
      - {name: chat, base-url: "https://one.example/v1", api-key: k1, models: [m]}
      - {name: claude, format: anthropic, base-url: "https://two.example", api-key: k2, models: [m]}
      - {name: google, format: gemini, base-url: "https://three.example", api-key: k3, models: [m]}
      - {name: window, base-url: "https://four.example/v1", api-key: k4,
         models: [{name: m, context-window: 1000}]}
    retry: {request-retry: 0}
"""
CHAT = "This model's maximum context length is 1000 tokens. However, you requested 1500 tokens."
CLAUDE = "prompt is too long: 1500 tokens > 1000 maximum"
GOOGLE = "The input token count (1500) exceeds the maximum number of tokens allowed (1000)."
REFUSALS: dict[str, tuple[int, dict[str, Any]]] = {
    "chat": (400, {"error": {"message": CHAT, "type": "BadRequestError", "code": 400}}),
    "claude": (400, {"type": "error", "error": {"type": "invalid_request_error",
                                                "message": CLAUDE}}),
    "google": (400, {"error": {"code": 400, "message": GOOGLE, "status": "INVALID_ARGUMENT"}}),
    "window": (422, {"error": {"message": "prompt_too_long", "code": "prompt_too_long"}}),
}  # fmt: skip


def refused(client: str, provider: str, *, stream: bool = False) -> http.Response:
    """What the client gets where the provider finds its prompt too long."""
    pipeline = Pipeline(make_runtime(CONFIG))
    flow = call_flow(pipeline.runtime, client, f"{provider}/m", stream=stream)
    pipeline.begin(flow)
    status, body = REFUSALS[provider]
    pipeline.answer(pipeline.attempt(flow), body, status, {})
    answer = pipeline.attempt(flow).answer
    assert answer is not None
    pipeline.over(flow, answer)
    return answer


@pytest.mark.parametrize("provider", REFUSALS)
@pytest.mark.parametrize("client", CLIENTS)
def test_each_client_reads_it_in_its_own_words(client: str, provider: str) -> None:
    answer = refused(client, provider)
    assert answer.status_code == 400
    error = json.loads(answer.content or b"")["error"]
    match client:
        case "openai-chat" | "openai-completions" | "openai-responses":
            assert error["code"] == "context_length_exceeded"
            assert error["type"] == "invalid_request_error"
            assert re.search("maximum context length|exceeds the context window", error["message"])
        case "anthropic":
            assert error["type"] == "invalid_request_error"
            found = re.search(
                r"prompt is too long[^0-9]*(\d+)\s*tokens?\s*>\s*(\d+)", error["message"]
            )
            assert found and (int(found[1]), int(found[2])) in ((1500, 1000), (1001, 1000))
        case "gemini":
            assert error["status"] == "INVALID_ARGUMENT" and error["code"] == 400
            assert "exceeds the maximum number of tokens allowed" in error["message"]
        case _:
            assert error


@pytest.mark.parametrize("provider", REFUSALS)
def test_streaming_responses_clients_find_it_in_the_stream(provider: str) -> None:
    answer = refused("openai-responses", provider, stream=True)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-switchyard-attempts"] == "1"
    data = [line[6:] for line in (answer.content or b"").splitlines() if line[:6] == b"data: "]
    events = [json.loads(one) for one in data if one != b"[DONE]"]
    assert events[-1]["type"] == "response.failed"
    assert events[-1]["response"]["error"]["code"] == "context_length_exceeded"
    assert next(event["type"] for event in events) == "response.created"


@pytest.mark.parametrize("client", [c for c in CLIENTS if c != "openai-responses"])
def test_other_streaming_clients_get_the_status(client: str) -> None:
    assert refused(client, "claude", stream=True).status_code == 400


def test_words_of_the_clients_own_provider_stay() -> None:
    said = json.loads(refused("anthropic", "claude").content or b"")
    assert said == REFUSALS["claude"][1]


def test_the_providers_own_words_stand_behind_the_clients() -> None:
    error = json.loads(refused("anthropic", "chat").content or b"")["error"]
    assert error["message"] == f"{CLAUDE} ({CHAT})"

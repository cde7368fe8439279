"""The official SDK as a judge of what is written: a client whose answers come from memory."""

from typing import Any

import anthropic
import httpx2
from anthropic.types.beta import BetaMessage

from switchyard.wire.encoding.jsonio import dumps

PROMPT: dict[str, Any] = {
    "model": "claude-test",
    "max_tokens": 64,
    "messages": [{"role": "user", "content": "Hello"}],
}


def _client(body: bytes, content_type: str, status: int = 200) -> anthropic.Anthropic:
    def answer(request: httpx2.Request) -> httpx2.Response:
        headers = {"content-type": content_type}
        return httpx2.Response(status, content=body, headers=headers)

    transport = httpx2.MockTransport(answer)
    http_client = httpx2.Client(transport=transport)
    return anthropic.Anthropic(
        api_key="test", base_url="http://router.test", http_client=http_client, max_retries=0
    )


def streamed(data: bytes) -> BetaMessage:
    """The message the SDK's own accumulator makes of a stream. Raises as the SDK does."""
    client = _client(data, "text/event-stream")
    with client.beta.messages.stream(**PROMPT) as stream:
        return stream.get_final_message()


def events(data: bytes) -> list[Any]:
    """The events the SDK's plain iterator yields."""
    client = _client(data, "text/event-stream")
    return list(client.messages.create(**PROMPT, stream=True))


def whole(body: dict[str, Any], status: int = 200) -> BetaMessage:
    """The message the SDK reads from a JSON body. Raises the SDK's error for an error status."""
    client = _client(dumps(body), "application/json", status)
    return client.beta.messages.create(**PROMPT)


def models(body: dict[str, Any]) -> list[anthropic.types.ModelInfo]:
    """The models the SDK reads from a model list."""
    return list(_client(dumps(body), "application/json").models.list())


def checked(message: BetaMessage) -> dict[str, Any]:
    """The message as plain values, after the SDK's type has validated it strictly."""
    plain = message.to_dict()
    BetaMessage.model_validate(plain)
    return plain

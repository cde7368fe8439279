"""The official SDK as a judge of what is written: a client whose answers come from memory."""

from functools import cache
from typing import Any

import httpx2
import openai
from openai.types.chat import ChatCompletion
from openai.types.chat import ChatCompletionChunk

from switchyard.wire.encoding.jsonio import dumps

PROMPT: dict[str, Any] = {"model": "test", "messages": [{"role": "user", "content": "Hello"}]}


class _Memory(httpx2.BaseTransport):
    """Answers every request with what was put here last."""

    status = 200
    content_type = ""
    body = b""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        headers = {"content-type": self.content_type}
        return httpx2.Response(self.status, content=self.body, headers=headers, request=request)


_MEMORY = _Memory()


@cache
def _sdk() -> openai.OpenAI:
    http_client = httpx2.Client(transport=_MEMORY)
    return openai.OpenAI(
        api_key="test", base_url="http://router.test/v1", http_client=http_client, max_retries=0
    )


def _client(body: bytes, content_type: str, status: int = 200) -> openai.OpenAI:
    _MEMORY.status, _MEMORY.content_type, _MEMORY.body = status, content_type, body
    return _sdk()


def streamed(data: bytes) -> ChatCompletion:
    """The completion the SDK's own accumulator makes of a stream. Raises as the SDK does."""
    client = _client(data, "text/event-stream")
    with client.chat.completions.stream(**PROMPT) as stream:
        for _ in stream:
            pass
        return stream.get_final_completion()


def chunks(data: bytes) -> list[ChatCompletionChunk]:
    """The chunks the SDK's plain iterator yields, each validated strictly."""
    client = _client(data, "text/event-stream")
    found = list(client.chat.completions.create(**PROMPT, stream=True))
    for chunk in found:
        ChatCompletionChunk.model_validate(chunk.to_dict())
    return found


def whole(body: dict[str, Any], status: int = 200) -> ChatCompletion:
    """The completion the SDK reads from a JSON body, validated strictly. Raises the SDK's error
    for an error status."""
    client = _client(dumps(body), "application/json", status)
    found = client.chat.completions.create(**PROMPT)
    ChatCompletion.model_validate(found.to_dict())
    return found


def models(body: dict[str, Any]) -> list[openai.types.Model]:
    """The models the SDK reads from a model list."""
    return list(_client(dumps(body), "application/json").models.list())


def functions(completion: ChatCompletion) -> list[tuple[str, str, str]]:
    """Id, name and arguments of every function call of the first choice."""
    return [
        (call.id, call.function.name, call.function.arguments)
        for call in completion.choices[0].message.tool_calls or []
        if call.type == "function"
    ]

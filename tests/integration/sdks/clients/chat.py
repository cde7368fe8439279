"""openai: Chat completions."""

import base64
import functools
import json
from typing import Any

import openai
from pydantic import BaseModel

from tests.integration.sdks.clients.client import KEY
from tests.integration.sdks.clients.client import Client
from tests.integration.sdks.clients.client import Result
from tests.integration.sdks.clients.client import Said
from tests.integration.sdks.clients.client import Setup


@functools.cache
def openai_sdk(url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0, timeout=60)


def failure_of(error: Exception) -> tuple[str, int | None, str | None]:
    """For both of OpenAI's APIs."""
    if isinstance(error, openai.APIStatusError):
        return (
            type(error).__name__,
            error.status_code,
            error.response.headers.get("retry-after"),
        )
    return type(error).__name__, None, None


class ChatClient(Client):
    ends = "stop"
    calls = "tool_calls"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._sdk = openai_sdk(setup.url)
        self._messages: list[Any] = []
        if setup.system is not None:
            self._messages.append({"role": "system", "content": setup.system})

    @property
    def _params(self) -> dict[str, Any]:
        params: dict[str, Any] = {"model": self.setup.model, "messages": self._messages}
        if self.setup.tools:
            params["tools"] = [
                {
                    "type": "function",
                    "function": {
                        "name": tool.name,
                        "description": tool.description,
                        "parameters": tool.parameters,
                    },
                }
                for tool in self.setup.tools
            ]
        if self.setup.effort is not None:
            params["reasoning_effort"] = self.setup.effort
        return params

    def say(self, text: str, image: bytes | None = None) -> Said:
        content: Any = text
        if image is not None:
            url = f"data:image/png;base64,{base64.b64encode(image).decode()}"
            shown = {"type": "image_url", "image_url": {"url": url}}
            content = [{"type": "text", "text": text}, shown]
        self._messages.append({"role": "user", "content": content})
        return self._ask()

    def give(self, results: list[Result]) -> Said:
        calls = self._messages[-1]["tool_calls"]
        for call, result in zip(calls, results, strict=True):
            said = {"role": "tool", "tool_call_id": call["id"], "content": result.text}
            self._messages.append(said)
        return self._ask()

    def parse[T: BaseModel](self, text: str, kind: type[T]) -> T:
        self._messages.append({"role": "user", "content": text})
        if self.setup.stream:
            with self._sdk.chat.completions.stream(**self._params, response_format=kind) as stream:
                parsed = stream.get_final_completion().choices[0].message.parsed
        else:
            completion = self._sdk.chat.completions.parse(**self._params, response_format=kind)
            parsed = completion.choices[0].message.parsed
        assert isinstance(parsed, kind)
        return parsed

    def _ask(self) -> Said:
        if self.setup.stream:
            wish: Any = {"include_usage": True}
            with self._sdk.chat.completions.stream(**self._params, stream_options=wish) as stream:
                told = "".join(e.delta for e in stream if e.type == "content.delta")
                completion = stream.get_final_completion()
            assert told == (completion.choices[0].message.content or "")
        else:
            completion = self._sdk.chat.completions.create(**self._params)
        (choice,) = completion.choices
        message = choice.message
        self._messages.append(_sendable(message))
        said = Said(text=message.content or "", stop=choice.finish_reason)
        said.thinking = getattr(message, "reasoning_content", None) or ""
        for call in message.tool_calls or ():
            assert call.type == "function"
            said.calls.append((call.function.name, json.loads(call.function.arguments)))
            said.ids.append(call.id)
        assert completion.usage
        said.input, said.output = completion.usage.prompt_tokens, completion.usage.completion_tokens
        details = completion.usage.prompt_tokens_details
        said.cached = details.cached_tokens if details else None
        return said

    async def say_async(self, text: str) -> str:
        self._messages.append({"role": "user", "content": text})
        async with openai.AsyncOpenAI(
            base_url=f"{self.setup.url}/v1", api_key=KEY, max_retries=0
        ) as sdk:
            if self.setup.stream:
                async with sdk.chat.completions.stream(**self._params) as stream:
                    completion = await stream.get_final_completion()
            else:
                completion = await sdk.chat.completions.create(**self._params)
        return completion.choices[0].message.content or ""

    def failure(self, error: Exception) -> tuple[str, int | None, str | None]:
        return failure_of(error)


def _sendable(message: Any) -> Any:
    """As input; parsed messages have members of the SDK's own that the API does not take."""
    said = message.model_dump(mode="json", exclude_none=True)
    for name in ("parsed", "annotations"):
        said.pop(name, None)
    for call in said.get("tool_calls", ()):
        call.pop("index", None)
        call["function"].pop("parsed_arguments", None)
    return said

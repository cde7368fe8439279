"""anthropic: Messages."""

import base64
import functools
from typing import Any

import anthropic
from pydantic import BaseModel

from tests.integration.sdks.clients.client import KEY
from tests.integration.sdks.clients.client import Client
from tests.integration.sdks.clients.client import Result
from tests.integration.sdks.clients.client import Said
from tests.integration.sdks.clients.client import Setup

_BUDGETS = {"low": 2_048, "medium": 8_192, "high": 24_576}


@functools.cache
def _sdk(url: str) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0, timeout=60)


class AnthropicClient(Client):
    ends = "end_turn"
    calls = "tool_use"
    marks_failures = True

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._sdk = _sdk(setup.url)
        self._messages: list[Any] = []

    @property
    def _params(self) -> dict[str, Any]:
        params: dict[str, Any] = {
            "model": self.setup.model,
            "messages": self._messages,
            "max_tokens": 4_000,
        }
        if self.setup.system is not None:
            params["system"] = self.setup.system
        if self.setup.tools:
            params["tools"] = [
                {
                    "name": tool.name,
                    "description": tool.description,
                    "input_schema": tool.parameters,
                }
                for tool in self.setup.tools
            ]
        if self.setup.effort is not None:
            budget = _BUDGETS[self.setup.effort]
            params["thinking"] = {"type": "enabled", "budget_tokens": budget}
            params["max_tokens"] = budget + 4_000
        return params

    def say(self, text: str, image: bytes | None = None) -> Said:
        content: Any = text
        if image is not None:
            data = base64.b64encode(image).decode()
            source = {"type": "base64", "media_type": "image/png", "data": data}
            content = [{"type": "text", "text": text}, {"type": "image", "source": source}]
        self._messages.append({"role": "user", "content": content})
        return self._ask()

    def give(self, results: list[Result]) -> Said:
        calls = [block for block in self._messages[-1]["content"] if block.type == "tool_use"]
        content = [
            {
                "type": "tool_result",
                "tool_use_id": call.id,
                "content": result.text,
                "is_error": result.failed,
            }
            for call, result in zip(calls, results, strict=True)
        ]
        self._messages.append({"role": "user", "content": content})
        return self._ask()

    def parse[T: BaseModel](self, text: str, kind: type[T]) -> T:
        self._messages.append({"role": "user", "content": text})
        if self.setup.stream:
            with self._sdk.messages.stream(**self._params, output_format=kind) as stream:
                parsed = stream.get_final_message().parsed_output
        else:
            parsed = self._sdk.messages.parse(**self._params, output_format=kind).parsed_output
        assert isinstance(parsed, kind)
        return parsed

    def _ask(self) -> Said:
        message: Any
        if self.setup.stream:
            with self._sdk.messages.stream(**self._params) as stream:
                told = "".join(stream.text_stream)
                message = stream.get_final_message()
        else:
            message = self._sdk.messages.create(**self._params)
            told = "".join(block.text for block in message.content if block.type == "text")
        self._messages.append({"role": "assistant", "content": message.content})
        said = Said(stop=message.stop_reason)
        for block in message.content:
            match block.type:
                case "text":
                    said.text += block.text
                case "thinking":
                    said.thinking += block.thinking
                case "tool_use":
                    said.calls.append((block.name, block.input))
                    said.ids.append(block.id)
        assert told == said.text
        usage = message.usage
        said.cached, said.output = usage.cache_read_input_tokens, usage.output_tokens
        created = usage.cache_creation_input_tokens or 0
        said.input = usage.input_tokens + (said.cached or 0) + created
        return said

    async def say_async(self, text: str) -> str:
        self._messages.append({"role": "user", "content": text})
        async with anthropic.AsyncAnthropic(
            base_url=self.setup.url, api_key=KEY, max_retries=0
        ) as sdk:
            if self.setup.stream:
                async with sdk.messages.stream(**self._params) as stream:
                    return await stream.get_final_text()
            message = await sdk.messages.create(**self._params)
        return "".join(block.text for block in message.content if block.type == "text")

    def failure(self, error: Exception) -> tuple[str, int | None, str | None]:
        if isinstance(error, anthropic.APIStatusError):
            wait = error.response.headers.get("retry-after")
            return type(error).__name__, error.status_code, wait
        return type(error).__name__, None, None

"""openai: Responses. What the model said goes back as it came, as the guides show."""

import base64
import json
from typing import Any

import openai
from pydantic import BaseModel

from tests.integration.sdks.clients.chat import failure_of
from tests.integration.sdks.clients.chat import openai_sdk
from tests.integration.sdks.clients.client import KEY
from tests.integration.sdks.clients.client import Client
from tests.integration.sdks.clients.client import Result
from tests.integration.sdks.clients.client import Said
from tests.integration.sdks.clients.client import Setup


class ResponseFailed(Exception):
    """What a stream's user makes of the event `response.failed`, which the SDK only hands on."""


class ResponsesClient(Client):
    ends = calls = "completed"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._sdk = openai_sdk(setup.url)
        self._input: list[Any] = []
        self._open: list[str] = []

    @property
    def _params(self) -> dict[str, Any]:
        params: dict[str, Any] = {"model": self.setup.model, "input": self._input, "store": False}
        if self.setup.system is not None:
            params["instructions"] = self.setup.system
        if self.setup.tools:
            params["tools"] = [
                {
                    "type": "function",
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.parameters,
                    "strict": False,
                }
                for tool in self.setup.tools
            ]
        if self.setup.effort is not None:
            params["reasoning"] = {"effort": self.setup.effort, "summary": "auto"}
            params["include"] = ["reasoning.encrypted_content"]
        return params

    def say(self, text: str, image: bytes | None = None) -> Said:
        content: Any = text
        if image is not None:
            url = f"data:image/png;base64,{base64.b64encode(image).decode()}"
            shown = {"type": "input_image", "image_url": url, "detail": "auto"}
            content = [{"type": "input_text", "text": text}, shown]
        self._input.append({"role": "user", "content": content})
        return self._ask()

    def give(self, results: list[Result]) -> Said:
        for call_id, result in zip(self._open, results, strict=True):
            said = {"type": "function_call_output", "call_id": call_id, "output": result.text}
            self._input.append(said)
        return self._ask()

    def parse[T: BaseModel](self, text: str, kind: type[T]) -> T:
        self._input.append({"role": "user", "content": text})
        if self.setup.stream:
            with self._sdk.responses.stream(**self._params, text_format=kind) as stream:
                parsed = stream.get_final_response().output_parsed
        else:
            parsed = self._sdk.responses.parse(**self._params, text_format=kind).output_parsed
        assert isinstance(parsed, kind)
        return parsed

    def _ask(self) -> Said:
        response: Any
        if self.setup.stream:
            told, numbers = "", []
            with self._sdk.responses.stream(**self._params) as stream:
                for event in stream:
                    if event.type == "response.failed":
                        assert event.response.error
                        raise ResponseFailed(event.response.error.message)
                    numbers.append(event.sequence_number)
                    told += event.delta if event.type == "response.output_text.delta" else ""
                response = stream.get_final_response()
            assert numbers == list(range(len(numbers)))
            assert told == response.output_text
        else:
            response = self._sdk.responses.create(**self._params)
        said = Said(text=response.output_text, stop=response.status)
        for item in response.output:
            self._input.append(_sendable(item))
            match item.type:
                case "reasoning":
                    said.thinking += "".join(part.text for part in item.summary)
                case "function_call":
                    said.calls.append((item.name, json.loads(item.arguments)))
                    said.ids.append(item.call_id)
        self._open = said.ids
        assert response.usage
        said.input, said.output = response.usage.input_tokens, response.usage.output_tokens
        said.cached = response.usage.input_tokens_details.cached_tokens
        return said

    async def say_async(self, text: str) -> str:
        self._input.append({"role": "user", "content": text})
        async with openai.AsyncOpenAI(
            base_url=f"{self.setup.url}/v1", api_key=KEY, max_retries=0
        ) as sdk:
            if self.setup.stream:
                async with sdk.responses.stream(**self._params) as stream:
                    return (await stream.get_final_response()).output_text
            return (await sdk.responses.create(**self._params)).output_text

    def failure(self, error: Exception) -> tuple[str, int | None, str | None]:
        return failure_of(error)


def _sendable(item: Any) -> Any:
    """As input; parsed items have members of the SDK's own that the API does not take."""
    said = item.model_dump(mode="json", exclude_none=True)
    said.pop("parsed_arguments", None)
    for part in said.get("content", ()):
        part.pop("parsed", None)
    return said

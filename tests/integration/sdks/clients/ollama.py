"""ollama: chat. Streams are added up by hand, since the SDK has no helper for it."""

import functools
from typing import Any

import ollama
from pydantic import BaseModel

from tests.integration.sdks.clients.client import KEY
from tests.integration.sdks.clients.client import Client
from tests.integration.sdks.clients.client import Result
from tests.integration.sdks.clients.client import Said
from tests.integration.sdks.clients.client import Setup


@functools.cache
def _sdk(url: str) -> ollama.Client:
    return ollama.Client(host=url, headers={"authorization": f"Bearer {KEY}"}, timeout=60)


class OllamaClient(Client):
    ends = calls = "stop"
    returns_proofs = False
    counts_cached = False

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._sdk = _sdk(setup.url)
        self._messages: list[Any] = []
        if setup.system is not None:
            self._messages.append({"role": "system", "content": setup.system})
        self._open: list[str] = []

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
            params["think"] = self.setup.effort
        return params

    def say(self, text: str, image: bytes | None = None) -> Said:
        message: dict[str, Any] = {"role": "user", "content": text}
        if image is not None:
            message["images"] = [image]
        self._messages.append(message)
        return self._ask()

    def give(self, results: list[Result]) -> Said:
        for name, result in zip(self._open, results, strict=True):
            self._messages.append({"role": "tool", "tool_name": name, "content": result.text})
        return self._ask()

    def parse[T: BaseModel](self, text: str, kind: type[T]) -> T:
        self._messages.append({"role": "user", "content": text})
        schema = kind.model_json_schema()
        if self.setup.stream:
            lines = self._sdk.chat(**self._params, format=schema, stream=True)
            return kind.model_validate_json("".join(line.message.content or "" for line in lines))
        answer = self._sdk.chat(**self._params, format=schema)
        return kind.model_validate_json(answer.message.content or "")

    def _ask(self) -> Said:
        lines: list[ollama.ChatResponse]
        if self.setup.stream:
            lines = list(self._sdk.chat(**self._params, stream=True))
        else:
            lines = [self._sdk.chat(**self._params)]
        assert [line.done for line in lines] == [*[False] * (len(lines) - 1), True]
        said, calls = Said(), []
        for line in lines:
            said.text += line.message.content or ""
            said.thinking += line.message.thinking or ""
            calls += line.message.tool_calls or ()
        said.calls = [(call.function.name, dict(call.function.arguments)) for call in calls]
        self._open = [name for name, _ in said.calls]
        last = lines[-1]
        said.stop = last.done_reason
        said.input, said.output = last.prompt_eval_count, last.eval_count
        message: dict[str, Any] = {"role": "assistant", "content": said.text}
        if said.thinking:
            message["thinking"] = said.thinking
        if calls:
            message["tool_calls"] = calls
        self._messages.append(message)
        return said

    async def say_async(self, text: str) -> str:
        self._messages.append({"role": "user", "content": text})
        headers = {"authorization": f"Bearer {KEY}"}
        sdk = ollama.AsyncClient(host=self.setup.url, headers=headers)
        try:
            if self.setup.stream:
                lines = await sdk.chat(**self._params, stream=True)
                return "".join([line.message.content or "" async for line in lines])
            return (await sdk.chat(**self._params)).message.content or ""
        finally:
            await sdk._client.aclose()

    def failure(self, error: Exception) -> tuple[str, int | None, str | None]:
        status = error.status_code if isinstance(error, ollama.ResponseError) else None
        return type(error).__name__, status, None

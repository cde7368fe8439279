"""google-genai: chats, which keep the history themselves."""

import functools
import json
from typing import Any

from google import genai
from google.genai import types
from google.genai.errors import APIError
from pydantic import BaseModel

from tests.integration.sdks.clients.client import KEY
from tests.integration.sdks.clients.client import Client
from tests.integration.sdks.clients.client import Result
from tests.integration.sdks.clients.client import Said
from tests.integration.sdks.clients.client import Setup


def _new_sdk(url: str) -> genai.Client:
    options = types.HttpOptions(base_url=url, timeout=60_000)
    return genai.Client(api_key=KEY, http_options=options)


_sdk = functools.cache(_new_sdk)


class GeminiClient(Client):
    ends = calls = "STOP"
    marks_failures = True

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._sdk = _sdk(setup.url)
        self._chat = self._sdk.chats.create(model=setup.model, config=self._config)
        self._open: list[types.FunctionCall] = []

    @property
    def _config(self) -> types.GenerateContentConfig:
        config = types.GenerateContentConfig(system_instruction=self.setup.system)
        if self.setup.tools:
            declarations = [
                types.FunctionDeclaration(
                    name=tool.name,
                    description=tool.description,
                    parameters_json_schema=tool.parameters,
                )
                for tool in self.setup.tools
            ]
            config.tools = [types.Tool(function_declarations=declarations)]
        if self.setup.effort is not None:
            level = types.ThinkingLevel(self.setup.effort.upper())
            config.thinking_config = types.ThinkingConfig(
                thinking_level=level, include_thoughts=True
            )
        return config

    def say(self, text: str, image: bytes | None = None) -> Said:
        parts = [types.Part.from_text(text=text)]
        if image is not None:
            parts.append(types.Part.from_bytes(data=image, mime_type="image/png"))
        return self._ask(parts)

    def give(self, results: list[Result]) -> Said:
        return self._ask(
            [
                types.Part(
                    function_response=types.FunctionResponse(
                        id=call.id,
                        name=call.name,
                        response={"error" if result.failed else "output": result.text},
                    )
                )
                for call, result in zip(self._open, results, strict=True)
            ]
        )

    def parse[T: BaseModel](self, text: str, kind: type[T]) -> T:
        config = self._config
        config.response_mime_type = "application/json"
        config.response_schema = kind
        asked: Any = {"model": self.setup.model, "contents": text, "config": config}
        if self.setup.stream:
            answers = self._sdk.models.generate_content_stream(**asked)
            text = "".join(answer.text or "" for answer in answers)
            return kind.model_validate(json.loads(text))
        parsed = self._sdk.models.generate_content(**asked).parsed
        assert isinstance(parsed, kind)
        return parsed

    def _ask(self, parts: list[types.Part]) -> Said:
        if self.setup.stream:
            answers = list(self._chat.send_message_stream(parts))
        else:
            answers = [self._chat.send_message(parts)]
        said = Said()
        self._open = []
        for answer in answers:
            for candidate in answer.candidates or ():
                if candidate.finish_reason:
                    assert said.stop is None
                    said.stop = candidate.finish_reason.value
                for part in (candidate.content and candidate.content.parts) or ():
                    self._read(part, said)
        usage = answers[-1].usage_metadata
        assert usage
        said.input, said.cached = usage.prompt_token_count, usage.cached_content_token_count
        said.output = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
        return said

    def _read(self, part: types.Part, said: Said) -> None:
        if part.function_call:
            self._open.append(part.function_call)
            said.calls.append((part.function_call.name or "", part.function_call.args or {}))
        elif part.thought:
            said.thinking += part.text or ""
        else:
            said.text += part.text or ""

    async def say_async(self, text: str) -> str:
        sdk = _new_sdk(self.setup.url)
        models = sdk.aio.models
        asked: Any = {"model": self.setup.model, "contents": text, "config": self._config}
        try:
            if self.setup.stream:
                answers = await models.generate_content_stream(**asked)
                return "".join([answer.text or "" async for answer in answers])
            return (await models.generate_content(**asked)).text or ""
        finally:
            await sdk.aio.aclose()
            sdk.close()

    def failure(self, error: Exception) -> tuple[str, int | None, str | None]:
        if isinstance(error, APIError):
            headers = getattr(error.response, "headers", {})
            return type(error).__name__, error.code, headers.get("retry-after")
        return type(error).__name__, None, None

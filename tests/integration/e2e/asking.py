"""Asks through the official SDKs, in each way they offer, and reduces what they read to its
meaning."""

import json
from typing import Any
from typing import Literal

import anthropic
import openai

from tests.support.answers import Call
from tests.support.answers import ClientFormat
from tests.support.reading import Told

type How = Literal["json", "stream", "helper"]
"""One JSON answer, the raw events, or the SDK's own accumulation, which checks their order."""

TOOLS = (
    ("weather", "The weather in a city", {"city": {"type": "string"}}),
    ("clock", "The time in a zone", {"zone": {"type": "string"}, "format": {"type": "string"}}),
)


def chat_tools() -> list[Any]:
    return [
        {
            "type": "function",
            "function": {"name": name, "description": said, "parameters": _schema(properties)},
        }
        for name, said, properties in TOOLS
    ]


def anthropic_tools() -> list[Any]:
    return [
        {"name": name, "description": said, "input_schema": _schema(properties)}
        for name, said, properties in TOOLS
    ]


def _schema(properties: object) -> dict[str, object]:
    return {"type": "object", "properties": properties}


def ask(client: openai.OpenAI | anthropic.Anthropic, model: str, how: How, **more: Any) -> Told:
    """One question. `more` are parameters in the client's own format."""
    messages = more.pop("messages", [{"role": "user", "content": "Well?"}])
    if isinstance(client, openai.OpenAI):
        return _ask_openai(client, how, {"model": model, "messages": messages, **more})
    limited = {"model": model, "messages": messages, "max_tokens": 500, **more}
    return _ask_anthropic(client, how, limited)


def format_of(client: openai.OpenAI | anthropic.Anthropic) -> ClientFormat:
    return "openai-chat" if isinstance(client, openai.OpenAI) else "anthropic"


def _ask_openai(client: openai.OpenAI, how: How, params: dict[str, Any]) -> Told:
    completions = client.chat.completions
    if how == "json":
        return of_completion(completions.create(**params))
    params["stream_options"] = {"include_usage": True}
    if how == "helper":
        with completions.stream(**params) as stream:
            try:
                return of_completion(stream.get_final_completion())
            except openai.LengthFinishReasonError as e:  # its way to tell `finish_reason: length`
                return of_completion(e.completion)
    told, calls = Told(), {}
    for chunk in completions.create(stream=True, **params):
        told.kinds.append("chunk" if chunk.choices else "usage")
        told.model = chunk.model
        for choice in chunk.choices:
            delta = choice.delta
            told.text += delta.content or ""
            told.thinking += getattr(delta, "reasoning_content", None) or ""
            told.stop = choice.finish_reason or told.stop
            for call in delta.tool_calls or ():
                held = calls.setdefault(call.index, ["", "", ""])
                held[0] = call.id or held[0]
                assert call.function
                held[1] = call.function.name or held[1]
                held[2] += call.function.arguments or ""
        if chunk.usage:
            _openai_usage(told, chunk.usage)
    told.calls = [Call(*held) for held in calls.values()]
    return told


def of_completion(completion: Any) -> Told:
    """The meaning of a Chat completion."""
    (choice,) = completion.choices
    message = choice.message
    told = Told(
        text=message.content or "",
        thinking=getattr(message, "reasoning_content", None) or "",
        stop=choice.finish_reason,
        model=completion.model,
        calls=[
            Call(call.id, call.function.name, call.function.arguments)
            for call in message.tool_calls or ()
        ],
    )
    if completion.usage:
        _openai_usage(told, completion.usage)
    return told


def _openai_usage(told: Told, usage: Any) -> None:
    told.input, told.output = usage.prompt_tokens, usage.completion_tokens
    told.cached = usage.prompt_tokens_details and usage.prompt_tokens_details.cached_tokens


def _ask_anthropic(client: anthropic.Anthropic, how: How, params: dict[str, Any]) -> Told:
    if how == "json":
        return of_message(client.messages.create(**params))
    if how == "helper":
        with client.messages.stream(**params) as stream:
            return of_message(stream.get_final_message())
    told, blocks = Told(), []
    for said in client.messages.create(stream=True, **params):
        told.kinds.append(said.type)
        match said.type:
            case "message_start":
                told.model = said.message.model
                _anthropic_usage(told, said.message.usage)
            case "content_block_start":
                blocks.append([said.content_block, ""])
            case "content_block_delta":
                delta = said.delta
                told.text += getattr(delta, "text", "")
                told.thinking += getattr(delta, "thinking", "")
                blocks[said.index][1] += getattr(delta, "partial_json", "")
            case "message_delta":
                told.stop = said.delta.stop_reason
                _anthropic_usage(told, said.usage)
    told.calls = [
        Call(block.id, block.name, arguments or "{}")
        for block, arguments in blocks
        if block.type == "tool_use"
    ]
    return told


def of_message(message: Any) -> Told:
    """The meaning of an Anthropic message."""
    told = Told(stop=message.stop_reason, model=message.model)
    for block in message.content:
        match block.type:
            case "text":
                told.text += block.text
            case "thinking":
                told.thinking += block.thinking
            case "tool_use":
                told.calls.append(Call(block.id, block.name, json.dumps(block.input)))
    _anthropic_usage(told, message.usage)
    return told


def _anthropic_usage(told: Told, usage: Any) -> None:
    if usage.input_tokens is not None:
        told.cached = usage.cache_read_input_tokens or 0
        told.input = usage.input_tokens + told.cached + (usage.cache_creation_input_tokens or 0)
    told.output = usage.output_tokens

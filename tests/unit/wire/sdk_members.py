"""A request for each member of the types that the official SDKs have for requests."""

import types
import typing
from collections.abc import Iterator
from typing import Any
from typing import Literal

import ollama
from anthropic.types import message_create_params as anthropic_params
from anthropic.types.beta import message_create_params as anthropic_beta_params
from google.genai import types as genai
from openai.types import completion_create_params as completions_params
from openai.types.chat import completion_create_params as chat_params
from openai.types.responses import response_create_params as responses_params
from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from typing_extensions import is_typeddict

type Json = dict[str, Any]
_DEEPEST = 4
_HELD = frozenset(
    "model stream messages input contents prompt system instructions system_instruction".split()
)
"""What the test itself says of a request."""
_LOCAL = frozenset(
    "http_options should_return_http_response automatic_function_calling automatic_continuation "
    "continuation_token betas".split()
)
"""Members of an SDK's type that it sends as a header, or not at all."""
_TOP = frozenset("cached_content labels safety_settings store service_tier tools tool_config "
                 "model_armor_config generation_output_config image_config".split())  # fmt: skip
"""Members of `GenerateContentConfig` that stand beside `generationConfig` on the wire."""

BASES: dict[str, Json] = {
    "openai-chat": {"model": "m", "messages": [{"role": "user", "content": "hello"}]},
    "openai-responses": {"model": "m", "input": "hello"},
    "openai-completions": {"model": "m", "prompt": "hello"},
    "anthropic": {"model": "m", "max_tokens": 9000,
                  "messages": [{"role": "user", "content": "hello"}]},
    "gemini": {"model": "m", "contents": [{"role": "user", "parts": [{"text": "hello"}]}]},
    "ollama": {"model": "m", "messages": [{"role": "user", "content": "hello"}]},
}  # fmt: skip


def members() -> Iterator[tuple[str, str, Json, Json]]:
    """Each client format, the path of a member, a request that has it, and the same without."""
    of_types: list[tuple[str, Any]] = [
        ("openai-chat", chat_params.CompletionCreateParamsNonStreaming),
        ("openai-responses", responses_params.ResponseCreateParamsNonStreaming),
        ("openai-completions", completions_params.CompletionCreateParamsNonStreaming),
        ("anthropic", anthropic_params.MessageCreateParamsNonStreaming),
        ("anthropic", anthropic_beta_params.MessageCreateParamsNonStreaming),
    ]
    seen: set[tuple[str, str]] = set()
    for format, kind in of_types:
        for name, hint in typing.get_type_hints(kind).items():
            for path, value, less in _values(name, hint):
                if name not in _HELD | _LOCAL and (format, path) not in seen:
                    seen.add((format, path))
                    base = BASES[format]
                    before = base if less is None else {**base, name: less}
                    yield format, path, {**base, name: value}, before
    yield from _gemini()
    yield from _ollama()


def _gemini() -> Iterator[tuple[str, str, Json, Json]]:
    base = BASES["gemini"]
    for name, field in genai.GenerateContentConfig.model_fields.items():
        if name in _HELD | _LOCAL or name == "tools":
            continue
        for path, value, less in _values(to_camel(name), field.annotation):
            said, before = (
                {to_camel(name): one} if one is not None else {} for one in (value, less)
            )
            if name not in _TOP:
                said, before = ({"generationConfig": one} for one in (said, before))
            yield "gemini", path, {**base, **said}, {**base, **before}


def _ollama() -> Iterator[tuple[str, str, Json, Json]]:
    base = BASES["ollama"]
    schema = {"type": "object", "properties": {}}
    values = {"keep_alive": "5m", "think": True, "logprobs": True, "top_logprobs": 3}
    for name, value in {**values, "format": schema}.items():
        yield "ollama", name, {**base, name: value}, base
    for name, field in ollama.Options.model_fields.items():
        options = {"options": {name: _sample(field.annotation)}}
        yield "ollama", f"options.{name}", {**base, **options}, {**base, "options": {}}


def _values(name: str, hint: Any) -> Iterator[tuple[str, Any, Any]]:
    """A member, with each of the members that its value may have, and the value without that."""
    hint = _plain(hint)
    if _is_list(hint) and typing.get_args(hint):
        for path, value, less in _values(name, typing.get_args(hint)[0]):
            yield path, [value], None if less is None else [less]
        return
    options = typing.get_args(hint) if _is_union(hint) else (hint,)
    plain = [one for one in map(_plain, options) if one is not type(None)]
    objects = [one for one in plain if _hints(one)]
    if not objects:
        yield name, _sample(plain[0] if plain else str), None
        return
    for kind in objects:
        hints = _hints(kind)
        needed = {key: _sample(hints[key]) for key in _required(kind)}
        whole = needed or {key: _sample(inner) for key, inner in hints.items()}
        yield f"{name}:{kind.__name__}", whole, None
        for key, inner in hints.items():
            if key not in needed:
                yield f"{name}.{key}:{kind.__name__}", {**needed, key: _sample(inner)}, needed


def _sample(hint: Any, depth: int = 0) -> Any:
    """A value of a type that says something."""
    hint = _plain(hint)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if _is_union(hint):
        kinds = [one for one in args if one is not type(None)]
        return _sample(kinds[-1] if typing.get_origin(_plain(kinds[0])) else kinds[0], depth)
    if origin is Literal:
        return args[-1]
    if hints := _hints(hint):
        if depth >= _DEEPEST:
            return {}
        return {key: _sample(hints[key], depth + 1) for key in _required(hint) or list(hints)[:2]}
    if _is_list(hint):
        return [_sample(args[0] if args else str, depth + 1)]
    if origin is dict or hint is dict or "Mapping" in str(hint):
        return {"a": "b"}
    if isinstance(hint, type) and issubclass(hint, str) and hint is not str:
        return list(hint)[-1].value if hasattr(hint, "__members__") else "words"  # type: ignore[call-overload]
    return {int: 3, float: 0.25, bool: True, str: "words"}.get(hint, "words")


def _hints(kind: Any) -> dict[str, Any]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {to_camel(name): field.annotation for name, field in kind.model_fields.items()}
    return typing.get_type_hints(kind) if is_typeddict(kind) else {}


def _required(kind: Any) -> list[str]:
    if not is_typeddict(kind):
        return []
    hints = typing.get_type_hints(kind, include_extras=True)
    return [name for name, hint in hints.items() if typing.get_origin(hint) is typing.Required]


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def _is_list(hint: Any) -> bool:
    origin = typing.get_origin(hint)
    return origin in (list, tuple) or getattr(origin, "__name__", "") in ("Iterable", "Sequence")


def _plain(hint: Any) -> Any:
    """A type without what only describes it."""
    while typing.get_origin(hint) in (typing.Annotated, typing.Required, typing.NotRequired):
        hint = typing.get_args(hint)[0]
    return getattr(hint, "__value__", hint)

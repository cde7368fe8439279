"""Repairs whole tool calls: arguments become text; ids and types are supplied.

OpenAI's reference, "The chat completion object": `arguments` is JSON in a text. The servers of
llama.cpp, Ollama and others write the object itself, and their clients send it back.
"""

from typing import Any

from switchyard.values.sequences import are_same
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.openai_chat.names import text_of
from switchyard.wire.formats.openai_chat.tools import LEGACY
from switchyard.wire.formats.openai_chat.tools import answer_seed
from switchyard.wire.formats.openai_chat.tools import arguments_text
from switchyard.wire.formats.openai_chat.tools import choice_seed
from switchyard.wire.formats.openai_chat.tools import made_up_id
from switchyard.wire.shared.arguments import settled


def mend_reply(body: JsonObject) -> JsonObject:
    """Returns a response body with well-formed calls; `body` itself if all are so."""
    choices = body.get("choices")
    if not isinstance(choices, list):
        return body
    seed = answer_seed(body)
    mended = [_choice(raw, choice_seed(seed, i)) for i, raw in enumerate(choices)]
    if are_same(mended, choices):
        return body
    return {**body, "choices": mended}


def with_texts(messages: list[Any]) -> list[Any]:
    """Returns a request's messages with arguments as text; the same list if all are."""
    mended = [_message(message, None) for message in messages]
    if are_same(mended, messages):
        return messages
    return mended


def _choice(choice: Any, seed: str) -> Any:
    message = choice.get("message") if isinstance(choice, dict) else None
    mended = _message(message, seed)
    return choice if mended is message else {**choice, "message": mended}


def _message(message: Any, seed: str | None) -> Any:
    """Returns a message whose calls are well-formed.

    `seed` makes the ids that are missing; None leaves them out.
    """
    if not isinstance(message, dict):
        return message
    legacy = message.get(LEGACY)
    if isinstance(legacy, dict) and (text := _wrong_text(legacy)) is not None:
        message = {**message, LEGACY: {**legacy, "arguments": text}}
    calls = message.get("tool_calls")
    if not calls or not isinstance(calls, list):
        return message
    mended = [_call(raw, seed, number) for number, raw in enumerate(calls)]
    if are_same(mended, calls):
        return message
    return {**message, "tool_calls": mended}


def _wrong_text(function: JsonObject) -> str | None:
    """Returns the arguments of a call as text; None if they are."""
    if not text_of(function.get("name")):
        return None
    arguments = function.get("arguments")
    text = settled(arguments_text(arguments))
    return None if text == arguments else text


def _call(raw: Any, seed: str | None, number: int) -> Any:
    function = raw.get("function") if isinstance(raw, dict) else None
    if not isinstance(function, dict) or not text_of(function.get("name")):
        return raw
    wrong: JsonObject = {}
    if (text := _wrong_text(function)) is not None:
        wrong["function"] = {**function, "arguments": text}
    if seed is not None and not text_of(raw.get("id")):
        wrong["id"] = made_up_id(seed, number)
    if seed is not None and not raw.get("type"):
        wrong["type"] = "function"
    return {**raw, **wrong} if wrong else raw

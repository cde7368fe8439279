"""Generates ids of responses, whose prefix some formats' clients check."""

from switchyard.wire.format import Asked

_PREFIXES = ("chatcmpl-", "cmpl-", "resp_", "msg_", "gen-")
"""Prefixes of the formats' own providers, and of OpenRouter."""

_UNIQUE = 16
"""Characters from which on an id does not come a second time. Ollama's have three digits
(`chatcmpl-%d` in its middleware/openai.go); Claude Code takes messages of one id for one message,
and loses the calls of the second."""


def answer_id(given: str | None, prefix: str, asked: Asked, home: bool) -> str:
    """Returns the id of a response, beginning with `prefix`.

    Keeps the provider's own id if the response came in the same format (`home`); otherwise the
    result contains it and is no other response's. Without any it is the request's (`Asked.id`).
    """
    if home and given:
        return given
    if not given:
        return f"{prefix}{asked.id}"
    known = next((one for one in (prefix, *_PREFIXES) if given.startswith(one)), "")
    bare = given.removeprefix(known)
    if len(bare) >= _UNIQUE:
        return f"{prefix}{bare}"
    return f"{prefix}{bare}_{asked.id}" if bare else f"{prefix}{asked.id}"

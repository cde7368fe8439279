"""Generates ids of responses, whose prefix some formats' clients check."""

from switchyard.wire.format import Asked

_PREFIXES = ("chatcmpl-", "cmpl-", "resp_", "msg_", "gen-")
"""Prefixes of the formats' own providers, and of OpenRouter."""


def answer_id(given: str | None, prefix: str, asked: Asked, home: bool) -> str:
    """Returns the id of a response, beginning with `prefix`.

    Keeps the provider's own id if the response came in the same format (`home`); otherwise the
    result contains it, or the request's id (`Asked.id`) if there is none.
    """
    if home and given:
        return given
    bare = given or asked.id
    if bare.startswith(prefix):
        return bare
    known = next((one for one in _PREFIXES if bare.startswith(one)), "")
    return f"{prefix}{bare.removeprefix(known) or asked.id}"

"""Ids of answers. Clients of some formats know an answer by the beginning of its id."""

from switchyard.wire.format import Asked

_PREFIXES = ("chatcmpl-", "cmpl-", "resp_", "msg_", "gen-")
"""How the formats' own providers, and OpenRouter, begin them."""


def answer_id(given: str | None, prefix: str, asked: Asked, home: bool) -> str:
    """The id of an answer that is to begin with `prefix`: the provider's own where the answer came
    in the same format (`home`), else made of it, so that it can be found there; a fresh one where
    there is none."""
    if home and given:
        return given
    bare = given or asked.id
    if bare.startswith(prefix):
        return bare
    known = next((one for one in _PREFIXES if bare.startswith(one)), "")
    return f"{prefix}{bare.removeprefix(known) or asked.id}"

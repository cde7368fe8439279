"""Makes ids of responses; some formats' clients know them by their prefix."""

from switchyard.wire.format import Asked

_PREFIXES = ("chatcmpl-", "cmpl-", "resp_", "msg_", "gen-")
"""How the formats' own providers, and OpenRouter, begin them."""


def answer_id(given: str | None, prefix: str, asked: Asked, home: bool) -> str:
    """Return the id of a response, beginning with `prefix`.

    The provider's own where the response came in the same format (`home`), else one that contains
    it; a fresh one where there is none.
    """
    if home and given:
        return given
    bare = given or asked.id
    if bare.startswith(prefix):
        return bare
    known = next((one for one in _PREFIXES if bare.startswith(one)), "")
    return f"{prefix}{bare.removeprefix(known) or asked.id}"

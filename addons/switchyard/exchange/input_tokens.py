"""Counts the tokens of a request's input where no provider does."""

from switchyard.exchange.exchange import Call
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.operations.count_tokens import estimate

BYTES_A_TOKEN = 4
"""Of a request's JSON, as a rule."""

_LARGE = 64 * 1024
"""Bytes from which a body is looked at for images and sound, whose bytes are no tokens."""
_MEDIA = (b"base64", b"inline_data", b"inlineData", b"input_audio", b'"images"')


def input_tokens(call: Call) -> int:
    """Returns about how many tokens a request's body has."""
    size = len(call.raw)
    if size < _LARGE or not any(mark in call.raw for mark in _MEDIA):
        return -(-size // BYTES_A_TOKEN)
    if call.operation is None:
        try:
            return estimate(call.conversation, call.model)
        except BadRequest:
            pass  # what cannot be read is refused where it is translated
    return -(-size // BYTES_A_TOKEN)

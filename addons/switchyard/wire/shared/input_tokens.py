"""Counts tokens as Anthropic's and OpenAI's APIs do: the request in, `input_tokens` out.

Sources: Anthropic's API reference, "Count Message tokens"; OpenAI's, "Get input token counts".
"""

from collections.abc import Callable

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import int_of
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.errors import BadReply


class InputTokensCount:
    """Implements `format.CountForm` for a format whose requests `read` reads."""

    def __init__(
        self, path: str, read: Callable[[JsonObject], Conversation], head: JsonObject
    ) -> None:
        """`path` is below the version segment; `head` are the members before the number."""
        self._path = path
        self._read = read
        self._head = head

    def path(self, model: str) -> str:
        return self._path

    def write(self, body: JsonObject, model: str) -> JsonObject:
        return body if body.get("model") == model else {**body, "model": model}

    def read_request(self, body: JsonObject, model: str) -> Conversation:
        return self._read({**body, "model": model})

    def check(self, body: JsonObject) -> None:
        if int_of(body.get("input_tokens")) is None:
            raise BadReply("the response has no input_tokens")

    def write_reply(self, tokens: int) -> JsonObject:
        return {**self._head, "input_tokens": tokens}

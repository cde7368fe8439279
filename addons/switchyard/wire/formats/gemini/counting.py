"""Counts tokens as Gemini does (Google's reference, "Counting tokens")."""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import int_of
from switchyard.wire.encoding.members import object_of
from switchyard.wire.formats.gemini.paths import method_path
from switchyard.wire.formats.gemini.request_reader import read_request
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.errors import BadReply

_INNER = "generateContentRequest"
"""Member that holds a whole request to count, rather than its contents alone."""


class GeminiCount:
    """Implements `format.CountForm`."""

    def path(self, model: str) -> str:
        return method_path(model, "countTokens")

    def write(self, body: JsonObject, model: str) -> JsonObject:
        inner = body.get(_INNER)
        if isinstance(inner, dict) and "model" in inner:
            return {**body, _INNER: {**inner, "model": f"models/{model}"}}
        return body

    def read_request(self, body: JsonObject, model: str) -> Conversation:
        return read_request({**body, **object_of(body.get(_INNER)), "model": model})

    def check(self, body: JsonObject) -> None:
        # Protocol buffers omit a zero.
        if int_of(body.get("totalTokens")) is None and body.get("promptTokensDetails"):
            raise BadReply("the answer has no totalTokens")

    def write_reply(self, tokens: int) -> JsonObject:
        return {"totalTokens": tokens}

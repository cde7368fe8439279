"""Counts tokens as Gemini does (Google's reference, "Counting tokens")."""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import int_of
from switchyard.wire.encoding.members import object_of
from switchyard.wire.formats.gemini.paths import method_path
from switchyard.wire.formats.gemini.request_reader import read_request
from switchyard.wire.formats.gemini.spelling import service_in_camel_case
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.errors import BadReply

_INNER = ("generateContentRequest", "generate_content_request")
"""Members that hold a whole request to count, rather than its contents alone."""


class GeminiCount:
    """Implements `format.CountForm`."""

    def path(self, model: str) -> str:
        return method_path(model, "countTokens")

    def write(self, body: JsonObject, model: str) -> JsonObject:
        changed: JsonObject = {}
        for name in _INNER:
            inner = body.get(name)
            if isinstance(inner, dict) and "model" in inner:
                changed[name] = {**inner, "model": f"models/{model}"}
        return {**body, **changed} if changed else body

    def read_request(self, body: JsonObject, model: str) -> Conversation:
        body = service_in_camel_case(body)
        return read_request({**body, **object_of(body.get(_INNER[0])), "model": model})

    def check(self, body: JsonObject) -> None:
        body = service_in_camel_case(body)
        # Protocol buffers omit a zero.
        if int_of(body.get("totalTokens")) is None and body.get("promptTokensDetails"):
            raise BadReply("the answer has no totalTokens")

    def write_reply(self, tokens: int) -> JsonObject:
        return {"totalTokens": tokens}

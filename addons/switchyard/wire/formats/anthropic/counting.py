"""Counts tokens as Anthropic does (API reference, "Count Message tokens")."""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import int_of
from switchyard.wire.formats.anthropic.request_reader import read_request
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.errors import BadReply


class AnthropicCount:
    """Implements `format.CountForm`."""

    def path(self, model: str) -> str:
        return "/messages/count_tokens"

    def write(self, body: JsonObject, model: str) -> JsonObject:
        return body if body.get("model") == model else {**body, "model": model}

    def read_request(self, body: JsonObject, model: str) -> Conversation:
        return read_request({**body, "model": model})

    def check(self, body: JsonObject) -> None:
        if int_of(body.get("input_tokens")) is None:
            raise BadReply("the answer has no input_tokens")

    def write_reply(self, tokens: int) -> JsonObject:
        return {"input_tokens": tokens}

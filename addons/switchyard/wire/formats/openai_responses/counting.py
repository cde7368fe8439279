"""How Responses counts tokens. Source: API reference, "Get input token counts"."""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import int_of
from switchyard.wire.formats.openai_responses.request_reader import read_request
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.errors import BadReply


class ResponsesCount:
    """See `format.CountForm`."""

    def path(self, model: str) -> str:
        return "/responses/input_tokens"

    def write(self, body: JsonObject, model: str) -> JsonObject:
        return body if body.get("model") == model else {**body, "model": model}

    def read_request(self, body: JsonObject, model: str) -> Conversation:
        return read_request({**body, "model": model})

    def check(self, body: JsonObject) -> None:
        if int_of(body.get("input_tokens")) is None:
            raise BadReply("the response has no input_tokens")

    def write_reply(self, tokens: int) -> JsonObject:
        return {"object": "response.input_tokens", "input_tokens": tokens}

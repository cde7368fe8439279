"""Speaks Amazon's CodeWhisperer streaming API with providers: `/generateAssistantResponse`.

Kiro answers by it. Source: the API's model in `aws/amazon-q-developer-cli` (crate
`amzn-codewhisperer-streaming-client`), Apache License 2.0. Answers are always streams, in AWS'
event stream framing, which the relay takes off.
"""

from collections.abc import Mapping

from switchyard.wire.encoding.event_stream import CONTENT_TYPE
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import int_of
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.formats.codewhisperer.errors import find_error
from switchyard.wire.formats.codewhisperer.losses import LOSSES
from switchyard.wire.formats.codewhisperer.names import NAME
from switchyard.wire.formats.codewhisperer.names import ORIGIN
from switchyard.wire.formats.codewhisperer.request_reader import read_request
from switchyard.wire.formats.codewhisperer.request_writer import write_request
from switchyard.wire.formats.codewhisperer.stream_reader import CodeWhispererReader
from switchyard.wire.formats.openai_chat.one_sided import OneSided
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.errors import BadReply
from switchyard.wire.model.model_list import FoundModel
from switchyard.wire.model.model_list import ModelPage
from switchyard.wire.model.model_list import page_path

_HEADERS = {"accept": CONTENT_TYPE}


class CodeWhisperer(OneSided):
    """Implements the format `codewhisperer`, for providers only.

    What only clients need is that of Chat Completions.
    """

    name = NAME
    title = "CodeWhisperer"
    document_types = frozenset()
    losses = LOSSES
    version = ""
    call_path = "/generateAssistantResponse"

    read_request = staticmethod(read_request)
    write_request = staticmethod(write_request)
    stream_reader = CodeWhispererReader
    find_error = staticmethod(find_error)

    @staticmethod
    def read_reply(body: JsonObject) -> Reply:
        """Raises BadReply: answers are streams."""
        raise BadReply("the answer is no event stream, so it is not one of CodeWhisperer's")

    def headers(self) -> Mapping[str, str]:
        return _HEADERS

    def model_of(self, body: JsonObject) -> object:
        current = object_of(object_of(body.get("conversationState")).get("currentMessage"))
        return object_of(current.get("userInputMessage")).get("modelId")

    def with_model(self, body: JsonObject, model: str) -> JsonObject:
        if self.model_of(body) == model:
            return body
        state = object_of(body.get("conversationState"))
        current = object_of(state.get("currentMessage"))
        asked = {**object_of(current.get("userInputMessage")), "modelId": model}
        changed = {**state, "currentMessage": {**current, "userInputMessage": asked}}
        return {**body, "conversationState": changed}

    def asks_stream(self, body: JsonObject, path: str) -> bool | None:
        return True

    def with_stream(self, body: JsonObject, stream: bool) -> JsonObject:
        """Returns `body` itself: every answer is a stream."""
        return body

    def models_path(self, after: str = "") -> str:
        return page_path("/ListAvailableModels", origin=ORIGIN, maxResults=50, nextToken=after)

    def read_models(self, body: object) -> ModelPage:
        """Returns the models that a provider lists (the API's model, `ListAvailableModels`)."""
        listed = body.get("models") if isinstance(body, dict) else None
        if not isinstance(body, dict) or not isinstance(listed, list):
            raise ValueError("the response is not a list of models")
        return ModelPage(
            tuple(
                FoundModel(name, int_of(object_of(one.get("tokenLimits")).get("maxInputTokens")))
                for one in listed
                if isinstance(one, dict) and (name := text_of(one.get("modelId")))
            ),
            text_of(body.get("nextToken")),
        )

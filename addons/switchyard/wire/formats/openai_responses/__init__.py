"""Speaks OpenAI's Responses API, and the dialects of other providers.

Source: OpenAI's API reference, "Responses".
"""

from collections.abc import Iterator
from collections.abc import Sequence

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.format import EndpointPath
from switchyard.wire.format import Format
from switchyard.wire.formats.openai_chat.embeddings import EMBEDDINGS
from switchyard.wire.formats.openai_chat.names import CLIENT_HEADERS
from switchyard.wire.formats.openai_chat.names import SERVICES
from switchyard.wire.formats.openai_responses.compaction import find_compaction
from switchyard.wire.formats.openai_responses.compaction import summary_item
from switchyard.wire.formats.openai_responses.compaction import write_compacted
from switchyard.wire.formats.openai_responses.counting import COUNTING
from switchyard.wire.formats.openai_responses.empty_calls import mend_reply
from switchyard.wire.formats.openai_responses.errors import find_error
from switchyard.wire.formats.openai_responses.errors import write_error
from switchyard.wire.formats.openai_responses.history import without_foreign
from switchyard.wire.formats.openai_responses.losses import LOSSES
from switchyard.wire.formats.openai_responses.mender import ResponsesMender
from switchyard.wire.formats.openai_responses.names import NAME
from switchyard.wire.formats.openai_responses.proofs import MARKS
from switchyard.wire.formats.openai_responses.proofs import proofs_of
from switchyard.wire.formats.openai_responses.proofs import with_proofs
from switchyard.wire.formats.openai_responses.reply import read_reply
from switchyard.wire.formats.openai_responses.request_reader import read_request
from switchyard.wire.formats.openai_responses.request_writer import write_request
from switchyard.wire.formats.openai_responses.stream_reader import ResponsesStreamReader
from switchyard.wire.formats.openai_responses.stream_writer import ResponsesStreamWriter
from switchyard.wire.formats.openai_responses.stream_writer import write_reply
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.model_list import ModelEntry


class OpenAIResponses(Format):
    """Implements `format.Format` as `openai-responses`."""

    name = NAME
    title = "Responses"
    heartbeat = b": keepalive\n\n"
    document_types = frozenset({"*"})
    losses = LOSSES
    call_path = "/responses"
    endpoints = (
        EndpointPath("/responses"),
        EndpointPath("/responses/compact", "compact"),
        EndpointPath("/responses/input_tokens", "count"),
    )
    counting = COUNTING
    websocket = True
    stored_responses = True
    overflow_in_stream = True
    client_headers = CLIENT_HEADERS
    services = SERVICES
    request_marks = ((b'"input"', b'"model"', b'"input_text"'),)
    reply_marks = (b'"response.created"', b'"object":"response"', b'"object": "response"')
    embeddings = EMBEDDINGS

    without_sealed = staticmethod(without_foreign)
    find_compaction = staticmethod(find_compaction)
    write_summary = staticmethod(summary_item)
    with_proofs = staticmethod(with_proofs)
    proof_marks = MARKS
    proofs_of = staticmethod(proofs_of)
    read_request = staticmethod(read_request)
    write_request = staticmethod(write_request)
    read_reply = staticmethod(read_reply)
    write_reply = staticmethod(write_reply)
    mend_reply = staticmethod(mend_reply)
    stream_reader = ResponsesStreamReader
    stream_writer = ResponsesStreamWriter
    mender = ResponsesMender
    find_error = staticmethod(find_error)
    write_error = staticmethod(write_error)

    def with_stream(self, body: JsonObject, stream: bool) -> JsonObject:
        if body.get("stream") is stream or (not stream and body.get("stream") is None):
            return body
        # The API takes `stream_options` only with a stream.
        kept = {k: v for k, v in body.items() if stream or k != "stream_options"}
        return {**kept, "stream": stream}

    def unsaid_stops(self, stop: tuple[str, ...]) -> tuple[str, ...]:
        return stop

    def extra_members(self, conversation: Conversation) -> JsonObject:
        return conversation.extra

    def lone_features(self, left: JsonObject) -> Iterator[str]:
        yield from super().lone_features(left)
        if left.get("truncation") == "auto":
            yield "truncation"

    def write_models(self, models: Sequence[ModelEntry]) -> JsonObject:
        """Returns the list of models (API reference, "List models")."""
        data = [
            {"id": m.id, "object": "model", "created": m.created, "owned_by": m.owner}
            for m in models
        ]
        return {"object": "list", "data": data}


class CompactedResponses(OpenAIResponses):
    """Implements the format for the endpoint `/responses/compact`."""

    write_reply = staticmethod(write_compacted)

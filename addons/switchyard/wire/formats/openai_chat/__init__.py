"""Speaks OpenAI's Chat Completions API, and the dialects of most providers.

Source: OpenAI's API reference, "Chat Completions"; for the dialects the documentation of
OpenRouter, Azure OpenAI, Groq, Mistral, DeepSeek, xAI, vLLM, Perplexity, Z.ai and Google's
compatible endpoint.
"""

from collections.abc import Sequence

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.format import EndpointPath
from switchyard.wire.format import Format
from switchyard.wire.formats.openai_chat.call_texts import mend_reply
from switchyard.wire.formats.openai_chat.embeddings import EMBEDDINGS
from switchyard.wire.formats.openai_chat.errors import find_error
from switchyard.wire.formats.openai_chat.errors import write_error
from switchyard.wire.formats.openai_chat.losses import LOSSES
from switchyard.wire.formats.openai_chat.mender import ChatMender
from switchyard.wire.formats.openai_chat.mixed_dialect import standard
from switchyard.wire.formats.openai_chat.names import CLIENT_HEADERS
from switchyard.wire.formats.openai_chat.names import NAME
from switchyard.wire.formats.openai_chat.names import SERVICES
from switchyard.wire.formats.openai_chat.proofs import MARKS
from switchyard.wire.formats.openai_chat.proofs import with_proofs
from switchyard.wire.formats.openai_chat.reply import glance
from switchyard.wire.formats.openai_chat.reply import read_reply
from switchyard.wire.formats.openai_chat.reply import write_reply
from switchyard.wire.formats.openai_chat.request_reader import read_request
from switchyard.wire.formats.openai_chat.request_writer import write_request
from switchyard.wire.formats.openai_chat.stream_reader import ChatReader
from switchyard.wire.formats.openai_chat.stream_writer import ChatWriter
from switchyard.wire.formats.openai_chat.usage import asks_usage
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.model_list import ModelEntry


class OpenAIChat(Format):
    """Implements `format.Format` for Chat Completions."""

    name = NAME
    title = "Chat Completions"
    heartbeat = b": keepalive\n\n"
    tagged_thinking = True
    document_types = frozenset({"application/pdf"})
    losses = LOSSES
    call_path = "/chat/completions"
    endpoints = (EndpointPath("/chat/completions"), EndpointPath("/embeddings", "embed"))
    client_headers = CLIENT_HEADERS
    services = SERVICES
    request_marks = ((b'"messages"', b'"model"', b'"content"'),)
    reply_marks = (b'"chat.completion',)
    embeddings = EMBEDDINGS

    normalise = staticmethod(standard)
    read_request = staticmethod(read_request)
    write_request = staticmethod(write_request)
    read_reply = staticmethod(read_reply)
    write_reply = staticmethod(write_reply)
    glance = staticmethod(glance)
    with_proofs = staticmethod(with_proofs)
    proof_marks = MARKS
    mend_reply = staticmethod(mend_reply)
    stream_reader = ChatReader
    stream_writer = ChatWriter
    mender = ChatMender
    find_error = staticmethod(find_error)
    write_error = staticmethod(write_error)

    def with_stream(self, body: JsonObject, stream: bool) -> JsonObject:
        """Returns `body` with its stream flag set, and the usage requested if needed.

        The API takes `stream_options` only with a stream, so a client without one could not request
        the usage. This method therefore requests it; it keeps the `stream_options` of a client that
        streams.
        """
        if body.get("stream") is stream:
            return body
        if stream:
            return {"stream_options": {"include_usage": True}, **body, "stream": True}
        return {k: v for k, v in body.items() if k != "stream_options"} | {"stream": False}

    def with_usage(self, body: JsonObject) -> JsonObject:
        """Returns the body of a stream with `stream_options.include_usage`.

        Without it a stream reports no token counts (API reference, "Create chat completion").
        """
        options = body.get("stream_options")
        if asks_usage(body) or not isinstance(options, dict | None):
            return body
        return {**body, "stream_options": {**(options or {}), "include_usage": True}}

    def extra_members(self, conversation: Conversation) -> JsonObject:
        return conversation.extra

    def write_models(self, models: Sequence[ModelEntry]) -> JsonObject:
        """Returns the list of models, with `context_length` where the router knows it.

        Source: OpenAI's reference, "Models"; `context_length` is OpenRouter's.
        """
        return {"object": "list", "data": [_model(entry) for entry in models]}


def _model(entry: ModelEntry) -> JsonObject:
    model: JsonObject = {
        "id": entry.id,
        "object": "model",
        "created": entry.created,
        "owned_by": entry.owner,
    }
    if entry.context_window is not None:
        model["context_length"] = entry.context_window
    return model

"""Speaks OpenAI's legacy Completions API: one prompt in, its continuation out.

Source: OpenAI's API reference, "Completions (legacy)"; for the dialects the documentation of vLLM,
Together and Writer. Headers, the `stream` member and errors are those of `openai_chat`.
"""

from collections.abc import Iterator

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.format import EndpointPath
from switchyard.wire.format import Format
from switchyard.wire.formats.openai_chat import OpenAIChat
from switchyard.wire.formats.openai_completions.losses import LOSSES
from switchyard.wire.formats.openai_completions.mender import CompletionsMender
from switchyard.wire.formats.openai_completions.names import NAME
from switchyard.wire.formats.openai_completions.reply import read_reply
from switchyard.wire.formats.openai_completions.reply import write_reply
from switchyard.wire.formats.openai_completions.request_reader import read_request
from switchyard.wire.formats.openai_completions.request_writer import write_request
from switchyard.wire.formats.openai_completions.stream_reader import CompletionsReader
from switchyard.wire.formats.openai_completions.stream_writer import CompletionsWriter
from switchyard.wire.model.conversation import Conversation


class OpenAICompletions(OpenAIChat):
    """Implements `format.Format` for legacy Completions."""

    name = NAME
    title = "Completions"
    tagged_thinking = False
    document_types = frozenset()
    losses = LOSSES
    call_path = "/completions"
    endpoints = (EndpointPath("/completions"),)
    request_marks = ()
    reply_marks = (b'"text_completion"',)

    normalise = staticmethod(Format.normalise)
    glance = staticmethod(Format.glance)
    read_request = staticmethod(read_request)
    write_request = staticmethod(write_request)
    read_reply = staticmethod(read_reply)
    write_reply = staticmethod(write_reply)
    stream_reader = CompletionsReader
    stream_writer = CompletionsWriter
    mender = CompletionsMender

    def extra_members(self, conversation: Conversation) -> JsonObject:
        return conversation.extra.get(NAME, EMPTY)

    def lone_features(self, left: JsonObject) -> Iterator[str]:
        yield from super().lone_features(left)
        if left.get("logprobs") is not None:
            yield "completion-logprobs"

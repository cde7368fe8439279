"""OpenAI's legacy Completions API: one prompt in, its continuation out.

Source: OpenAI's API reference, "Completions (legacy)"; for the dialects the documentation of vLLM,
Together and Writer. What it shares with Chat Completions (headers, the switch for streams, errors)
is Chat's own.
"""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.format import Asked
from switchyard.wire.format import Mender
from switchyard.wire.format import StreamReader
from switchyard.wire.format import StreamWriter
from switchyard.wire.formats.openai_chat import OpenAIChat
from switchyard.wire.formats.openai_completions import reply as replies
from switchyard.wire.formats.openai_completions import request_writer as requests
from switchyard.wire.formats.openai_completions.mender import CompletionsMender
from switchyard.wire.formats.openai_completions.names import NAME
from switchyard.wire.formats.openai_completions.request_reader import read_request
from switchyard.wire.formats.openai_completions.stream_reader import CompletionsReader
from switchyard.wire.formats.openai_completions.stream_writer import CompletionsWriter
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Reply


class OpenAICompletions(OpenAIChat):
    """See `format.Format`."""

    name = NAME

    def path(self, model: str, stream: bool) -> str:
        return "/completions"

    def read_request(self, body: JsonObject) -> Conversation:
        return read_request(body)

    def write_request(self, conversation: Conversation) -> JsonObject:
        return requests.write_request(conversation)

    def read_reply(self, body: JsonObject) -> Reply:
        return replies.read_reply(body)

    def write_reply(self, reply: Reply, asked: Asked) -> JsonObject:
        return replies.write_reply(reply, asked)

    def stream_reader(self) -> StreamReader:
        return CompletionsReader()

    def stream_writer(self, asked: Asked) -> StreamWriter:
        return CompletionsWriter(asked)

    def mender(self, asked: Asked) -> Mender:
        return CompletionsMender(asked)

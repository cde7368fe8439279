"""OpenAI's legacy Completions API: one prompt in, its continuation out.

Source: OpenAI's API reference, "Completions (legacy)"; for the dialects the documentation of vLLM,
Together and Writer. What it shares with Chat Completions (headers, the switch for streams, errors)
is Chat's own.
"""

from addons.wire.conversation import Conversation
from addons.wire.conversation import Reply
from addons.wire.format import Asked
from addons.wire.format import Mender
from addons.wire.format import StreamReader
from addons.wire.format import StreamWriter
from addons.wire.jsonio import JsonObject
from addons.wire.openai_chat import OpenAIChat
from addons.wire.openai_completions import reply as replies
from addons.wire.openai_completions import request as requests
from addons.wire.openai_completions.mend import CompletionsMender
from addons.wire.openai_completions.names import NAME
from addons.wire.openai_completions.stream import CompletionsReader
from addons.wire.openai_completions.stream import CompletionsWriter


class OpenAICompletions(OpenAIChat):
    """See `format.Format`."""

    name = NAME

    def path(self, model: str, stream: bool) -> str:
        return "/completions"

    def read_request(self, body: JsonObject) -> Conversation:
        return requests.read_request(body)

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

"""Speaks Cohere's Chat API, version 2, with clients: `/v2/chat`.

Source: Cohere's API reference, "Chat" and "Chat with Streaming". A request is read as the one of
Chat Completions that means the same; providers are asked in their own formats.
"""

from switchyard.wire.format import EndpointPath
from switchyard.wire.formats.cohere.errors import write_error
from switchyard.wire.formats.cohere.names import NAME
from switchyard.wire.formats.cohere.reply import read_reply
from switchyard.wire.formats.cohere.reply import write_reply
from switchyard.wire.formats.cohere.request_reader import read_request
from switchyard.wire.formats.cohere.stream_reader import CohereReader
from switchyard.wire.formats.cohere.stream_writer import CohereWriter
from switchyard.wire.formats.openai_chat import OpenAIChat
from switchyard.wire.formats.openai_chat.one_sided import OneSided

_PATH = "/v2/chat"


class CohereChat(OneSided):
    """Implements the format `cohere`, for clients only.

    What only providers need is that of Chat Completions.
    """

    name = NAME
    title = "Cohere's Chat"
    version = "v2"
    call_path = "/chat"
    own_endpoints = (EndpointPath(_PATH),)

    read_request = staticmethod(read_request)
    read_reply = staticmethod(read_reply)
    write_reply = staticmethod(write_reply)
    stream_reader = CohereReader
    stream_writer = CohereWriter
    write_error = staticmethod(write_error)

    @property
    def provider_format(self) -> str:
        return OpenAIChat.name

    def is_client(self, headers: object, path: str) -> bool:
        return path.partition("?")[0] == _PATH

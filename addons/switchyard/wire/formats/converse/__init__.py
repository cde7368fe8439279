"""Speaks Amazon Bedrock's Converse API with providers: `/model/{id}/converse`.

All models of Bedrock that converse answer by it: Nova, Llama, Mistral, DeepSeek and others. Source:
Bedrock's API reference, "Converse" and "ConverseStream". Streams are in AWS' event stream framing,
which the relay takes off.
"""

from urllib.parse import quote

from switchyard.wire.encoding.event_stream import CONTENT_TYPE
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import rest
from switchyard.wire.formats.converse.errors import find_error
from switchyard.wire.formats.converse.losses import LOSSES
from switchyard.wire.formats.converse.names import DOCUMENTS
from switchyard.wire.formats.converse.names import NAME
from switchyard.wire.formats.converse.proofs import MARKS
from switchyard.wire.formats.converse.proofs import with_proofs
from switchyard.wire.formats.converse.reply import read_reply
from switchyard.wire.formats.converse.request_reader import read_request
from switchyard.wire.formats.converse.request_writer import write_request
from switchyard.wire.formats.converse.settings import is_instructed
from switchyard.wire.formats.converse.stream_reader import ConverseReader
from switchyard.wire.formats.openai_chat.one_sided import OneSided
from switchyard.wire.model.conversation import Output


class Converse(OneSided):
    """Implements the format `converse`, for providers only.

    What only clients need is that of Chat Completions.
    """

    name = NAME
    title = "Bedrock's Converse"
    content_type = CONTENT_TYPE
    document_types = frozenset(DOCUMENTS)
    losses = LOSSES
    version = ""
    platform = "bedrock"
    call_path = ""
    proof_marks = MARKS

    with_proofs = staticmethod(with_proofs)
    read_request = staticmethod(read_request)
    write_request = staticmethod(write_request)
    read_reply = staticmethod(read_reply)
    stream_reader = ConverseReader
    find_error = staticmethod(find_error)

    def path(self, model: str, stream: bool) -> str:
        method = "converse-stream" if stream else "converse"
        return f"/model/{quote(model, safe='')}/{method}"

    def is_instructed(self, output: Output, model: str) -> bool:
        return is_instructed(output, model)

    def unsaid_stops(self, stop: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(one for one in stop if not one.strip())

    def with_model(self, body: JsonObject, model: str) -> JsonObject:
        """Returns `body` without a model, which the path names."""
        return rest(body, "model") if "model" in body else body

    def with_stream(self, body: JsonObject, stream: bool) -> JsonObject:
        """Returns `body` without a stream flag, which the path has."""
        return rest(body, "stream") if "stream" in body else body

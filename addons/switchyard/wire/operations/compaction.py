"""Has a provider shorten a conversation: `POST /responses/compact`.

Source: OpenAI's reference, "Compact a response". A provider that compacts by itself is asked in its
own words, and its result is encrypted for it. At any other the router asks for a summary instead,
as a conversation (see `shared.compaction`).
"""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.format import Format
from switchyard.wire.formats.openai_responses.usage import read_usage
from switchyard.wire.model.errors import BadReply
from switchyard.wire.operations.operation import OperationReply
from switchyard.wire.registry import FORMATS
from switchyard.wire.shared.compaction import compacted


class Compacting:
    """The client's call; see `operation.Operation`."""

    service = "compaction"
    needs_provider = True
    formats = frozenset(FORMATS)

    def __init__(self, client: Format, body: JsonObject) -> None:
        """`body` is the client's, with what it names of the router's own memory in full."""
        self._client = client
        self._body = body

    def path(self, format: str, model: str) -> str:
        return "/responses/compact"

    def write(self, format: str, model: str) -> JsonObject:
        client, body = self._client, self._body
        found = client.find_compaction(body)
        if found is not None and found.ours:
            body = client.write_request(compacted(client.read_request(body), ours=True))
        return client.with_model(client.without_sealed(body), model)

    def lost(self, format: str) -> list[str]:
        """Nothing: the body stays as it is."""
        return []

    def read(self, format: str, body: JsonObject) -> OperationReply:
        if not isinstance(body.get("output"), list):
            raise BadReply("the response holds no compacted output")
        return OperationReply(None, read_usage(body.get("usage")))

    def estimate(self, model: str) -> None:
        """Nothing: only a provider can read what it made."""

"""Implements Anthropic's Messages API and the dialects of its imitators.

Source: API reference, "Messages".
"""

import re
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from datetime import UTC
from datetime import datetime

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import text_of
from switchyard.wire.format import EndpointPath
from switchyard.wire.format import Format
from switchyard.wire.formats.anthropic.attribution import without_attribution
from switchyard.wire.formats.anthropic.blocks import NAME
from switchyard.wire.formats.anthropic.compaction import find_compaction
from switchyard.wire.formats.anthropic.compaction import summary_block
from switchyard.wire.formats.anthropic.counting import COUNTING
from switchyard.wire.formats.anthropic.errors import find_error
from switchyard.wire.formats.anthropic.errors import write_error
from switchyard.wire.formats.anthropic.losses import LOSSES
from switchyard.wire.formats.anthropic.mender import AnthropicMender
from switchyard.wire.formats.anthropic.proofs import MARKS
from switchyard.wire.formats.anthropic.proofs import with_proofs
from switchyard.wire.formats.anthropic.reply import glance
from switchyard.wire.formats.anthropic.reply import read_reply
from switchyard.wire.formats.anthropic.reply import write_reply
from switchyard.wire.formats.anthropic.request_reader import read_request
from switchyard.wire.formats.anthropic.request_writer import write_request
from switchyard.wire.formats.anthropic.schema import enforceable
from switchyard.wire.formats.anthropic.sealed import without_sealed
from switchyard.wire.formats.anthropic.stream_reader import AnthropicStreamReader
from switchyard.wire.formats.anthropic.stream_writer import AnthropicStreamWriter
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Output
from switchyard.wire.model.model_list import PER_PAGE
from switchyard.wire.model.model_list import ModelEntry
from switchyard.wire.model.model_list import ModelPage
from switchyard.wire.model.model_list import page_path
from switchyard.wire.model.model_list import read_models
from switchyard.wire.model.services import Services

_TAKES_PREFILL = re.compile(r"claude-(?:instant|2|3)|claude-[a-z]+-4-(?:0|1|5|2025)")
"""Claude models that continue a final assistant turn; later ones refuse it (Anthropic's reference,
"Prefill Claude's response")."""


class Anthropic(Format):
    """Implements the format `anthropic`; see `format.Format` for each member."""

    name = NAME
    title = "Anthropic"
    content_type = "text/event-stream; charset=utf-8"
    heartbeat = b'event: ping\ndata: {"type":"ping"}\n\n'
    document_types = frozenset({"application/pdf"})
    losses = LOSSES
    gives_sound = False
    sdk_adds_version = True
    auth = "x-api-key"
    call_path = "/messages"
    endpoints = (EndpointPath("/messages"), EndpointPath("/messages/count_tokens", "count"))
    client_headers = ("anthropic-*", "x-anthropic-*", "x-claude-*")
    request_marks = (
        (b'"messages"', b'"anthropic_version"'),
        (b'"messages"', b'"model"', b'"max_tokens"', b'"input_schema"'),
    )
    reply_marks = (b'"message_start"',)
    counting = COUNTING
    services = Services(
        frozenset({"/messages/batches", "/messages/batches/", "/files", "/files/"}),
    )

    portable = staticmethod(without_attribution)
    without_sealed = staticmethod(without_sealed)
    find_compaction = staticmethod(find_compaction)
    write_summary = staticmethod(summary_block)
    with_proofs = staticmethod(with_proofs)
    proof_marks = MARKS
    read_request = staticmethod(read_request)
    write_request = staticmethod(write_request)
    read_reply = staticmethod(read_reply)
    write_reply = staticmethod(write_reply)
    glance = staticmethod(glance)
    stream_reader = AnthropicStreamReader
    stream_writer = AnthropicStreamWriter
    mender = AnthropicMender
    find_error = staticmethod(find_error)
    write_error = staticmethod(write_error)

    def headers(self) -> Mapping[str, str]:
        return {"anthropic-version": "2023-06-01"}

    def is_client(self, headers: Mapping[str, str], path: str) -> bool:
        return "anthropic-version" in headers

    def takes_prefill(self, model: str, thinks: bool) -> bool:
        return not thinks and _TAKES_PREFILL.search(model) is not None

    def is_instructed(self, output: Output, model: str) -> bool:
        return enforceable(output, model) is None

    def unsaid_stops(self, stop: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(one for one in stop if not one.strip())

    def extra_members(self, conversation: Conversation) -> JsonObject:
        return conversation.extra

    def lone_features(self, left: JsonObject) -> Iterator[str]:
        yield from super().lone_features(left)
        if left.get("cache_control"):
            yield "cache_control"

    def models_path(self, after: str = "") -> str:
        return page_path("/models", limit=PER_PAGE, after_id=after)

    def read_models(self, body: object) -> ModelPage:
        page = read_models(body)
        if not isinstance(body, dict) or body.get("has_more") is not True:
            return page
        return ModelPage(page.models, text_of(body.get("last_id")))

    def write_models(self, models: Sequence[ModelEntry]) -> JsonObject:
        """Returns the body of `GET /v1/models` (API reference, "List models")."""
        data = [_model(entry) for entry in models]
        return {
            "data": data,
            "has_more": False,
            "first_id": data[0]["id"] if data else None,
            "last_id": data[-1]["id"] if data else None,
        }


def _model(entry: ModelEntry) -> JsonObject:
    created = datetime.fromtimestamp(entry.created, UTC)
    model: JsonObject = {
        "type": "model",
        "id": entry.id,
        "display_name": entry.id,
        "created_at": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lifecycle": "active",
    }
    if entry.context_window is not None:
        model["max_input_tokens"] = entry.context_window
    return model

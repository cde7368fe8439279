"""Makes the record of a call that was refused before it became an exchange."""

from collections.abc import Mapping
from dataclasses import dataclass

from switchyard.config.client_keys import ClientKey
from switchyard.recording.request_record import OPERATIONS
from switchyard.recording.request_record import Ending
from switchyard.recording.request_record import milliseconds
from switchyard.recording.request_record import name_of_key
from switchyard.recording.request_record import project_of
from switchyard.usage.records import EndState
from switchyard.usage.records import RequestRecord
from switchyard.usage.tools import tool_of
from switchyard.wire.format import Endpoint
from switchyard.wire.model.errors import kind_of_status


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedCall:
    """A request that never became an exchange: refused by its head or body, or answered here."""

    id: str
    endpoint: Endpoint
    told: Mapping[str, str]
    """By `told_by`."""
    client: ClientKey | None
    started: float
    """Unix seconds."""
    size: int
    """Bytes of the request's body as far as it was read."""


def record_of_refusal(refusal: RefusedCall, ending: Ending) -> RequestRecord:
    """Return the record of a request without an exchange."""
    tool, version = tool_of(refusal.told.get("user-agent"))
    state: EndState = "complete"
    if ending.left:
        state = "client-left"
    elif ending.status is None or ending.status >= 400:
        state = "refused"
    endpoint, client = refusal.endpoint, refusal.client
    return RequestRecord(
        id=bytes.fromhex(refusal.id),
        started=refusal.started,
        operation=OPERATIONS.get(endpoint.kind, endpoint.kind),
        client_key=name_of_key(client) if client is not None else None,
        tool=tool,
        tool_version=version,
        project=project_of(refusal.told, client),
        format_in=endpoint.format.name,
        status=ending.status,
        state=state,
        error=kind_of_status(ending.status) if state == "refused" and ending.status else None,
        end_ms=milliseconds(ending.now - refusal.started),
        bytes_in=refusal.size,
        bytes_out=ending.size,
    )

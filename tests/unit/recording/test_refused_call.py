"""Records of calls that were refused before they became exchanges."""

import pytest

from switchyard.config.client_keys import ClientKey
from switchyard.recording.refused_call import RefusedCall
from switchyard.recording.refused_call import record_of_refusal
from switchyard.recording.request_record import Ending
from switchyard.usage.ids import new_hex
from switchyard.wire.format import Endpoint
from switchyard.wire.format import EndpointKind
from switchyard.wire.registry import FORMATS
from tests.unit.usage.support import NOON


def refused(kind: EndpointKind = "generate") -> RefusedCall:
    return RefusedCall(
        id=new_hex(),
        endpoint=Endpoint(kind, FORMATS["anthropic"]),
        told={"user-agent": "claude-cli/2.1.0 (external, cli)"},
        client=ClientKey.model_validate({"key": "sk-1", "name": "alice", "project": "yard"}),
        started=NOON,
        size=200,
    )


@pytest.mark.parametrize(
    ("status", "left", "state", "error"),
    [
        (401, False, "refused", "authentication"),
        (429, False, "refused", "rate_limit"),
        (None, False, "refused", None),
        (401, True, "client-left", None),
        (200, False, "complete", None),
    ],
)
def test_how_it_ended(status: int | None, left: bool, state: str, error: str | None) -> None:
    end = Ending(status=status, left=left, size=40, headed=None, at=0.0, now=NOON + 0.25)
    record = record_of_refusal(call := refused(), end)
    assert (record.state, record.error, record.status) == (state, error, status)
    assert (record.client_key, record.project, record.tool) == ("alice", "yard", "claude-code")
    assert (record.id.hex(), record.end_ms) == (call.id, 250)
    assert (record.bytes_in, record.bytes_out, record.attempts) == (200, 40, 0)


def test_operations_have_their_names() -> None:
    end = Ending(status=401, left=False, size=0, headed=None, at=0.0, now=NOON)
    assert record_of_refusal(refused("count"), end).operation == "count-tokens"

"""Whether a conversation has a tool call of an id, asked while its answer is passed on."""

from types import SimpleNamespace
from typing import Any
from typing import cast

from switchyard.attempt.body import has_called
from switchyard.exchange.exchange import Call
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.registry import FORMATS

USED = {"type": "tool_use", "id": "call_0", "name": "f", "input": {}}
HISTORY: list[Any] = [
    {"role": "user", "content": "call_1"},
    {"role": "assistant", "content": [USED]},
]


class Asking(SimpleNamespace):
    """A call as far as it matters here; counts how often its conversation is read."""

    reads = 0

    @property
    def conversation(self) -> object:
        self.reads += 1
        return FORMATS["anthropic"].read_request(self.body)


def asking(messages: Any, recalled: bool = False) -> Asking:
    body = {"model": "m", "max_tokens": 9, "messages": messages}
    return Asking(body=body, raw=b"{}" if recalled else dumps(body), recalled=recalled)


def test_only_the_ids_of_calls_are_taken() -> None:
    call = asking(HISTORY)
    assert has_called(cast(Call, call), "call_0")
    assert not has_called(cast(Call, call), "call_1")


def test_an_id_that_the_request_lacks_reads_nothing() -> None:
    call = asking(HISTORY)
    assert not has_called(cast(Call, call), "call_2") and call.reads == 0


def test_a_recalled_history_counts_as_well() -> None:
    assert has_called(cast(Call, asking(HISTORY, recalled=True)), "call_0")


def test_a_request_that_only_the_provider_can_read_has_no_known_calls() -> None:
    class Unreadable(Asking):
        @property
        def conversation(self) -> object:
            raise BadRequest("no")

    call = Unreadable(raw=b'"call_0"', recalled=False)
    assert not has_called(cast(Call, call), "call_0")

"""Words by which an answer's end says that the answer is broken."""

import pytest

from switchyard.wire.model.conversation import Stop
from switchyard.wire.shared.broken_ends import BROKEN_END
from switchyard.wire.shared.broken_ends import broken_end
from switchyard.wire.shared.broken_ends import is_broken


@pytest.mark.parametrize(
    "word",
    [
        "MALFORMED_FUNCTION_CALL",
        "function_call_filter: MALFORMED_FUNCTION_CALL",
        "network_error",
        "insufficient_system_resource",
        "error",
        "abort",
        "OTHER",
    ],
)
def test_broken(word: str):
    assert is_broken(word)
    error = broken_end(Stop(reason="error", raw=word))
    assert (error.type, error.http_status) == (BROKEN_END, 502)
    assert error.code is not None and word.endswith(error.code) and error.code in error.message


@pytest.mark.parametrize(
    "word",
    ["stop", "other", "length", "tool_calls", "content_filter: RECITATION", "", None, 3, "x" * 500],
)
def test_not_broken(word: object):
    assert not is_broken(word)


def test_what_a_provider_says_besides_is_told():
    stop = Stop(reason="error", raw="MALFORMED_FUNCTION_CALL", details="print(default_api.f)")
    assert "print(default_api.f)" in broken_end(stop).message

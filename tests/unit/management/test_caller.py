"""The caller goes from the proxy to the API in a header."""

import pytest

from switchyard.management.caller import Caller
from switchyard.management.caller import decode_caller


@pytest.mark.parametrize(
    "caller",
    [
        Caller(peer="127.0.0.1"),
        Caller(peer="::1", who="Zoë", holder="client:1", role="viewer", is_own_page=True),
    ],
)
def test_there_and_back(caller: Caller) -> None:
    value = caller.encoded()
    assert value.isascii()
    assert decode_caller(value) == caller


@pytest.mark.parametrize("value", ["", "W10=", "e30"])
def test_what_is_no_caller(value: str) -> None:
    with pytest.raises(ValueError):
        decode_caller(value)

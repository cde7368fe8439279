"""Ids of responses in the client's format."""

import pytest

from switchyard.wire.format import Asked
from switchyard.wire.shared.response_ids import answer_id

FIRST = Asked(model="m", id="1" * 32, created=1)
SECOND = Asked(model="m", id="2" * 32, created=1)
LONG = "BdQ7pX0aVnT4uY2kRw8sZe"


def test_the_providers_own_id_stays_in_its_own_format():
    assert answer_id("msg_7", "msg_", FIRST, home=True) == "msg_7"


@pytest.mark.parametrize("given", [f"chatcmpl-{LONG}", f"msg_{LONG}", LONG])
def test_an_id_that_is_long_enough_gets_the_prefix_of_the_clients_format(given: str):
    assert answer_id(given, "msg_", FIRST, home=False) == f"msg_{LONG}"


@pytest.mark.parametrize(
    "given", ["chatcmpl-417", "resp_417", "msg_417", "417", "chatcmpl-", "", None]
)
def test_an_id_that_may_come_again_is_another_one_for_each_request(given: str | None):
    """Ollama's Chat completions have three digits."""
    first, second = (answer_id(given, "msg_", asked, home=False) for asked in (FIRST, SECOND))
    assert first != second
    assert first.startswith("msg_") and first.count("msg_") == 1
    assert ("417" in first) == ("417" in (given or ""))

"""What a client wrote says nothing about a provider's keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.policy.client_words import ClientWords
from addons.policy.failures import Seen
from addons.policy.records import brief_of
from tests.policy.test_failures import TABLE

POISON = [
    "invalid api key",
    "api key is not valid",
    "insufficient credits",
    "credit balance is too low",
    "usage limit reached",
    "billing is not active",
    "not available in your country",
    "organization has been disabled",
    "Incorrect API key provided: sk-abc",
    "User location is not supported for the API use.",
]
WORDINGS = [
    "Invalid value: '{}'. Supported values are: 'system', 'assistant', 'user'.",
    "{} is not a valid model ID",
    "Unrecognized request argument supplied: {}",
    "{}",
    "Error: {}.",
    'Input should be "user" or "assistant", got "{}"',
]


@pytest.mark.parametrize("status", [400, 404, 409, 413, 422])
@pytest.mark.parametrize("wording", WORDINGS)
@pytest.mark.parametrize("poison", POISON)
def test_a_quoted_value_locks_no_key(poison: str, wording: str, status: int):
    said = wording.format(poison)
    words = ClientWords({"messages": [{"role": poison, "content": "x"}]})
    verdict = TABLE.classify(Seen(status=status, message=said, client=words))
    assert verdict.cls in ("request", "model"), verdict
    assert verdict.scope == "none" or verdict.unsure


@pytest.mark.parametrize("status", [400, 409, 413, 422])
@pytest.mark.parametrize("wording", WORDINGS[:3] + WORDINGS[4:])
@pytest.mark.parametrize("poison", POISON)
def test_nor_does_one_that_the_provider_changed(poison: str, wording: str, status: int):
    seen = Seen(status=status, message=wording.format(poison), client=ClientWords({"a": "other"}))
    verdict = TABLE.classify(seen)
    assert verdict.scope == "none" or verdict.cls == "model"


@pytest.mark.parametrize("status", [403, 429, 500, None])
def test_quoted_values_count_for_nothing_at_other_statuses(status: int | None):
    kind = "status" if status else "event"
    plain = Seen(kind=kind, status=status, message="flagged: '...'")
    quoted = Seen(
        kind=kind,
        status=status,
        message="flagged: 'invalid api key, insufficient credits'",
        client=ClientWords({"content": "say Invalid API key, insufficient credits, please"}),
    )
    assert TABLE.classify(quoted) == TABLE.classify(plain)


@pytest.mark.parametrize(
    ("seen", "scope"),
    [
        (Seen(status=400, code="invalid_api_key", message="no"), "key"),
        (Seen(status=400, type="INVALID_ARGUMENT", reasons=("API_KEY_INVALID",)), "key"),
        (Seen(status=400, message="API key not valid. Please pass a valid API key."), "key"),
        (Seen(status=400, message="x: API key not valid. Please pass a valid API key."), "none"),
        (Seen(status=401, message="invalid api key"), "key"),
        (Seen(status=404, message="The model `m` does not exist."), "model"),
        (Seen(kind="body", message="x invalid api key", type="invalid_request_error"), "none"),
    ],
)
def test_what_a_provider_says_itself_still_counts(seen: Seen, scope: str):
    assert TABLE.classify(seen).scope == scope


def test_a_code_that_the_client_wrote_is_none():
    words = ClientWords({"model": "invalid_api_key"})
    seen = Seen(status=400, code="invalid_api_key", message="no", client=words)
    assert TABLE.classify(seen).cls == "request"
    assert brief_of(seen) == "HTTP status 400"


def test_plain_words_of_a_request_take_nothing_from_a_provider():
    words = ClientWords({"role": "user", "tool": {"name": "credit", "description": "balance"}})
    message = "Your credit balance is too low"
    assert words.without(message) == message
    assert words.without("'user' is 'CREDIT-card'") == "'user' is 'CREDIT-card'"
    assert ClientWords({"x": "a-b"}).without("is A-B, not a-bc") == "is ***, not a-bc"


@given(st.recursive(st.text() | st.none() | st.integers(), lambda x: st.lists(x) | st.dictionaries(
    st.text(), x)), st.text())  # fmt: skip
def test_anything_may_be_said(said: object, text: str):
    words = ClientWords(said)
    words.without(text)
    words.has(text)
    words.without_any(said)


def test_a_request_of_very_many_values_speaks_for_all():
    words = ClientWords([f"value-{n}" for n in range(60_000)])
    assert words.without("invalid api key") == "***"

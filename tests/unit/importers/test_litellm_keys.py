"""LiteLLM's virtual keys: their holders keep them."""

import hashlib

from switchyard.clients.key_table import KeyTable
from switchyard.importers.importing import ImportOptions
from switchyard.importers.importing import import_members
from switchyard.importers.litellm import draft_litellm
from switchyard.importers.litellm_keys import add_litellm_keys
from tests.unit.importers.running import FILE
from tests.unit.importers.running import HEADING
from tests.unit.importers.running import left_out

KEY = "sk-the-holder-has-this"
LISTED = {
    "keys": [
        {
            "token": hashlib.sha256(KEY.encode()).hexdigest(),
            "key_alias": "alice",
            "key_name": "sk-...this",
            "models": ["gpt-4o", "all-proxy-models"],
            "rpm_limit": 60,
            "tpm_limit": None,
            "max_budget": 12.5,
            "budget_duration": "30d",
            "max_parallel_requests": 4,
            "expires": "2031-01-31T00:00:00Z",
            "blocked": None,
            "spend": 3.2,
            "team_id": "t1",
            "metadata": {},
            "surprise": 1,
        },
        {"token": hashlib.sha256(b"other").hexdigest(), "key_alias": "alice", "max_budget": 1},
        {"token": "not-a-hash", "key_alias": "odd"},
    ],
    "total_pages": 1,
}
CONFIG = {"model_list": [{"model_name": "gpt-4o", "litellm_params": {"model": "openai/gpt-4o",
                                                                    "api_key": "x"}}]}  # fmt: skip
MADE = import_members(
    CONFIG, draft_litellm, HEADING, ImportOptions({}, FILE), (add_litellm_keys, LISTED)
)


def test_a_key_is_found_by_what_its_holder_sends() -> None:
    key = KeyTable(MADE.config.clients).find(KEY)
    assert key is not None
    assert key.label == "alice"
    assert key.models.patterns == ("gpt-4o",)
    assert key.limits.requests[0].amount == 60
    assert key.budgets.month == 12_500_000_000
    assert key.concurrency == 4
    assert key.expires is not None
    assert key.expires.year == 2031


def test_names_are_unique_and_budgets_without_a_period_are_for_good() -> None:
    second = MADE.config.clients.api_keys[1]
    assert second.name == "alice-2"
    assert second.budgets.total == 1_000_000_000


def test_what_is_left_out() -> None:
    lost = left_out(MADE)
    assert {"keys[0].spend", "keys[0].team_id", "keys[0].surprise", "keys[2]"} == {*lost}

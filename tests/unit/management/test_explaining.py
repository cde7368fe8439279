"""A name's plan is explained without asking a provider."""

import pytest

from switchyard.config.client_keys import ClientKey
from switchyard.management.explaining import explain
from switchyard.routing.catalog import UnknownModel
from tests.support.runtime import make_runtime


def test_a_combo_in_its_order() -> None:
    runtime = make_runtime()
    snapshot, health = runtime.snapshot, runtime.state.health
    explained = explain(snapshot.catalog, snapshot.routes, "stack", None, health)
    assert explained["usable"] == ["chat/m", "claude/c"]
    assert "chat/m comes first" in explained["reason"]
    first = explained["members"][0]["targets"][0]
    assert [one["id"] for one in first["credentials"]] == ["chat#0", "chat#1"]
    assert all(one["usable"] for one in first["credentials"])
    assert "own-chat-key" not in str(explained)


def test_without_a_running_router_nothing_is_known_of_cooldowns() -> None:
    snapshot = make_runtime().snapshot
    explained = explain(snapshot.catalog, snapshot.routes, "chat/m", None, None)
    credential = explained["members"][0]["targets"][0]["credentials"][0]
    assert credential["state"] == "unknown"


def test_a_key_that_may_not_ask_for_it() -> None:
    snapshot = make_runtime().snapshot
    client = ClientKey.model_validate({"key": "sk-client-1", "name": "joe", "models": ["claude/*"]})
    explained = explain(snapshot.catalog, snapshot.routes, "stack", client, None)
    assert explained["allowed"] is False
    assert "joe" in explained["reason"]


def test_an_unknown_name() -> None:
    snapshot = make_runtime().snapshot
    with pytest.raises(UnknownModel):
        explain(snapshot.catalog, snapshot.routes, "nowhere/at-all", None, None)

"""Client keys, found by what clients send."""

from hypothesis import given
from hypothesis import strategies as st

from switchyard.clients.key_format import issue_key
from switchyard.clients.key_format import key_hash
from switchyard.clients.key_table import KeyTable
from switchyard.config.client_keys import ClientSettings

ISSUED = issue_key()


def table(**settings: object) -> KeyTable:
    written = {name.replace("_", "-"): value for name, value in settings.items()}
    return KeyTable(ClientSettings.model_validate(written))


def test_keys_are_found_in_clear_and_by_their_hash() -> None:
    keys = table(
        api_keys=[{"key": "in-clear", "name": "a"}, {"key-hash": ISSUED.hash, "name": "b"}]
    )
    assert [key and key.name for key in map(keys.find, ("in-clear", ISSUED.text))] == ["a", "b"]
    assert keys.holds(b"in-clear")
    assert keys.holds(ISSUED.text.encode())
    assert [key.name for key in keys] == ["a", "b"]


@given(st.text())
def test_nothing_else_is_a_key(text: str) -> None:
    keys = table(api_keys=["one", "two"])
    assert keys.find(text) is None or text in ("one", "two")


def test_a_rotated_key_is_accepted_for_a_time() -> None:
    entry = {
        "key-hash": ISSUED.hash,
        "name": "rotated",
        "previous": [
            {"key-hash": key_hash("recent"), "until": "2999-01-01"},
            {"key-hash": key_hash("long-ago"), "until": "2020-01-01"},
        ],
    }
    keys = table(api_keys=[entry])
    assert (found := keys.find("recent")) is not None
    assert found.name == "rotated"
    assert keys.find("long-ago") is None


def test_a_key_is_found_again_in_another_configuration() -> None:
    before = table(api_keys=[{"key": "one", "name": "a"}]).find("one")
    assert before is not None
    after = table(api_keys=[{"key-hash": key_hash("one"), "name": "renamed"}])
    assert (found := after.again(before)) is not None
    assert found.name == "renamed"
    assert table(api_keys=["two"]).again(before) is None


def test_clients_need_a_key_once_one_is_configured() -> None:
    assert not table()
    assert table(api_keys=["one"])
    assert table(keys_file="keys.yaml")


def test_policies_fill_in_what_a_key_leaves_open() -> None:
    keys = table(
        defaults={"concurrency": 4, "limits": {"requests": "60/m"}},
        policies={"team": {"models": ["glm/*"], "limits": {"tokens": "1M/d"}, "priority": 2}},
        api_keys=[
            {"key": "one", "extends": "team", "priority": 9},
            {"key": "two", "rate-limit": {"requests": "1/m"}},
        ],
    )
    one, two = keys
    assert (one.concurrency, one.priority, one.models.patterns) == (4, 9, ("glm/*",))
    assert [rate.amount for rate in (*one.limits.requests, *one.limits.tokens)] == [60, 1_000_000]
    assert [rate.amount for rate in two.limits.requests] == [1]
    assert (two.concurrency, two.priority, two.models.patterns) == (4, 0, ("*",))

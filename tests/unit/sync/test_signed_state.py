import json
from pathlib import Path

import pytest

from switchyard.sync.device_keys import DeviceKeys
from switchyard.sync.device_keys import load_keys
from switchyard.sync.device_keys import make_keys
from switchyard.sync.errors import Tampered
from switchyard.sync.signed_state import SyncState
from switchyard.sync.signed_state import allowed
from switchyard.sync.signed_state import signed
from switchyard.sync.signed_state import unverified
from switchyard.sync.signed_state import verified

DIGEST = "0" * 64


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, DeviceKeys]:
    root: Path = tmp_path_factory.mktemp("keys")
    for name in "abcd":
        make_keys(root / name, name)
    return {name: load_keys(root / name, name) for name in "abcd"}


def state_by(writer: DeviceKeys, *pairs: tuple[DeviceKeys, DeviceKeys]) -> SyncState:
    """A state with devices, each allowed by another or itself."""
    return SyncState(
        serial=1,
        writer=writer.card.id,
        at=1,
        devices={one.card.id: allowed(one.card, by) for one, by in pairs},
        config=DIGEST,
        secrets=DIGEST,
    )


def test_a_chain_of_devices_is_followed(keys: dict[str, DeviceKeys]) -> None:
    a, b, c, d = keys.values()
    state = state_by(c, (a, a), (b, a), (c, b), (d, d))
    content = signed(state, c)
    assert verified(content, {a.card.id: None}) == state == unverified(content)
    for trusted, removed in (({d.card.id: None}, ()), ({a.card.id: None}, (b.card.id,)), ({}, ())):
        with pytest.raises(Tampered, match="signed by 'c', which no known device allowed"):
            verified(content, trusted, removed)
    with pytest.raises(Tampered, match="no known device allowed"):
        verified(content, {c.card.id: None}, [c.card.id])


def test_a_device_may_be_vouched_for_by_one_that_is_gone(keys: dict[str, DeviceKeys]) -> None:
    a, b, *_ = keys.values()
    content = signed(state_by(b, (b, a)), b)
    assert verified(content, {a.card.id: a.card}).writer == b.card.id
    with pytest.raises(Tampered):
        verified(content, {a.card.id: None})


def test_forgeries(keys: dict[str, DeviceKeys]) -> None:
    a, b, c, _ = keys.values()
    trusted = {a.card.id: a.card}
    with pytest.raises(Tampered, match="does not fit its signature"):
        verified(signed(state_by(a, (a, a)), b), trusted)
    with pytest.raises(Tampered, match="no known device allowed"):
        verified(signed(state_by(b, (a, a)), b), trusted)
    own = allowed(b.card, a)
    moved = own.model_copy(update={"verify": c.card.verify, "recipient": c.card.recipient})
    for id in (b.card.id, c.card.id):
        state = state_by(a, (a, a)).model_copy(
            update={"writer": id, "devices": {a.card.id: allowed(a.card, a), id: moved}}
        )
        with pytest.raises(Tampered):
            verified(signed(state, c), trusted)


@pytest.mark.parametrize(
    "change",
    [
        {"serial": 0},
        {"serial": "1"},
        {"version": 2},
        {"config": "../../x"},
        {"history": ["x"]},
        {"more": 1},
        {"devices": []},
    ],
    ids=str,
)
def test_other_forms_are_refused(keys: dict[str, DeviceKeys], change: dict) -> None:
    a = keys["a"]
    whole = json.loads(signed(state_by(a, (a, a)), a))
    whole["state"] |= change
    with pytest.raises(Tampered):
        verified(json.dumps(whole).encode(), {a.card.id: None})


def test_proofs_of_one_device_are_renewed(keys: dict[str, DeviceKeys]) -> None:
    a, b, c, _ = keys.values()
    device = allowed(c.card, b, allowed(c.card, a).proofs)
    assert [one.by for one in device.proofs] == [a.card.id, b.card.id]
    assert len(allowed(c.card, b, device.proofs).proofs) == 2


def test_the_head_names_the_content(keys: dict[str, DeviceKeys]) -> None:
    a = keys["a"]
    state = state_by(a, (a, a))
    assert unverified(signed(state, a)).head == state.head
    assert state.model_copy(update={"serial": 2}).head != state.head

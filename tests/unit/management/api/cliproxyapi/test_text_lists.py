"""Keys as plain texts, with what belongs to them kept."""

from typing import Any

import pytest

from switchyard.management.api.cliproxyapi.channels import KINDS
from switchyard.management.api.cliproxyapi.text_lists import ChannelKeys
from switchyard.management.api.cliproxyapi.text_lists import ClientKeys
from switchyard.management.api.cliproxyapi.text_lists import patch_text
from switchyard.management.api.cliproxyapi.text_lists import remove_text
from switchyard.management.api.errors import ApiProblem

ANN, BEN = {"key": "k1", "name": "ann"}, {"key-hash": "sha256:00", "name": "ben"}


def given() -> dict[str, Any]:
    return {"clients": {"api-keys": [ANN, BEN, "k2"], "contact": "x"}}


def test_put_keeps_policies_and_hashes() -> None:
    values = given()
    assert ClientKeys(values).texts() == ["k1", "k2"]
    ClientKeys(values).replace(["k3", "k1", "k1"])
    assert values["clients"]["api-keys"] == ["k3", BEN, ANN]
    ClientKeys(values).replace([])
    assert values["clients"] == {"api-keys": [BEN], "contact": "x"}


def test_patch_changes_a_key_alone() -> None:
    values = given()
    patch_text(ClientKeys(values), "k1", "k9", None, None)
    patch_text(ClientKeys(values), None, None, 1, "k8")
    patch_text(ClientKeys(values), "nobody", "k7", None, None)
    assert ClientKeys(values).texts() == ["k9", "k8", "k7"]
    assert {"key": "k9", "name": "ann"} in values["clients"]["api-keys"]
    for wrong in ((None, None, 7, "x"), ("k9", None, None, None), (None, None, None, None)):
        with pytest.raises(ApiProblem):
            patch_text(ClientKeys(values), *wrong)


def test_delete_by_itself_and_by_its_place() -> None:
    values = given()
    remove_text(ClientKeys(values), "k1", None)
    remove_text(ClientKeys(values), None, 0)
    assert values["clients"]["api-keys"] == [BEN]
    with pytest.raises(ApiProblem):
        remove_text(ClientKeys(values), "k1", 0)


@pytest.mark.parametrize(
    ("values", "left"),
    [
        ({"api-keys": ["k1"]}, {}),
        ({"auth": {"api-keys": ["k1"]}}, {}),
        ({"clients": {"api-keys": ["k1"]}}, {}),
    ],
)
def test_keys_are_found_where_other_files_have_them(
    values: dict[str, Any], left: dict[str, Any]
) -> None:
    assert ClientKeys(values).texts() == ["k1"]
    patch_text(ClientKeys(values), "k1", "k2", None, None)
    assert ClientKeys(values).texts() == ["k2"]
    remove_text(ClientKeys(values), "k2", None)
    assert values == left


def test_the_first_key_of_a_file_without_any() -> None:
    values: dict[str, Any] = {}
    ClientKeys(values).replace(["k1"])
    assert values == {"clients": {"api-keys": ["k1"]}}


def test_keys_of_a_vendor_keep_their_settings() -> None:
    entries = [{"api-key": "k1", "weight": 2}, "k2"]
    values: dict[str, Any] = {"providers": [{"preset": "gemini", "api-key-entries": entries}]}
    keys = ChannelKeys(values, KINDS[0])
    patch_text(keys, "k1", "k9", None, None)
    keys.replace([*keys.texts(), "k3"])
    assert values["providers"][0]["api-key-entries"] == [
        {"api-key": "k9", "weight": 2}, "k2", {"api-key": "k3"},
    ]  # fmt: skip

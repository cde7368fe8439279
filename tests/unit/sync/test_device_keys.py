import shutil
import subprocess
from pathlib import Path

import pytest

from switchyard.config.sealed_secrets import sealed
from switchyard.sync.device_keys import DeviceCard
from switchyard.sync.device_keys import load_keys
from switchyard.sync.device_keys import make_keys
from switchyard.sync.errors import SyncError


def test_keys_are_made_once(tmp_path: Path) -> None:
    make_keys(tmp_path, "laptop")
    first = load_keys(tmp_path, "laptop").card
    make_keys(tmp_path, "other")
    assert load_keys(tmp_path, "laptop").card == first
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o600, 0o600]
    make_keys(tmp_path, "laptop", anew=True)
    second = load_keys(tmp_path, "laptop").card
    assert second.recipient != first.recipient
    assert second.id != first.id


def test_a_card_is_read_as_it_is_written(tmp_path: Path) -> None:
    make_keys(tmp_path, "laptop")
    card = load_keys(tmp_path, "my.laptop-2").card
    assert DeviceCard.parse(f" {card}\n") == card
    assert len(card.id) == 29
    for wrong in (
        "",
        "a:b",
        f"{card}x",
        f"a b{card}",
        str(card).replace("age1", "age2"),
        f"{card}:",
    ):
        with pytest.raises(SyncError, match="no card of a device"):
            DeviceCard.parse(wrong)


def test_signatures(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_keys(tmp_path / name, name)
    one, other = load_keys(tmp_path / "a", "a"), load_keys(tmp_path / "b", "b")
    signature = one.sign(b"message")
    assert one.card.has_signed(b"message", signature)
    assert not one.card.has_signed(b"massage", signature)
    assert not other.card.has_signed(b"message", signature)
    assert not one.card.has_signed(b"message", "")
    assert not one.card.has_signed(b"message", "%%%%" + signature)


def test_keys_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(SyncError, match="no keys yet"):
        load_keys(tmp_path, "laptop")
    with pytest.raises(SyncError, match="named by letters"):
        make_keys(tmp_path, "../laptop")
    assert list(tmp_path.iterdir()) == []
    make_keys(tmp_path, "laptop")
    (tmp_path / "signing.pem").write_text("nothing")
    with pytest.raises(SyncError, match="cannot be read"):
        load_keys(tmp_path, "laptop")


@pytest.mark.skipif(not shutil.which("age-keygen"), reason="needs the tool age")
def test_the_age_tool_knows_the_key_and_reads_what_it_opens(tmp_path: Path) -> None:
    make_keys(tmp_path, "laptop")
    card = load_keys(tmp_path, "laptop").card
    told = subprocess.check_output(["age-keygen", "-y", tmp_path / "device.key"], text=True)
    assert told.strip() == card.recipient
    sealed_file = tmp_path / "secrets.age"
    sealed_file.write_bytes(sealed({"A": "1: 2"}, [card.recipient]))
    command = ["age", "-d", "-i", tmp_path / "device.key", sealed_file]
    assert subprocess.check_output(command, text=True) == "A: '1: 2'\n"

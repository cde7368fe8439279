"""Keys in a file: made, changed, rotated and removed, each time as a whole."""

import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from pathlib import Path

import pytest

from switchyard.clients.key_book import KeyBook
from switchyard.clients.key_book import KeyBookError
from switchyard.clients.key_format import key_hash
from switchyard.clients.key_format import key_id
from switchyard.clients.key_table import KeyTable
from switchyard.config.client_keys import ClientSettings
from switchyard.config.keys_file import read_keys
from switchyard.config.problems import ConfigError

NOW = datetime.now(UTC)


@pytest.fixture
def book(tmp_path: Path) -> KeyBook:
    return KeyBook(tmp_path / "keys.yaml", {})


def table(book: KeyBook) -> KeyTable:
    settings = {"api-keys": read_keys(book.path, {}), "keys-file": str(book.path)}
    return KeyTable(ClientSettings.model_validate(settings))


def test_a_made_key_is_accepted_and_the_file_holds_no_secret(book: KeyBook) -> None:
    issued = book.add({"name": "ann", "budgets.month": "50 USD", "budgets.day": "5 USD"})
    key = table(book).find(issued.text)
    assert key is not None
    assert (key.name, key.id, key.budgets.month) == ("ann", issued.id, 50 * 10**9)
    content = book.path.read_text()
    assert key_hash(issued.text) in content and issued.text[-20:] not in content
    assert stat.S_IMODE(book.path.stat().st_mode) == 0o600


def test_settings_are_changed_and_taken_back(book: KeyBook) -> None:
    issued = book.add({"name": "ann", "limits.requests": "60/m", "blocked": True})
    stored = book.change("ann", {"limits.requests": None, "blocked": None, "concurrency": 4})
    assert stored.written == {"name": "ann", "concurrency": 4}
    assert book.find(issued.id).key.concurrency == 4


def test_a_key_extends_a_policy_that_is_there(tmp_path: Path) -> None:
    book = KeyBook(tmp_path / "keys.yaml", {}, policies=["interns"])
    book.add({"name": "ann", "extends": "interns"})
    with pytest.raises(ConfigError, match="unknown policy 'intern'"):
        book.change("ann", {"extends": "intern"})
    assert book.find("ann").written["extends"] == "interns"


def test_rotation_keeps_the_id_and_accepts_both_for_a_time(book: KeyBook) -> None:
    first = book.add({"name": "ann"})
    second = book.rotate("ann", 3600, NOW)
    assert second.id == first.id == key_id(second.text)
    assert table(book).find(first.text) is not None and table(book).find(second.text) is not None
    third = book.rotate("ann", 0, NOW)
    assert table(book).find(second.text) is None, "without a grace time it ends at once"
    assert table(book).find(first.text) is not None
    book.rotate("ann", 60, NOW + timedelta(hours=2))
    assert table(book).find(first.text) is None, "what is over is dropped"
    assert table(book).find(third.text) is not None


def test_a_removed_key_is_refused(book: KeyBook) -> None:
    ann, ben = book.add({"name": "ann"}), book.add({"name": "ben"})
    assert book.remove("ann").id == ann.id
    assert table(book).find(ann.text) is None and table(book).find(ben.text) is not None
    book.remove(ben.id)
    assert book.keys() == [] and bool(table(book)), "an empty file still asks for keys"


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"foo": 1}, ConfigError, "unknown key"),
        ({"limits.requests": "x"}, ConfigError, "is not a rate"),
        ({"name": "\ud800"}, ConfigError, "half a character"),
        ({"key-hash": "sha256:" + "0" * 64}, KeyBookError, "key-hash"),
        ({"name": "ann"}, KeyBookError, "taken"),
        ({"name": "main"}, KeyBookError, "taken"),
    ],
)
def test_a_wrong_change_changes_nothing(
    tmp_path: Path, settings: dict[str, object], error: type[Exception], words: str
) -> None:
    book = KeyBook(tmp_path / "keys.yaml", {}, {"main"})
    book.add({"name": "ann"})
    book.add({"name": "ben"})
    before = book.path.read_bytes()
    with pytest.raises(error, match=words):
        book.change("ben", settings)
    with pytest.raises(error, match=words):
        book.add(settings)
    assert book.path.read_bytes() == before


def test_an_unknown_key_is_named_with_the_nearest(book: KeyBook) -> None:
    book.add({"name": "ann"})
    with pytest.raises(KeyBookError, match="did you mean 'ann'"):
        book.find("amn")
    with pytest.raises(KeyBookError):
        book.remove("")


def test_a_key_in_clear_is_not_rotated(book: KeyBook) -> None:
    book.path.write_text("api-keys: [{name: ann, key: some-long-key}]\n")
    with pytest.raises(KeyBookError, match="in clear"):
        book.rotate("ann", 0, NOW)


def test_changes_at_once_all_count_and_readers_see_whole_files(book: KeyBook) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = [pool.submit(KeyBook(book.path, {}).add, {"name": f"n{i}"}) for i in range(24)]
        while not all(one.done() for one in made):
            read_keys(book.path, {})
    texts = [one.result().text for one in made]
    assert all(table(book).find(text) for text in texts)
    assert len(book.keys()) == 24


def test_a_link_goes_on_leading_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "repository").mkdir()
    real = tmp_path / "repository" / "keys.yaml"
    (link := tmp_path / "keys.yaml").symlink_to(real)
    KeyBook(link, {}).add({"name": "ann"})
    assert link.is_symlink() and len(read_keys(real, {})) == 1


@pytest.mark.parametrize(
    "content", [b"{broken: [", b"api-keys: 5", b"[]", b'"text"', b"a: 1\na: 2", b"--- \n---\nx: 1",
                b"api-keys:\n- name: \xff"]
)  # fmt: skip
def test_what_is_no_keys_file_is_said_by_every_change(book: KeyBook, content: bytes) -> None:
    book.path.write_bytes(content)
    changes: list[Callable[[], object]] = [
        book.keys,
        lambda: book.add({"name": "ann"}),
        lambda: book.change("ann", {"blocked": True}),
        lambda: book.rotate("ann", 0, NOW),
        lambda: book.remove("ann"),
    ]
    for change in changes:
        with pytest.raises(ConfigError):
            change()
    assert book.path.read_bytes() == content


def test_two_keys_of_one_name_keep_no_key_from_being_blocked(tmp_path: Path) -> None:
    book = KeyBook(tmp_path / "keys.yaml", {}, taken=["eve"])
    ann, ben, eve = (book.add({"name": name}).id for name in ("ann", "ben", "eva"))
    written = book.path.read_text()
    book.path.write_text(written.replace("name: ben", "name: ann").replace("eva", "eve"))
    for id in (ann, ben, eve):
        assert book.change(id, {"blocked": True}).key.blocked
    for act in (lambda: book.change("ann", {"blocked": None}), lambda: book.remove("ann")):
        with pytest.raises(KeyBookError, match=f"2 keys have the name 'ann'.*{ann} or {ben}"):
            act()
    with pytest.raises(KeyBookError, match="taken"):
        book.change(eve, {"name": "ann"})
    assert book.change(ben, {"name": "ben"}).key.name == "ben"
    with pytest.raises(KeyBookError, match="taken"):
        book.change(ben, {"name": "eve"})

"""Makes, changes and removes the client keys in a keys file (`clients.keys-file`).

Every change is checked as a router would check it, and then replaces the file at once. Several
programs may change one file: each change is made under a lock, on the file as it then is.
"""

import contextlib
import fcntl
import os
from collections import Counter
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap

from switchyard.clients.key_entries import LIST
from switchyard.clients.key_entries import with_change
from switchyard.clients.key_entries import with_entry
from switchyard.clients.key_entries import without_entry
from switchyard.clients.key_format import IssuedKey
from switchyard.clients.key_format import issue_key
from switchyard.config.client_keys import ClientKey
from switchyard.config.keys_file import parse_keys
from switchyard.config.problems import did_you_mean
from switchyard.config.yaml_source import read_document
from switchyard.values.files import read_regular
from switchyard.values.files import replace_private

OWN = frozenset({"id", "key", "key-hash", "previous"})
"""Members that only the making and the rotation of a key write."""


class KeyBookError(ValueError):
    """A key cannot be changed as asked; the message says why and what to do."""


class NoSuchKey(KeyBookError):
    """The file has no key of this name or id."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key, and the settings that its entry in the file writes down, without key and hashes."""

    key: ClientKey
    written: Mapping[str, object]


class KeyBook:
    """The keys of one file.

    Methods raise KeyBookError, ConfigError for settings that a router would refuse, and OSError.
    """

    def __init__(
        self,
        path: Path,
        env: Mapping[str, str],
        taken: Collection[str] = frozenset(),
        policies: Collection[str] | None = None,
    ) -> None:
        """Take the file at `path`, which need not be there yet.

        `env` fills in `${NAME}`; `taken` are the names of keys elsewhere, `policies` those that
        keys may extend (None: not known).
        """
        self.path = path
        self._env = env
        self._taken = taken
        self._policies = policies

    def keys(self) -> list[StoredKey]:
        """Return the keys in their order."""
        text = self._read()
        keys = self._parse(text)
        data = read_document(text, str(self.path), self._env).data
        entries = data[LIST] if keys and isinstance(data, dict) else []
        return [StoredKey(*both) for both in zip(keys, map(_settings, entries), strict=True)]

    def find(self, who: str) -> StoredKey:
        """Return the key with an id or a name."""
        keys = self.keys()
        return keys[_index([one.key for one in keys], who)]

    def add(self, settings: Mapping[str, object]) -> IssuedKey:
        """Make a key with settings by their dotted names, and return it."""
        issued = issue_key()
        entry = CommentedMap({"id": issued.id})
        apply_settings(entry, settings)
        entry.insert(min(2, len(entry)), "key-hash", issued.hash)
        with self._locked():
            text = self._read()
            before = self._parse(text)  # of what is no list of keys it says why
            self._write(with_entry(text, entry), before)
        return issued

    def change(self, who: str, settings: Mapping[str, object]) -> StoredKey:
        """Change settings by their dotted names; None takes one back. Returns the key."""
        key = self._change(who, lambda entry, _: apply_settings(entry, settings))
        return self.find(key.id or key.name)

    def rotate(self, who: str, grace: float, now: datetime) -> IssuedKey:
        """Give a key another secret; the one before is accepted for `grace` seconds more.

        The id stays, and with it limits and history.
        """
        issued: list[IssuedKey] = []

        def put(entry: Any, key: ClientKey) -> None:
            if key.key_hash is None:
                raise KeyBookError(f"{who}: its key is written in clear; write a key-hash instead")
            if not issued:  # the change may be made on two forms of one entry
                issued.append(issue_key(key.id))
            entry["id"], entry["key-hash"] = issued[0].id, issued[0].hash
            accepted = [(one.key_hash, one.until) for one in key.previous if one.until > now]
            if grace > 0:
                accepted.append((key.key_hash, now + timedelta(seconds=grace)))
            entry.pop("previous", None)
            if accepted:
                entry["previous"] = [
                    {"key-hash": hash, "until": until.isoformat(timespec="seconds")}
                    for hash, until in accepted
                ]

        self._change(who, put)
        return issued[0]

    def remove(self, who: str) -> ClientKey:
        """Remove a key, and return what it was."""
        with self._locked():
            text = self._read()
            keys = self._parse(text)
            index = _index(keys, who)
            self._write(without_entry(text, index), keys)
        return keys[index]

    def _change(self, who: str, change: Callable[[Any, ClientKey], None]) -> ClientKey:
        with self._locked():
            text = self._read()
            keys = self._parse(text)
            index = _index(keys, who)
            changed = with_change(text, index, lambda entry: change(entry, keys[index]))
            return self._write(changed, keys)[index]

    def _read(self) -> str:
        try:
            content = read_regular(self.path)
        except FileNotFoundError:
            return ""
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError:
            parse_keys(content, self.path, self._env)  # says so
            raise

    def _parse(self, text: str) -> tuple[ClientKey, ...]:
        return parse_keys(text.encode(), self.path, self._env)

    def _write(self, text: str, before: Sequence[ClientKey]) -> tuple[ClientKey, ...]:
        """Write the file, unless a name becomes that of two keys.

        Two that have one name already, by another hand, keep no key from being changed.
        """
        keys = parse_keys(text.encode(), self.path, self._env, self._policies)
        had = Counter(key.name for key in before)
        for name, count in Counter(key.name for key in keys if key.name).items():
            if count > had[name] and (count > 1 or name in self._taken):
                raise KeyBookError(f"the name {name!r} is taken by another key; choose another")
        replace_private(self.path, text.encode())
        return keys

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        target = self.path.resolve()
        lock = os.open(target.with_name(f".{target.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _index(keys: Sequence[ClientKey], who: str) -> int:
    found = [index for index, key in enumerate(keys) if who and who == key.id]
    found = found or [index for index, key in enumerate(keys) if who and who == key.name]
    if len(found) > 1:
        ids = " or ".join(keys[index].id or "(none)" for index in found)
        raise KeyBookError(f"{len(found)} keys have the name {who!r}. Hint: say the id, {ids}")
    if found:
        return found[0]
    names = [name for key in keys for name in (key.name, key.id) if name]
    hint = did_you_mean(who, names) or "scripts/keys list shows them"
    raise NoSuchKey(f"no key has the name or id {who!r}. Hint: {hint}")


def _settings(entry: object) -> dict[str, object]:
    written = dict(entry) if isinstance(entry, dict) else {}
    return {name: value for name, value in written.items() if name not in OWN}


def apply_settings(entry: Any, settings: Mapping[str, object]) -> None:
    """Set members of an entry by their dotted names; None takes one out. Raises KeyBookError."""
    for name, value in settings.items():
        first, *rest = name.split(".")
        if first in OWN:
            raise KeyBookError(f"{first} is written by generate and rotate alone; leave it out")
        _put(entry, [first, *rest], value)


def _put(place: Any, path: Sequence[str], value: object) -> None:
    """Set a value, or take it out if it is None, and with it mappings that it leaves empty."""
    first, *rest = path
    if not rest and value is not None:
        place[first] = value
    elif not rest:
        place.pop(first, None)
    else:
        if not isinstance(place.get(first), dict):
            place[first] = {}
        _put(place[first], rest, value)
        if not place[first]:
            del place[first]

"""Lists of keys as CLIProxyAPI shows them: texts alone, without what else belongs to a key."""

from typing import Any
from typing import Protocol

from switchyard.management.api.cliproxyapi.channels import Channel
from switchyard.management.api.cliproxyapi.channels import ChannelKind
from switchyard.management.api.errors import ApiProblem


class TextList(Protocol):
    """A list of keys in the values of a file."""

    def texts(self) -> list[str]:
        """Returns the keys, each masked as the values are."""
        ...

    def replace(self, wanted: list[str]) -> None:
        """Makes these the keys; those that stay keep what belongs to them."""
        ...

    def rename(self, index: int, text: str) -> None:
        """Puts another key in the place of one, whose settings stay."""
        ...


class ClientKeys:
    """The client keys that stand in the file in clear; hashes are no texts, and stay."""

    def __init__(self, given: dict[str, Any]) -> None:
        self._given = given

    def texts(self) -> list[str]:
        return [text for item in self._items() if (text := _text(item)) is not None]

    def replace(self, wanted: list[str]) -> None:
        items = self._items()
        known = {text: item for item in items if (text := _text(item)) is not None}
        made = [known.get(text, text) for text in dict.fromkeys(wanted) if text]
        left = iter(made)
        kept = [item if _text(item) is None else next(left, None) for item in items]
        self._put([*(item for item in kept if item is not None), *left])

    def rename(self, index: int, text: str) -> None:
        items = self._items()
        places = [at for at, item in enumerate(items) if _text(item) is not None]
        item = items[places[index]]
        items[places[index]] = {**item, "key": text} if isinstance(item, dict) else text
        self._put(items)

    def _items(self) -> list[Any]:
        found = self._holder().get("api-keys")
        return list(found) if isinstance(found, list) else []

    def _put(self, items: list[Any]) -> None:
        holder = self._holder()
        if items:
            holder["api-keys"] = items
        elif "api-keys" in holder:
            del holder["api-keys"]
        if holder is not self._given:
            name = "auth" if self._given.get("auth") is holder else "clients"
            if holder:
                self._given[name] = holder
            else:
                self._given.pop(name, None)

    def _holder(self) -> dict[str, Any]:
        """Returns the section with the keys: CLIProxyAPI's own places count as well."""
        given = self._given
        if isinstance(given.get("api-keys"), list):
            return given
        auth, clients = given.get("auth"), given.get("clients")
        if isinstance(auth, dict) and isinstance(auth.get("api-keys"), list):
            return auth
        return clients if isinstance(clients, dict) else {}


class ChannelKeys:
    """The keys of one kind of provider, without their settings."""

    def __init__(self, given: dict[str, Any], kind: ChannelKind) -> None:
        self._channel = Channel(given, kind)

    def texts(self) -> list[str]:
        return [entry["api-key"] for entry in self._channel.entries()]

    def replace(self, wanted: list[str]) -> None:
        known = {entry["api-key"]: entry for entry in self._channel.entries()}
        entries = [known.get(text, {"api-key": text}) for text in dict.fromkeys(wanted) if text]
        self._channel.replace(entries)

    def rename(self, index: int, text: str) -> None:
        self._channel.patch(index, {"api-key": text})


def patch_text(
    keys: TextList, old: str | None, new: str | None, index: int | None, value: str | None
) -> None:
    """Puts `new` in the place of `old`, or adds it; or `value` at `index`. Raises ApiProblem."""
    texts = keys.texts()
    if index is not None and value:
        if index >= len(texts):
            raise ApiProblem(404, "There is no such key.")
        keys.rename(index, value)
    elif old is not None and new:
        if old in texts:
            keys.rename(texts.index(old), new)
        else:
            keys.replace([*texts, new])
    else:
        raise ApiProblem(422, "Send old and new, or index and value.")


def remove_text(keys: TextList, value: str | None, index: int | None) -> None:
    """Removes one key by itself or by its place. Raises ApiProblem."""
    texts = keys.texts()
    if value is not None and value in texts:
        keys.replace([text for text in texts if text != value])
    elif value is None and index is not None and index < len(texts):
        keys.replace([text for at, text in enumerate(texts) if at != index])
    else:
        raise ApiProblem(404, "There is no such key.")


def _text(item: object) -> str | None:
    found = item.get("key") if isinstance(item, dict) else item
    return found if isinstance(found, str) else None

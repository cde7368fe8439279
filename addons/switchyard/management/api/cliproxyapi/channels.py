"""Keys of Gemini, Claude and Codex as CLIProxyAPI lists them: each key with its address.

A channel is a view of `providers`: those of the vendor's preset, and those that are written out in
its format. A provider has one address and may have many keys, so a key whose settings change may
move to another provider, or get one of its own. Keys that are read from files, programs or
accounts are not listed, and stay.
Source: CLIProxyAPI, "Management API", "Gemini API Key", "Codex API KEY" and "Claude API KEY".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from switchyard.config.editing.merging import merge
from switchyard.importers.known_providers import provider_at
from switchyard.management.api.errors import ApiProblem

_SETTINGS = ("base-url", "prefix", "headers", "excluded-models", "models")
_OF_KEY = ("weight", "priority")


@dataclass(frozen=True, slots=True)
class ChannelKind:
    """One of CLIProxyAPI's lists of keys."""

    path: str
    """The name of its resource."""
    name: str
    """What a new provider is called."""
    preset: str
    format: str


KINDS = (
    ChannelKind("gemini-api-key", "gemini", "gemini", "gemini"),
    ChannelKind("claude-api-key", "claude", "anthropic", "anthropic"),
    ChannelKind("codex-api-key", "codex", "openai", "openai-responses"),
)
GEMINI = KINDS[0]


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where a key stands: at its provider's `api-key`, or among the `api-key-entries`."""

    provider: dict[str, Any]
    index: int | None

    @property
    def item(self) -> Any:
        if self.index is None:
            return self.provider["api-key"]
        return self.provider["api-key-entries"][self.index]

    @property
    def text(self) -> str:
        found = self.item
        return found["api-key"] if isinstance(found, dict) else found

    def put(self, item: object) -> None:
        if self.index is None and isinstance(item, str):
            self.provider["api-key"] = item
        elif self.index is None:
            del self.provider["api-key"]
            self.provider["api-key-entries"] = [item]
        else:
            self.provider["api-key-entries"][self.index] = item


class Channel:
    """The keys of a kind in the values of a file, where it makes its changes."""

    def __init__(self, given: dict[str, Any], kind: ChannelKind) -> None:
        self._given = given
        self._kind = kind

    def entries(self) -> list[dict[str, Any]]:
        """Returns the keys in CLIProxyAPI's shape."""
        return [_shown(slot) for slot in self._slots()]

    def replace(self, entries: list[dict[str, Any]]) -> None:
        """Makes these the keys; those that are known keep what is not shown of them."""
        left = self._slots()
        kept: list[tuple[_Slot | None, dict[str, Any]]] = []
        for entry in entries:
            if not entry.get("api-key"):
                continue
            same = (slot for slot in left if slot.text == entry["api-key"])
            if (slot := _nearest(list(same), entry)) is not None:
                left.remove(slot)
            kept.append((slot, entry))
        for slot, entry in kept:
            if slot is not None:
                self._write(slot, entry)
        # From the last on, so that the places of others stay as they are.
        for slot in reversed(left):
            self._remove(slot)
        for slot, entry in kept:
            if slot is None:
                self._add(entry)

    def patch(self, index: int, value: dict[str, Any]) -> None:
        """Changes one key and its settings. Raises ApiProblem if there is no such key."""
        slot = self._at(index)
        self._write(slot, merge(_shown(slot), value))

    def remove(self, index: int) -> None:
        """Removes one key; a provider goes with its last. Raises ApiProblem."""
        self._remove(self._at(index))

    def find(self, text: str | None, index: int | None) -> int:
        """Returns the place of a key, by itself or by its index. Raises ApiProblem."""
        texts = [slot.text for slot in self._slots()]
        if text is not None and text in texts:
            return texts.index(text)
        if text is None and index is not None and index < len(texts):
            return index
        raise ApiProblem(404, "There is no such key.")

    def _at(self, index: int) -> _Slot:
        slots = self._slots()
        if not 0 <= index < len(slots):
            raise ApiProblem(404, "There is no such key.")
        return slots[index]

    def _slots(self) -> list[_Slot]:
        found: list[_Slot] = []
        for provider in self._providers():
            if isinstance(provider.get("api-key"), str):
                found.append(_Slot(provider, None))
            entries = provider.get("api-key-entries")
            for at, item in enumerate(entries if isinstance(entries, list) else ()):
                text = item.get("api-key") if isinstance(item, dict) else item
                if isinstance(text, str):
                    found.append(_Slot(provider, at))
        return found

    def _providers(self) -> list[dict[str, Any]]:
        return [one for one in self._given.get("providers") or () if self._has(one)]

    def _has(self, provider: object) -> bool:
        if not isinstance(provider, dict) or "builtin" in provider:
            return False
        if "preset" in provider:
            return provider["preset"] == self._kind.preset
        formats = provider.get("format")
        first = formats[0] if isinstance(formats, list) and formats else formats
        return first == self._kind.format and "base-url" in provider

    def _write(self, slot: _Slot, entry: dict[str, Any]) -> None:
        provider = slot.provider
        is_alone = _keys_of(provider) == 1
        if _settings(entry) != _settings(_shown(slot)) and not is_alone:
            self._remove(slot)
            self._add(entry)
            return
        if _settings(entry) != _settings(_shown(slot)):
            self._settle(provider, entry)
        if is_alone and not entry.get("proxy-url"):
            provider.pop("proxy-url", None)
        slot.put(_item(entry, provider, slot.item))

    def _add(self, entry: dict[str, Any]) -> None:
        """Adds a key to a provider with the same settings, or with a provider of its own."""
        for provider in self._providers():
            if _keys_of(provider) and _of_provider(provider) == _settings(entry):
                keys = provider.setdefault("api-key-entries", [])
                if "api-key" in provider:
                    keys.insert(0, {"api-key": provider.pop("api-key")})
                keys.append(_item(entry, provider, None))
                return
        provider: dict[str, Any] = {}
        self._settle(provider, entry)
        item = _item(entry, provider, None)
        is_plain = set(item) == {"api-key"}
        provider |= {"api-key": item["api-key"]} if is_plain else {"api-key-entries": [item]}
        self._given.setdefault("providers", []).append(provider)

    def _settle(self, provider: dict[str, Any], entry: dict[str, Any]) -> None:
        """Gives a provider the settings of an entry; a new one its name, address and format."""
        wanted = _settings(entry)
        url = wanted.pop("base-url", None)
        if not provider:
            known = provider_at(url) if url else None
            if url is None or (known is not None and known.preset == self._kind.preset):
                provider["preset"] = self._kind.preset
                if (name := self._free_name(self._kind.preset)) != self._kind.preset:
                    provider["name"] = name
            else:
                provider["name"] = self._free_name(self._kind.name)
                provider["format"] = self._kind.format
        if url is not None and ("preset" not in provider or provider_at(url) is None):
            provider["base-url"] = url
        elif "preset" in provider:
            provider.pop("base-url", None)
        if "models" in wanted:
            wanted["models"] = _models(wanted["models"], provider.get("models"))
        for name in _SETTINGS[1:]:
            if name in wanted:
                provider[name] = wanted[name]
            elif not isinstance(provider.get(name), str):
                provider.pop(name, None)

    def _remove(self, slot: _Slot) -> None:
        provider = slot.provider
        if _keys_of(provider) == 1:
            kept = [one for one in self._given["providers"] if one is not provider]
            self._given["providers"] = kept
        elif slot.index is None:
            del provider["api-key"]
        else:
            del provider["api-key-entries"][slot.index]

    def _free_name(self, wanted: str) -> str:
        taken = {
            one.get("name") or one.get("preset") or one.get("builtin")
            for one in self._given.get("providers") or ()
            if isinstance(one, dict)
        }
        names = (wanted, *(f"{wanted}-{number}" for number in range(2, len(taken) + 3)))
        return next(name for name in names if name not in taken)


def _shown(slot: _Slot) -> dict[str, Any]:
    provider, item = slot.provider, slot.item
    of_key = item if isinstance(item, dict) else {}
    proxy = of_key.get("proxy-url") or provider.get("proxy-url") or ""
    return {
        "api-key": slot.text,
        "base-url": provider.get("base-url", ""),
        "proxy-url": proxy,
        **{name: of_key[name] for name in _OF_KEY if name in of_key},
        **{name: value for name, value in _of_provider(provider).items() if name != "base-url"},
    }


def _of_provider(provider: dict[str, Any]) -> dict[str, Any]:
    return _settings({name: provider[name] for name in _SETTINGS if name in provider})


def _settings(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what of an entry is its provider's, without what is empty."""
    found = {name: entry[name] for name in _SETTINGS if entry.get(name)}
    models = found.pop("models", None)
    if isinstance(models, list):
        found["models"] = [
            {"name": "", "alias": "", **_named(one)} if isinstance(one, dict)
            else {"name": one, "alias": ""}
            for one in models
        ]  # fmt: skip
    return found


def _named(model: dict[str, Any]) -> dict[str, Any]:
    return {name: model[name] for name in ("name", "alias") if model.get(name)}


def _models(wanted: list[dict[str, Any]], before: object) -> list[Any]:
    """Returns models for the file; what it says of those that stay is kept."""
    known = {
        one["name"]: one
        for one in (before if isinstance(before, list) else ())
        if isinstance(one, dict) and "name" in one
    }
    made = []
    for model in wanted:
        rest = {k: v for k, v in known.get(model["name"], {}).items() if k != "alias"}
        whole = {**rest, **_named(model)}
        made.append(whole if len(whole) > 1 else model["name"])
    return made


def _item(entry: dict[str, Any], provider: dict[str, Any], before: object) -> Any:
    """Returns what stands in the file for a key."""
    rest = before if isinstance(before, dict) else {}
    kept = {k: v for k, v in rest.items() if k not in ("api-key", "proxy-url", *_OF_KEY)}
    proxy, usual = entry.get("proxy-url") or "", provider.get("proxy-url") or ""
    item = {"api-key": entry["api-key"], **kept}
    if proxy != usual:
        item["proxy-url"] = proxy or "direct"
    item |= {name: entry[name] for name in _OF_KEY if entry.get(name)}
    return entry["api-key"] if isinstance(before, str) and len(item) == 1 else item


def _keys_of(provider: dict[str, Any]) -> int:
    entries = provider.get("api-key-entries")
    return ("api-key" in provider) + (len(entries) if isinstance(entries, list) else 0)


def _nearest(slots: list[_Slot], entry: dict[str, Any]) -> _Slot | None:
    """Returns the slot with the settings of an entry, else the first."""
    same = (slot for slot in slots if _settings(_shown(slot)) == _settings(entry))
    return next(same, slots[0] if slots else None)

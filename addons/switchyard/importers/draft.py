"""Holds the configuration that an import makes, in the vocabulary of Switchyard's file."""

import re
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field

from switchyard.importers.known_providers import KnownProvider
from switchyard.importers.known_providers import known_providers
from switchyard.importers.known_providers import profile_at
from switchyard.importers.known_providers import provider_at
from switchyard.importers.members import ImportReport
from switchyard.importers.secret_names import DraftSecret
from switchyard.importers.secret_names import SecretValue
from switchyard.redaction.credential_names import is_credential_name

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
_FRAMING = frozenset({"connection", "content-length", "host", "transfer-encoding"})

type DraftKey = Mapping[str, object]
"""An entry of `api-key-entries`; its `api-key` is a `SecretValue`."""


@dataclass(slots=True)
class Draft:
    """A new configuration, and what is to be reported about it.

    Values are those of the file, except that secrets are `SecretValue`s, combos have the long form
    and aliases are lists.
    """

    report: ImportReport
    providers: list[dict[str, object]] = field(default_factory=list)
    origins: dict[str, str] = field(default_factory=dict)
    """Where each provider stands in the source, by name."""
    renamed: dict[str, str] = field(default_factory=dict)
    """The first provider that each of the source's names became."""
    combos: dict[str, dict[str, object]] = field(default_factory=dict)
    aliases: dict[str, list[str]] = field(default_factory=dict)
    client_keys: list[dict[str, object]] = field(default_factory=list)
    sections: dict[str, object] = field(default_factory=dict)
    """All other sections, by name."""
    main_models: list[str] = field(default_factory=list)
    """The names to explain at the end."""

    def free_name(self, wanted: str) -> str:
        """Returns a provider's name that is valid, and no other provider's name or prefix."""
        base = _NOT_IN_NAMES.sub("-", wanted).strip("-._") or "provider"
        base = f"{base}-provider" if base == "passthrough" else base
        taken = {one.get(key) for one in self.providers for key in ("name", "prefix")}
        count, name = 1, base
        while name in taken:
            count += 1
            name = f"{base}-{count}"
        return name

    def add_provider(
        self,
        wanted: str,
        origin: str,
        *,
        url: str = "",
        preset: str = "",
        format: str = "",
        keys: Sequence[DraftKey] = (),
        **settings: object,
    ) -> str:
        """Adds a provider by its address, or by a preset, and returns its name.

        `settings` are further keys of the provider with underscores for dashes; empty ones are left
        out. Without a `url` the address is the preset's.
        """
        name = self.free_name(wanted)
        provider: dict[str, object] = {"name": name}
        provider.update(_place(url, preset, format, bool(keys)))
        if len(keys) == 1 and set(keys[0]) == {"api-key"}:
            provider["api-key"] = keys[0]["api-key"]
        elif keys:
            provider["api-key-entries"] = [_short(key) for key in keys]
        for key, value in settings.items():
            if value not in (None, "", [], {}):
                provider[key.replace("_", "-")] = value
        self.providers.append(provider)
        self.origins[name] = origin
        self.renamed.setdefault(wanted, name)
        return name

    def provider(self, name: str) -> dict[str, object]:
        """Returns the provider of this name. Raises KeyError."""
        for one in self.providers:
            if one["name"] == name:
                return one
        raise KeyError(name)

    def add_combo(self, name: str, members: Sequence[str], **settings: object) -> None:
        """Adds a combo with at least one member; one of the same name is replaced."""
        if members:
            more = {key.replace("_", "-"): value for key, value in settings.items() if value}
            self.combos[name] = {"members": list(dict.fromkeys(members)), **more}

    def add_rule(self, kind: str, rule: Mapping[str, object]) -> None:
        """Adds a payload rule: `default`, `override` or `filter`."""
        payload = self.sections.setdefault("payload", {})
        assert isinstance(payload, dict)
        payload.setdefault(kind, []).append(dict(rule))


def headers_of(
    values: Mapping[str, str], provider: str, report: ImportReport, path: str
) -> dict[str, object]:
    """Returns headers for a provider; values of credentials become secrets."""
    headers: dict[str, object] = {}
    for name, value in values.items():
        if name.lower() in _FRAMING:
            report.leave(f"{path}.{name}", "is a header that the router sets itself")
        elif is_credential_name(name.lower()) and not value.startswith("$"):
            headers[name] = DraftSecret(value, f"{provider} {name}")
        else:
            headers[name] = value
    return headers


def key_entry(key: SecretValue | dict[str, object], **settings: object) -> DraftKey:
    """Returns an entry of `api-key-entries`: a secret, or a source of credentials.

    Settings that are None are left out.
    """
    more = {name.replace("_", "-"): value for name, value in settings.items()}
    return {"api-key": key, **{name: value for name, value in more.items() if value is not None}}


def _short(key: DraftKey) -> object:
    return key["api-key"] if set(key) == {"api-key"} else dict(key)


def _place(url: str, preset: str, format: str, has_keys: bool) -> dict[str, object]:
    """Returns the keys that say where a provider is and what it speaks."""
    known = provider_at(url) if url else known_providers().get(preset)
    if known and (not format or format in known.formats):
        return _of_preset(known, has_keys)
    address = url or (known.url if known else "")
    place: dict[str, object] = {"format": format or "openai-chat", "base-url": address}
    if profile := (profile_at(url) if url else preset):
        place["profile"] = profile
    return place


def _of_preset(known: KnownProvider, has_keys: bool) -> dict[str, object]:
    if has_keys or not known.needs_key:
        return {"preset": known.preset}
    # The preset's own key would have to be set; the source asks without one.
    formats = list(known.formats)
    place: dict[str, object] = {"format": formats[0] if len(formats) == 1 else formats}
    place["base-url"] = known.url
    if elsewhere := {name: url for name, url in known.urls.items() if name}:
        place["base-urls"] = elsewhere
    return {**place, "profile": known.preset}

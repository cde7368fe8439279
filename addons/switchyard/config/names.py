"""Resolves the names of providers, models, aliases, combos and routes.

This knows names only, so that the same rules serve the check of a file that is still being read
and the routing of requests. The rules, in order:

1. a combo, an alias;
2. `provider/model`, where `provider` is the prefix or the name of a provider, split at the first
   slash (upstream names have slashes themselves). A provider that lists its models has only
   these, by name or alias; any other takes every name;
3. the bare name or alias of models that providers list: a pool, in file order;
4. the first route whose pattern is found in the name and whose provider is live;
5. the bare name of models that live providers list themselves: a pool, in file order. Entries of
   the file take precedence over discovered ones.

What a provider's `excluded-models` match does not exist there.
"""

import re
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Literal
from typing import NamedTuple

from switchyard.config.fields import PASSTHROUGH
from switchyard.config.readings import readings_of_model
from switchyard.values.globs import Globs

type NameKind = Literal["combo", "alias", "model", "pool", "route", "passthrough"]

_SUFFIX = re.compile(r"(?s)(.+)\(([^()]*)\)")


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model that a provider lists."""

    name: str
    aliases: tuple[str, ...] = ()

    def called(self, name: str) -> bool:
        return name == self.name or name in self.aliases


@dataclass(frozen=True, slots=True)
class ProviderNames:
    """What names one provider brings."""

    name: str
    prefix: str | None = None
    models: tuple[ListedModel, ...] | None = None
    """None: it takes any name."""
    excluded: Globs = field(default_factory=Globs)
    live: bool = True
    discovered: tuple[str, ...] = ()
    """Models that the provider listed itself; it also takes any other name."""

    @property
    def handle(self) -> str:
        return self.prefix or self.name

    def open_names(self) -> Iterator[tuple[str, ListedModel]]:
        """Every name and alias that is listed and not excluded, in order."""
        for model in self.models or ():
            if self.excluded.matches(model.name):
                continue
            for name in dict.fromkeys((*model.aliases, model.name)):
                if not self.excluded.matches(name):
                    yield name, model


@dataclass(frozen=True, slots=True)
class RouteNames:
    """One regex route."""

    pattern: re.Pattern[str]
    provider: str
    model: str | None = None


class Ref(NamedTuple):
    """A model at a provider, as the provider calls it."""

    provider: int
    """Position among the directory's providers."""
    model: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a name means."""

    kind: NameKind
    rule: str
    """The rule that matched, in words of the configuration."""
    members: tuple[str, ...] = ()
    """Of a combo or alias: the names it is made of."""
    refs: tuple[Ref, ...] = ()


def split_suffix(name: str) -> tuple[str, str | None]:
    """Split `model(high)` into `("model", "high")`; the second is None if absent."""
    match = _SUFFIX.fullmatch(name)
    if match is None or not match[2].strip():
        return name, None
    return match[1], match[2].strip()


class Directory:
    """All names of one configuration. Immutable."""

    def __init__(
        self,
        providers: Sequence[ProviderNames],
        combos: Mapping[str, Sequence[str]],
        aliases: Mapping[str, Sequence[str]],
        routes: Iterable[RouteNames],
    ) -> None:
        self.providers = tuple(providers)
        self._combos = {name: tuple(members) for name, members in combos.items()}
        self._aliases = {name: tuple(members) for name, members in aliases.items()}
        self._routes = tuple(routes)
        self._handles: dict[str, int] = {}
        # A prefix wins over another provider's name of the same spelling; the file check refuses
        # both anyway.
        for index, provider in enumerate(self.providers):
            self._handles.setdefault(provider.handle, index)
        for index, provider in enumerate(self.providers):
            self._handles.setdefault(provider.name, index)
        self._bare: dict[str, list[Ref]] = {}
        self._listed: list[dict[str, list[Ref]]] = []
        for index, provider in enumerate(self.providers):
            own: dict[str, list[Ref]] = {}
            for name, model in provider.open_names():
                own.setdefault(name, []).append(Ref(index, model.name))
            for name, refs in own.items():
                self._bare.setdefault(name, []).extend(refs)
            self._listed.append(own)
        self._found: list[tuple[str, ...]] = []
        self._bare_found: dict[str, list[Ref]] = {}
        for index, provider in enumerate(self.providers):
            excluded = provider.excluded
            own_found = tuple(one for one in provider.discovered if not excluded.matches(one))
            self._found.append(own_found)
            if provider.live:
                for name in own_found:
                    self._bare_found.setdefault(name, []).append(Ref(index, name))

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """Combos and aliases, with what they are made of."""
        return {**self._aliases, **self._combos}

    @property
    def handles(self) -> tuple[str, ...]:
        return tuple(self._handles)

    def provider(self, handle: str) -> int | None:
        """The position of the provider with this prefix or name."""
        return self._handles.get(handle)

    def names(self) -> Iterator[str]:
        """Every name that can be listed, in order of the rules, each once."""
        seen: set[str] = set()
        for name in self._every_name():
            if name not in seen:
                seen.add(name)
                yield name

    def spellings(self, name: str) -> Iterator[str]:
        """Return a listed name, and its spellings with a provider's name as prefix."""
        yield name
        index, model = self._split(name)
        if index is not None and name not in self.groups:
            provider = self.providers[index]
            if provider.models is not None and provider.name != provider.handle:
                yield f"{provider.name}/{model}"

    def find(self, name: str) -> Found | None:
        """What a name means; None if nothing. A suffix is part of the name here."""
        named = self._grouped(name) or self._handled(name)
        if named or self._is_handled(name):
            return named or self._routed(name)
        bare = self._listed_bare(name)
        if bare and self._is_live(bare):
            return bare
        routed = self._routed(name)
        if routed and (bare is None or self._is_live(routed)):
            return routed
        refs = self._bare_found.get(name)
        return bare or (_models(f"model {name}", refs) if refs else None)

    def meaning(self, name: str) -> tuple[str, str | None, Found] | None:
        """A name that may have a suffix: without it, the suffix, and what the name means.

        Brackets that are part of a name as the configuration has it are no suffix.
        """
        base, suffix = (name, None) if self._stands(name) else split_suffix(name)
        found = self.find(base)
        return (base, suffix, found) if found else None

    def excluded_from(self, name: str) -> str | None:
        """The provider that would have this name, but for its `excluded-models`."""
        index, model = self._split(name)
        if index is None or not model:
            return None
        provider = self.providers[index]
        names = [model]
        names += [listed.name for listed in provider.models or () if listed.called(model)]
        return provider.name if any(_excludes(provider, one) for one in names) else None

    def _stands(self, name: str) -> bool:
        """Whether a name stands in the configuration as such."""
        known = name in self._bare or name in self._bare_found
        if self._grouped(name) or (known and not self._is_handled(name)):
            return True
        index, model = self._split(name)
        return index is not None and (model in self._listed[index] or model in self._found[index])

    def _grouped(self, name: str) -> Found | None:
        if name == PASSTHROUGH:
            return Found("passthrough", PASSTHROUGH)
        if name in self._combos:
            return Found("combo", f"combo {name}", self._combos[name])
        if name in self._aliases:
            return Found("alias", f"alias {name}", self._aliases[name])
        return None

    def _handled(self, name: str) -> Found | None:
        """The meaning of a name that begins with a provider's prefix or name."""
        index, model = self._split(name)
        if index is None:
            return None
        provider = self.providers[index]
        rule = f"provider {provider.name}"
        if provider.models is not None:
            refs = self._listed[index].get(model)
            return _models(rule, refs) if refs else None
        if not model or _excludes(provider, model):
            return None
        return Found("model", rule, refs=(Ref(index, model),))

    def _is_handled(self, name: str) -> bool:
        """Whether a provider without a model list claims every name of this form."""
        index, _model = self._split(name)
        return index is not None and self.providers[index].models is None

    def _listed_bare(self, name: str) -> Found | None:
        refs = self._bare.get(name)
        return _models(f"model {name}", refs) if refs else None

    def _routed(self, name: str) -> Found | None:
        idle: Found | None = None
        for route in self._routes:
            found = self._by_route(route, name)
            if found and self._is_live(found):
                return found
            idle = idle or found
        return idle

    def _is_live(self, found: Found) -> bool:
        return not found.refs or any(self.providers[ref.provider].live for ref in found.refs)

    def _by_route(self, route: RouteNames, name: str) -> Found | None:
        index = self._handles.get(route.provider)
        if index is None or not route.pattern.search(name):
            return None
        provider = self.providers[index]
        model = route.model or name
        upstream = next((one.name for one in provider.models or () if one.called(model)), model)
        if _excludes(provider, model) or _excludes(provider, upstream):
            return None
        rule = f'route "{route.pattern.pattern}"'
        return Found("route", rule, refs=(Ref(index, upstream),))

    def _split(self, name: str) -> tuple[int | None, str]:
        handle, slash, model = name.partition("/")
        return (self._handles.get(handle) if slash else None), model

    def _every_name(self) -> Iterator[str]:
        yield from self._combos
        yield from self._aliases
        for index, provider in enumerate(self.providers):
            for name in (*self._listed[index], *self._found[index]):
                yield f"{provider.handle}/{name}"
        for name in (*self._bare, *self._bare_found):
            index, _model = self._split(name)
            # Where another provider would take the name as its own, it is not this model's.
            if index is None or self.providers[index].models is not None:
                yield name


def _excludes(provider: ProviderNames, model: str) -> bool:
    """Whether a provider excludes a name that a client may have written."""
    if not provider.excluded:
        return False
    return any(map(provider.excluded.matches, readings_of_model(model)))


def _models(rule: str, refs: Sequence[Ref]) -> Found:
    return Found("model" if len(refs) == 1 else "pool", rule, refs=tuple(refs))

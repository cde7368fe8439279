"""Collects the quirks of one model at one provider from all matching profiles."""

from collections.abc import Iterator
from typing import Any

from switchyard.config.provider import Profile
from switchyard.config.provider import Provider
from switchyard.config.provider import QuirkSettings

_ADDED_UP = {"drop", "drop_when_reasoning"}


def quirks_of(provider: Provider, model: str) -> QuirkSettings | None:
    """Return the quirks of requests to `model`, the provider's own name; None if none.

    The provider's profile comes first, then its entries for models of this name, then the model's
    own. Later values replace earlier ones, except members to be dropped, which add up.
    """
    settings: dict[str, Any] = {}
    for quirks in _layers(provider, model):
        for name in quirks.model_fields_set & QuirkSettings.model_fields.keys():
            value = getattr(quirks, name)
            settings[name] = (*settings.get(name, ()), *value) if name in _ADDED_UP else value
    return QuirkSettings.model_construct(**settings) if settings else None


def _layers(provider: Provider, model: str) -> Iterator[QuirkSettings]:
    own = next((one.profile for one in provider.models or () if one.name == model), None)
    for profile in (provider.profile, own):
        if profile is not None:
            yield profile
            yield from _by_model(profile, model)


def _by_model(profile: Profile, model: str) -> Iterator[QuirkSettings]:
    for entry in profile.by_model:
        if entry.models.matches(model) and not entry.except_.matches(model):
            yield entry

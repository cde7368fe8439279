"""The quirks of one model at one provider, put together from all profiles that are about it."""

from collections.abc import Iterator
from typing import Any

from switchyard.config.provider import Profile
from switchyard.config.provider import Provider
from switchyard.config.provider import QuirkSettings

_ADDED_UP = {"drop", "drop_when_reasoning"}


def quirks_of(provider: Provider, model: str) -> QuirkSettings | None:
    """What holds for requests to `model`, as the provider calls it; None if nothing is known.

    The provider's profile comes first, then its entries for models of this name, then the model's
    own; each takes the place of what those before it say of the same thing, but for members to be
    dropped, which add up.
    """
    said: dict[str, Any] = {}
    for quirks in _layers(provider, model):
        for name in quirks.model_fields_set & QuirkSettings.model_fields.keys():
            value = getattr(quirks, name)
            said[name] = (*said.get(name, ()), *value) if name in _ADDED_UP else value
    return QuirkSettings.model_construct(**said) if said else None


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

"""Collects the quirks of one model at one provider from all matching profiles."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from switchyard.config.provider import Profile
from switchyard.config.provider import Provider
from switchyard.config.provider import QuirkSettings
from switchyard.config.shipped import known_hosts
from switchyard.values.remembering import remembering
from switchyard.wire.formats.gemini.names import NO_SIGNATURE
from switchyard.wire.shared.generations import is_before_gemini_3
from switchyard.wire.translate.thinking_back import Demand

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


def formats_of(provider: Provider, model: str) -> tuple[str, ...] | None:
    """Return which of the provider's formats a model speaks; None for all.

    Formats that the provider does not have are ignored, so that a profile fits other providers.
    """
    own = next((one.profile for one in provider.models or () if one.name == model), None)
    wanted: tuple[str, ...] = ()
    for profile in (provider.profile, own):
        if profile is not None and any(one.formats for one in (profile, *profile.by_model)):
            for quirks in (profile, *_by_model(profile, model)):
                wanted = quirks.formats or wanted
    return tuple(one for one in wanted if one in provider.formats) or None


def maker_of(provider: Provider, model: str, quirks: QuirkSettings | None) -> str:
    """Return whose proofs of thinking a model makes and takes back.

    As its profile says, or as is known of its host; a model's own where nobody says.
    """
    if quirks is not None and quirks.maker is not None:
        return quirks.maker
    return _maker_at(provider.base_url or "") or f"{provider.name}/{model}"


def demand_of(quirks: QuirkSettings | None, model: str, format: str) -> Demand | None:
    """Return what a model demands of its history in a format; None for nothing.

    Gemini's own format has a rule: from Gemini 3 on calls are signed.
    """
    quirks = quirks or _NO_QUIRKS
    signature = quirks.call_signature
    if signature is None and format == "gemini" and not is_before_gemini_3(model):
        signature = NO_SIGNATURE
    if not quirks.thinking_back and not signature:
        return None
    return Demand(
        thinking=quirks.thinking_back,
        thinking_stand_in=quirks.thinking_stand_in or "",
        tag=quirks.thinking_tag,
        signature_stand_in=signature or "",
    )


_NO_QUIRKS = QuirkSettings()


@remembering
def _maker_at(url: str) -> str:
    host = known_hosts().get(urlsplit(url).hostname or "")
    return host.maker if host is not None else ""


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

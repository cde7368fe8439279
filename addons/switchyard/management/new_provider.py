"""Adds a provider from a preset and a key, after its list of models was read with that key."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import SecretStr
from ruamel.yaml import YAML

from switchyard.attempt.model_listing import list_models
from switchyard.config.editing.editor import ConfigDraft
from switchyard.config.editing.editor import ConfigEditor
from switchyard.config.provider import credentials_of
from switchyard.egress.fetch import FetchError
from switchyard.egress.table import EgressTable
from switchyard.egress.table import Environment
from switchyard.files import SHIPPED


class NewProviderError(Exception):
    """Why a provider was not added, with what to do."""


@cache
def key_prefixes() -> Mapping[str, str]:
    """Return the presets by how keys of theirs begin."""
    return YAML(typ="safe").load(SHIPPED / "key-prefixes.yaml")


def prefix_of(preset: str) -> str:
    """Return how keys of a preset begin, empty where that is not known."""
    return next((prefix for prefix, name in key_prefixes().items() if name == preset), "")


def draft_provider(editor: ConfigEditor, preset: str, key: str) -> ConfigDraft:
    """Return a draft of the file with one more provider. Blocks on the disk.

    Raises ConfigError, OSError, and NewProviderError where the provider is there already.
    """

    def add(given: dict[str, Any]) -> None:
        providers = given.setdefault("providers", [])
        if any(isinstance(one, dict) and _name_of(one) == preset for one in providers):
            raise NewProviderError(
                f"There is a provider {preset} already. Add the key to its api-key-entries."
            )
        providers.append({"preset": preset, "api-key": key})

    return editor.draft(add)


def _name_of(provider: Mapping[str, object]) -> object:
    return provider.get("name", provider.get("preset"))


async def count_models(draft: ConfigDraft, name: str, key: SecretStr, around: Environment) -> int:
    """Return how many models the provider of a draft lists with a key.

    Raises NewProviderError where it refuses the key or is not reached.
    """
    provider = next(one for one in draft.config.providers if one.name == name)
    label = next(iter(credentials_of(provider)))
    format = provider.formats[0]
    way = EgressTable(draft.config, around).of(label, format)
    try:
        found = await list_models(provider, key, way, provider.url_for(format))
    except (FetchError, ValueError) as e:
        raise NewProviderError(
            f"The provider {name} does not list its models with this key: {e}. Nothing was written."
        ) from None
    return len(found)

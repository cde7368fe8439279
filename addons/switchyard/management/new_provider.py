"""Adds a provider from a preset and a key, after its list of models was read with that key."""

from collections.abc import Mapping
from collections.abc import Sequence
from functools import cache
from typing import Any

from pydantic import SecretStr
from ruamel.yaml import YAML

from switchyard.attempt.model_listing import list_models
from switchyard.config.editing.editor import ConfigDraft
from switchyard.config.editing.editor import ConfigEditor
from switchyard.config.example_models import EXAMPLE_MODELS
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

    One that stands there as optional, to wait for a key from the environment, gets the key. Raises
    ConfigError, OSError, and NewProviderError where the provider is there already.
    """

    def add(given: dict[str, Any]) -> None:
        providers = given.setdefault("providers", [])
        named = (one for one in providers if isinstance(one, dict) and _name_of(one) == preset)
        if (there := next(named, None)) is not None:
            if there.get("preset") == preset and there.get("optional") and _has_no_key(there):
                del there["optional"]
                there["api-key"] = key
                return
            raise NewProviderError(
                f"There is a provider {preset} already. Add the key to its api-key-entries."
            )
        providers.append({"preset": preset, "api-key": key})

    return editor.draft(add)


def _has_no_key(provider: Mapping[str, object]) -> bool:
    return not {"api-key", "api-key-entries", "credentials"} & provider.keys()


def _name_of(provider: Mapping[str, object]) -> object:
    return provider.get("name", provider.get("preset"))


async def listed_models(
    draft: ConfigDraft, name: str, key: SecretStr, around: Environment
) -> list[str]:
    """Return the models that the provider of a draft lists with a key.

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
    return [one.name for one in found]


def suggested_model(provider: str, models: Sequence[str]) -> str:
    """Return what to ask for first: a model known for code, else the first that is listed."""
    known = EXAMPLE_MODELS.get(provider, "")
    first = known if known in models or not models else models[0]
    return f"{provider}/{first}" if first else ""

"""Client keys as tests look at them."""

from collections.abc import Iterable

from switchyard.config.client_keys import ClientKey


def in_clear(keys: Iterable[ClientKey]) -> list[str]:
    """The keys that stand in a configuration in clear."""
    return [entry.key.get_secret_value() for entry in keys if entry.key is not None]

"""Defines the configuration of the management API and the dashboard."""

from collections.abc import Mapping
from typing import Self

from pydantic import SecretStr
from pydantic import model_validator

from switchyard.config.client_keys import KeyHash
from switchyard.config.fields import Secret
from switchyard.config.fields import refuse
from switchyard.config.section import Section

PASSWORD = "MANAGEMENT_PASSWORD"
"""The environment variable with the key where the file names none."""


class ManagementSettings(Section):
    """Who may look at the running router and change it."""

    key: Secret | None = None
    key_hash: KeyHash | None = None
    """Its SHA-256, where the key itself shall not stand in the file."""
    allow_remote: bool = False
    """Whether other machines may use it, with a key."""
    dir: str | None = None
    """The folder of sessions and the audit; None: beside the usage records."""

    @model_validator(mode="after")
    def _has_one_key(self) -> Self:
        if self.key is not None and self.key_hash is not None:
            raise refuse("has both key and key-hash", "remove one of them")
        return self

    def completed(self, env: Mapping[str, str]) -> "ManagementSettings":
        """Returns the settings with the key of the environment, where the file has none."""
        password = env.get(PASSWORD, "").strip()
        if not password or self.key is not None or self.key_hash is not None:
            return self
        return self.model_copy(update={"key": SecretStr(password)})

    @property
    def has_key(self) -> bool:
        """Whether a management key is set."""
        return self.key is not None or self.key_hash is not None

"""How the management asks for the configuration file to be looked at now."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from switchyard.config.schema import Config


class Reloading(Protocol):
    """The part of the addon `Settings` that the management uses. For the event loop."""

    @property
    def path(self) -> Path:
        """The file that changes are written to; not there yet where the default is in force."""
        ...

    @property
    def template(self) -> Path | None:
        """The default in force, while there is no file of the user's own."""
        ...

    @property
    def environ(self) -> Mapping[str, str]:
        """The variables that the file is read with."""
        ...

    def why_not(self, config: Config) -> str:
        """Why a configuration must not be in force here; empty if it may."""
        ...

    async def reload(self) -> str:
        """Puts the file in force if it has changed; returns why that failed, or nothing."""
        ...

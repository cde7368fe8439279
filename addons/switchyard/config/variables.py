"""Finds the values of `${NAME}`: environment, `.env`, the file of secrets, the keyring.

What is found first holds. The keyring is asked for a name only when a configuration mentions it,
and only where `SWITCHYARD_KEYRING` names the service that its entries belong to: to import the
library takes a quarter of a second, and a locked keyring may ask its user for a password.
"""

import logging
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path

from switchyard.config.dotenv import with_dotenv
from switchyard.config.sealed_secrets import SECRETS_FILE
from switchyard.config.sealed_secrets import read_secrets_file

KEYRING = "SWITCHYARD_KEYRING"
"""The variable with the service of the keyring's entries; a secret's name is their user."""

logger = logging.getLogger(__name__)


def secrets_beside(dotenv: Path) -> Path:
    """Return where the file of secrets is that belongs to the same configuration as a `.env`."""
    return dotenv.parent / SECRETS_FILE


def variables_beside(dotenv: Path, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return the variables of a configuration whose `.env` is, or would be, the file `dotenv`.

    Raises ConfigError for a `.env` or a file of secrets that cannot be read.
    """
    return completed_variables(
        with_dotenv(dotenv, environ), read_secrets_file(secrets_beside(dotenv))
    )


def completed_variables(
    environ: Mapping[str, str], secrets: Mapping[str, str]
) -> Mapping[str, str]:
    """Return `environ` with what secrets and, where it is named, the keyring add to it."""
    added = {name: value for name, value in secrets.items() if not environ.get(name)}
    known = {**environ, **added}
    return KeyringVariables(known, service) if (service := known.get(KEYRING)) else known


class KeyringVariables(Mapping[str, str]):
    """Variables, and behind them the entries of a keyring, each of which is asked for once.

    Only variables that need no keyring are listed: a keyring cannot list its entries.
    """

    def __init__(self, known: Mapping[str, str], service: str) -> None:
        self._known = known
        self._service = service
        self._asked: dict[str, str | None] = {}
        self._works = True

    def __getitem__(self, name: str) -> str:
        if value := self._known.get(name):
            return value
        if name not in self._asked:
            self._asked[name] = self._ask(name)
        if (found := self._asked[name]) is None:
            return self._known[name]
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def _ask(self, name: str) -> str | None:
        """Return the entry of a name; None without one, or when the keyring does not answer."""
        if not self._works:
            return None
        try:
            import keyring
            from keyring.errors import KeyringError
        except ImportError:
            return self._give_up("the library is missing; pip install 'switchyard[keyring]'")
        try:
            return keyring.get_password(self._service, name)
        except KeyringError as error:
            return self._give_up(f"{type(error).__name__}; unlock it, or unset {KEYRING}")

    def _give_up(self, why: str) -> None:
        self._works = False
        logger.warning("switchyard: the keyring cannot be read: %s", why)

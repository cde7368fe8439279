"""The configuration and the secrets of this device, as files."""

from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from switchyard.config.dotenv import read_dotenv
from switchyard.config.editing.config_file import ConfigFile
from switchyard.config.editing.config_file import Stale
from switchyard.config.editing.config_file import etag_of
from switchyard.config.load import parse_config
from switchyard.config.sealed_secrets import SECRETS_FILE
from switchyard.config.sealed_secrets import read_secrets_file
from switchyard.config.sealed_secrets import sealed
from switchyard.config.variables import completed_variables
from switchyard.sync.errors import SyncError
from switchyard.sync.literal_secrets import named_secrets
from switchyard.sync.literal_secrets import names_in
from switchyard.sync.literal_secrets import names_needed
from switchyard.values.files import replace_private


@dataclass(frozen=True, slots=True)
class SyncCopy:
    """What is kept in step: a configuration without secrets, and the secrets by their names."""

    text: str
    secrets: dict[str, str]


@dataclass(frozen=True, slots=True)
class LocalCopy:
    """What this device has."""

    copy: SyncCopy
    etag: str
    """Names the content of the file that the copy was made from."""
    moved: dict[str, str]
    """Keys that stand in the file itself: the name that each gets, and its path."""
    taken: tuple[str, ...]
    """Names whose values are taken from `.env`."""
    shadowed: tuple[str, ...]
    """Names that this device's environment or `.env` gives another value than the secrets."""
    unsynced: tuple[str, ...]
    """Names that other devices need a value for, which only the environment of this one has."""


class ConfigPlace:
    """A configuration file and what stands beside it. Methods raise ConfigError and OSError."""

    def __init__(
        self, config: Path, dotenv: Path, environ: Mapping[str, str], key: Path | None = None
    ) -> None:
        """`key` is the file of the age key, if it is not the usual one."""
        self.config = config
        self._dotenv = dotenv
        self._environ = environ
        self._key = key
        self._file = ConfigFile(config)
        self._secrets = config.parent / SECRETS_FILE

    def local(self) -> LocalCopy:
        """Return what is there, with the secrets in the text taken out of it. Writes nothing.

        Raises SyncError for a secret that cannot be taken out, NotEditable for what is no YAML.
        """
        content = self._file.read()
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise SyncError(f"{self.config} is not UTF-8 text; save it as UTF-8") from None
        secrets, dotenv = self.secrets(), read_dotenv(self._dotenv)
        own = {**dotenv, **{name: value for name, value in self._environ.items() if value}}
        named = named_secrets(text, {**own, **secrets})
        secrets |= named.secrets
        needed = names_needed(named.text)
        used = names_in(named.text) | needed
        taken = tuple(sorted(one for one in used if dotenv.get(one) and one not in secrets))
        secrets |= {name: dotenv[name] for name in taken}
        shadowed = sorted(one for one in used if own.get(one) and own[one] != secrets.get(one))
        return LocalCopy(
            copy=SyncCopy(named.text, secrets),
            etag=etag_of(content),
            moved=named.places,
            taken=taken,
            shadowed=tuple(one for one in shadowed if one in secrets),
            unsynced=tuple(sorted(one for one in needed if own.get(one) and one not in secrets)),
        )

    def secrets(self) -> dict[str, str]:
        """Return the secrets in the file of secrets."""
        return read_secrets_file(self._secrets, self._key)

    def check(self, copy: SyncCopy) -> None:
        """Raise ConfigError unless a router on this device could be started with a copy."""
        environ = {**self._environ}
        for name, value in read_dotenv(self._dotenv).items():
            environ[name] = environ.get(name) or value
        variables = completed_variables(environ, copy.secrets)
        parse_config(copy.text.encode(), self.config, variables)

    def write_secrets(self, secrets: Mapping[str, str], recipients: Iterable[str]) -> None:
        """Replace the file of secrets."""
        self.config.parent.mkdir(parents=True, exist_ok=True)
        replace_private(self._secrets, sealed(secrets, recipients))

    def write(self, local: LocalCopy, copy: SyncCopy, recipients: Iterable[str]) -> None:
        """Replace both files by a copy, if the configuration is still what `local` was made from.

        Raises SyncError if it is not; the secrets then are those of the copy already, among which
        are all that the configuration needs.
        """
        if copy.secrets != self.secrets():
            self.write_secrets({**local.copy.secrets, **copy.secrets}, recipients)
        try:
            self._file.write(copy.text.encode(), local.etag)
        except Stale:
            raise SyncError("the configuration was changed meanwhile; try again") from None
        if copy.secrets != self.secrets():
            self.write_secrets(copy.secrets, recipients)

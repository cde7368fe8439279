"""Notices changes of the configuration file and loads it again."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from switchyard.config.dotenv import NAME as DOTENV
from switchyard.config.load import parse_config
from switchyard.config.load import read_file
from switchyard.config.problems import ConfigError
from switchyard.config.schema import Config
from switchyard.config.variables import secrets_beside
from switchyard.config.variables import variables_beside
from switchyard.values.files import read_regular


class ConfigSource:
    """One configuration file over time. Call `load` once, then `poll` at any interval.

    A file that cannot be used is reported once; the previous configuration stays in force.
    """

    def __init__(self, path: Path, env: Mapping[str, str], dotenv: Path | None = None) -> None:
        """Follow the file at `path`, with variables from `env`.

        `dotenv` is the file with further variables; without it that is `.env` beside `path`.
        """
        self.path = path
        self.config: Config | None = None
        """The one in force."""
        self.environ: Mapping[str, str] = env
        """The variables that it was read with, those of `.env` and of secrets included."""
        self._env = env
        self._dotenv = dotenv or path.parent / DOTENV
        self._secrets = secrets_beside(self._dotenv)
        self._beside: tuple[Path, ...] = ()
        """The files of certificates and client keys that the configuration in force names."""
        self._stat: tuple[object, ...] = ()
        self._digest = b""

    def load(self) -> Config:
        """The configuration as the file is now. Raises `ConfigError`."""
        self._stat = self._look()
        content = read_file(self.path)
        self._digest = self._digest_of(content)
        return self._parse(content)

    def poll(self) -> Config | ConfigError | None:
        """Return the new configuration if the file, its `.env`, secrets or a certificate changed.

        Returns the error if the new content cannot be used, and None if nothing has changed, which
        costs one `stat` for each file.
        """
        stat = self._look()
        if stat == self._stat:
            return None
        # Taken before reading: a file that is written to meanwhile differs again at the next poll.
        self._stat = stat
        try:
            content = read_file(self.path)
            digest = self._digest_of(content)
            if digest == self._digest:
                return None
            self._digest = digest
            return self._parse(content)
        except ConfigError as error:
            return error
        except MemoryError:
            self._stat, self._digest = (), b""  # there may be room at the next poll
            raise

    def _parse(self, content: bytes) -> Config:
        environ = variables_beside(self._dotenv, self._env)
        self.config = parse_config(content, self.path, environ)
        self.environ = environ
        files = (
            file for one in self.config.providers for file in (one.tls.ca, one.tls.client_cert)
        )
        named = tuple(Path(file) for file in (*files, self.config.clients.keys_file) if file)
        if named != self._beside:
            self._beside = named
            self._stat, self._digest = self._look(), self._digest_of(content)
        return self.config

    def _look(self) -> tuple[object, ...]:
        return tuple(map(_stat, (self.path, self._dotenv, self._secrets, *self._beside)))

    def _digest_of(self, content: bytes) -> bytes:
        """What the file holds, and the files beside it and those it names."""
        parts = [hashlib.sha256(content).digest()]
        for file in (self._dotenv, self._secrets, *self._beside):
            try:
                parts.append(hashlib.sha256(read_regular(file)).digest())
            except OSError:
                parts.append(b"")
        return b"".join(parts)


def _stat(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino

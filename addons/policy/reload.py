"""Notices that the configuration file has changed, and loads it anew."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from addons.policy.config import Config
from addons.policy.config import ConfigError
from addons.policy.config import parse_config
from addons.policy.config import read_file


class ConfigSource:
    """One configuration file over time. Call `load` once, then `poll` as often as you like.

    A file that cannot be used is reported once; what was loaded before stays in force.
    """

    def __init__(self, path: Path, env: Mapping[str, str]) -> None:
        self.path = path
        self.config: Config | None = None
        """The one in force."""
        self._env = env
        self._stat: tuple[int, ...] | None = None
        self._digest = b""

    def load(self) -> Config:
        """The configuration as the file is now. Raises `ConfigError`."""
        self._stat = self._look()
        content = read_file(self.path)
        self._digest = _digest(content)
        self.config = parse_config(content, self.path, self._env)
        return self.config

    def poll(self) -> Config | ConfigError | None:
        """The new configuration if the file's content has changed, what is wrong with it if it
        cannot be used, and None if there is nothing new. Costs one `stat` in the last case."""
        stat = self._look()
        if stat == self._stat:
            return None
        # Taken before reading: a file that is written to meanwhile differs again at the next poll.
        self._stat = stat
        try:
            content = read_file(self.path)
            digest = _digest(content)
            if digest == self._digest:
                return None
            self._digest = digest
            self.config = parse_config(content, self.path, self._env)
        except ConfigError as error:
            return error
        return self.config

    def _look(self) -> tuple[int, ...] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()

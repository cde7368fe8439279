"""Follows the configuration file of a running router."""

import asyncio
import logging
from collections.abc import Callable

from switchyard.config.problems import ConfigError
from switchyard.config.reload import ConfigSource
from switchyard.config.schema import Config

logger = logging.getLogger(__name__)


class ConfigWatcher:
    """Applies each good version of a file. Reports a bad one, and the one in force stays."""

    def __init__(
        self,
        source: ConfigSource,
        why_not: Callable[[Config], str],
        apply: Callable[[Config], None],
    ) -> None:
        """Watch `source`.

        `why_not` returns why a good file must not be in force here, empty if it may. `apply` puts a
        configuration in force; if it raises, all is as before.
        """
        self._source = source
        self._why_not = why_not
        self._apply = apply
        self._turn = asyncio.Lock()

    def follow(self, source: ConfigSource) -> None:
        """Watch another file from now on."""
        self._source = source

    def poll(self) -> None:
        """Look at the file once."""
        self._take(self._source, self._source.poll())

    async def poll_aside(self) -> str:
        """Look at the file once, in a thread: it may be large, or on a disk that hangs.

        Returns why what was found there is not in force; nothing if it is.
        """
        source = self._source
        async with self._turn:
            return self._take(source, await asyncio.to_thread(source.poll))

    def _take(self, source: ConfigSource, found: Config | ConfigError | None) -> str:
        if source is not self._source:
            return ""  # another file was named meanwhile
        match found:
            case Config() as config if why := self._why_not(config):
                logger.error("switchyard: keeping the previous configuration: %s", why)
                return why
            case Config() as config:
                try:
                    self._apply(config)
                except Exception as e:  # above all: the demo upstream did not come up
                    logger.exception("switchyard: keeping the previous configuration")
                    return f"it cannot be put in force ({type(e).__name__}); see the log"
                else:
                    logger.info("switchyard: applied the changed %s", source.path)
            case ConfigError() as e:
                logger.error("switchyard: keeping the previous configuration:\n%s", e)
                return str(e)
        return ""

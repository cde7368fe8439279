"""Follows the configuration file of a running router."""

import asyncio
import logging
from collections.abc import Awaitable
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
        prepare: Callable[[Config], Awaitable[Callable[[], None]]],
    ) -> None:
        """Watch `source`.

        `why_not` returns why a good file must not be in force here, empty if it may. `prepare`
        returns what puts a configuration in force; if one of the two raises, all is as before.
        """
        self._source = source
        self._why_not = why_not
        self._prepare = prepare
        self._turn = asyncio.Lock()

    def follow(self, source: ConfigSource) -> None:
        """Watch another file from now on."""
        self._source = source

    async def poll(self) -> str:
        """Look at the file once, in a thread: it may be large, or on a disk that hangs.

        Returns why what was found there is not in force; nothing if it is.
        """
        source = self._source
        async with self._turn:
            return await self._take(source, await asyncio.to_thread(source.poll))

    async def _take(self, source: ConfigSource, found: Config | ConfigError | None) -> str:
        if source is not self._source:
            return ""  # another file was named meanwhile
        match found:
            case Config() as config:
                try:
                    return await self._use(source, config)
                except Exception as e:  # above all: the demo upstream did not come up
                    logger.exception("switchyard: keeping the previous configuration")
                    return f"it cannot be put in force ({type(e).__name__}); see the log"
            case ConfigError() as e:
                logger.error("switchyard: keeping the previous configuration:\n%s", e)
                return str(e)
        return ""

    async def _use(self, source: ConfigSource, config: Config) -> str:
        put_in_force = await self._prepare(config)
        if source is not self._source:
            return ""
        # Asked last: what is listened on may have changed while the configuration was prepared.
        if why := self._why_not(config):
            logger.error("switchyard: keeping the previous configuration: %s", why)
            return why
        put_in_force()
        logger.info("switchyard: applied the changed %s", source.path)
        return ""

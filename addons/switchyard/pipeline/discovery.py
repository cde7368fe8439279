"""Fetches providers' model lists: at the start, on a timer, and in the background."""

import asyncio
import logging
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader
from mitmproxy.utils import asyncio_utils
from pydantic import SecretStr

from switchyard.accounts.token import SourceError
from switchyard.attempt.model_listing import list_models
from switchyard.config.provider import Provider
from switchyard.config.provider import credentials_of
from switchyard.egress.fetch import FetchError
from switchyard.redaction.text import redact
from switchyard.runtime.runtime import Runtime
from switchyard.state.model_lists import Lists
from switchyard.state.model_lists import load_lists
from switchyard.state.model_lists import save_lists
from switchyard.state.model_lists import state_file
from switchyard.values.counts import counted
from switchyard.values.lasting import forever
from switchyard.wire.model.model_list import FoundModel

logger = logging.getLogger(__name__)

_MOST_KEYS = 3
"""Keys of a provider tried for its list at most."""
_AT_A_TIME = 32
"""Providers that are asked at the same time at most."""
_REST = 4.0
"""How many times as long as new lists took to take over nothing more is: many come together."""
_LONGEST_REST = 10.0
"""Seconds."""
_AGAIN_AFTER = 60.0
"""Seconds until a failed request for a list is repeated; each failure doubles it."""


@dataclass(slots=True)
class _Schedule:
    provider: Provider
    due: float = 0.0
    failures: int = 0


class Discovery:
    """Keeps the catalog up to date with the model lists of providers.

    It asks providers whose `models` is `discover` or missing; any other model name may be requested
    nevertheless. No request waits for this. The last lists are kept on disk.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._schedule: dict[str, _Schedule] = {}
        self._lists: Lists = {}
        self._file = Path()
        self._told: dict[str, tuple[FoundModel, ...]] = {}
        """The last text logged for each provider."""
        self._task: asyncio.Task | None = None
        self._changed = asyncio.Event()
        self._asking = asyncio.Semaphore(_AT_A_TIME)
        self._saving = asyncio.Lock()
        self._is_saved = True

    def load(self, loader: Loader) -> None:
        loader.add_option(
            "switchyard_discovery",
            bool,
            True,
            "Ask providers without a list of models in the configuration which ones they have.",
        )

    def running(self) -> None:
        if not ctx.options.switchyard_discovery:
            return
        self._file = state_file()
        self._lists = load_lists(self._file)
        self._runtime.on_change(self._changed.set)
        self._task = asyncio_utils.create_task(
            forever("asking providers for their models", self._look),
            name="switchyard model discovery",
            keep_ref=True,
        )

    def done(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _look(self) -> None:
        """Adopts the known lists, asks providers that are due, and waits for the next one."""
        self._changed.clear()
        wanted = {p.name: p for p in self._runtime.snapshot.config.providers if is_asked(p)}
        for name in self._schedule.keys() - wanted.keys():
            del self._schedule[name]
        for name, provider in wanted.items():
            if name not in self._schedule or self._schedule[name].provider != provider:
                self._schedule[name] = _Schedule(provider)
        begun = time.monotonic()
        await self._take_over(wanted.values())
        now = time.monotonic()
        for one in self._schedule.values():
            if one.due <= now:
                one.due = math.inf
                asyncio_utils.create_task(
                    self._ask(one), name=f"models of {one.provider.name}", keep_ref=True
                )
        await asyncio.sleep(min(_REST * (now - begun), _LONGEST_REST))
        upcoming = min((one.due for one in self._schedule.values()), default=math.inf)
        try:
            now = time.monotonic()
            async with asyncio.timeout(None if upcoming == math.inf else upcoming - now):
                await self._changed.wait()
        except TimeoutError:
            pass

    async def _take_over(self, providers: Iterable[Provider]) -> None:
        known = {p.name: found for p in providers if (found := self._lists.get(_place(p)))}
        await self._runtime.learn(known)
        for name, found in known.items():
            if self._told.get(name) != found:
                logger.info("switchyard: %s has %s", name, counted(len(found), "model"))
        self._told = known

    async def _ask(self, schedule: _Schedule) -> None:
        """Asks one provider, and schedules the next time whatever the outcome."""
        again = _AGAIN_AFTER
        try:
            again = await self._ask_now(schedule)
        except Exception:
            name = schedule.provider.name
            logger.exception("switchyard: cannot use the model list of %s", name)
        finally:
            schedule.due = time.monotonic() + again
            self._changed.set()

    async def _ask_now(self, schedule: _Schedule) -> float:
        """Asks one provider; returns the seconds until the next time."""
        provider = schedule.provider
        try:
            async with self._asking:
                found = await self._list_of(provider)
        except Exception as e:
            again = min(provider.discover_every, _AGAIN_AFTER * 2.0**schedule.failures)
            schedule.failures += 1
            logger.debug("switchyard: asking %s for its models failed", provider.name, exc_info=e)
            if schedule.failures == 1:
                self._tell(provider, e)
        else:
            again = provider.discover_every
            if schedule.failures:
                logger.info("switchyard: %s lists its models again", provider.name)
            schedule.failures = 0
            await self._keep(_place(provider), found)
        return again

    def _tell(self, provider: Provider, error: Exception) -> None:
        why = redact(str(error)) if isinstance(error, FetchError | ValueError) else ""
        why = self._runtime.snapshot.routes.concealer.text(why)
        kept = len(self._lists.get(_place(provider), ()))
        logger.warning(
            "switchyard: %s does not list its models: %s. %s Any model works by its name.",
            provider.name,
            why or type(error).__name__,
            f"The last list of {kept} stays in use." if kept else "GET /v1/models lists none.",
        )

    async def _list_of(self, provider: Provider) -> tuple[FoundModel, ...]:
        """Returns the provider's list, trying its keys in turn.

        Raises the last key's error.
        """
        keys = list(credentials_of(provider))[:_MOST_KEYS]
        for credential in keys[:-1]:
            try:
                return await self._list_by(provider, credential)
            except FetchError:
                continue
        return await self._list_by(provider, keys[-1])

    async def _list_by(self, provider: Provider, credential: str) -> tuple[FoundModel, ...]:
        snapshot = self._runtime.snapshot
        name = provider.formats[0]
        way, base = snapshot.egress.of(credential, name), snapshot.base_url(provider, name)
        return await list_models(provider, await self._key_of(credential), way, base)

    async def _key_of(self, credential: str) -> SecretStr | None:
        """Returns the key of a credential, read from its source if it has one."""
        routes = self._runtime.snapshot.routes
        if (source := routes.source(credential)) is None:
            return routes.key(credential)
        try:
            return await self._runtime.accounts.obtain(source)
        except SourceError as e:
            raise FetchError(f"its credential {e}") from None

    async def _keep(self, place: str, found: tuple[FoundModel, ...]) -> None:
        """Adopts a list, and keeps it on disk if it is new."""
        if self._lists.get(place) == found:
            return
        self._lists[place] = found
        self._changed.set()
        self._is_saved = False
        async with self._saving:
            if self._is_saved:
                return  # with another provider's
            self._is_saved = True
            try:
                await asyncio.to_thread(save_lists, self._file, dict(self._lists))
            except OSError as e:
                logger.warning("switchyard: cannot save model lists to %s: %s", self._file, e)


def is_asked(provider: Provider) -> bool:
    """Whether a provider is asked for its models.

    It is if the file lists none for it and the router has a key for it, or if the file says
    `discover`. Clouds list models in ways of their own.
    """
    if provider.platform is not None:
        return False
    if provider.builtin is not None or provider.models is not None or not provider.discover_every:
        return False
    return provider.discover or provider.credentials == "own"


def _place(provider: Provider) -> str:
    """Returns the key under which a list is kept: the provider and its address."""
    return f"{provider.name} {provider.url_for(provider.formats[0])}"

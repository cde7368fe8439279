"""Asks providers how much of a key's limits is used, when somebody wants to know."""

import asyncio
import logging
import time

from mitmproxy import ctx
from mitmproxy.utils import asyncio_utils

from switchyard.accounts.quota_calls import QuotaCall
from switchyard.accounts.quota_calls import quota_url
from switchyard.accounts.quota_calls import with_quota
from switchyard.accounts.token import SourceError
from switchyard.attempt.url import key_headers
from switchyard.config.provider import Provider
from switchyard.config.provider import credentials_of
from switchyard.egress.fetch import FetchError
from switchyard.egress.fetch import fetch
from switchyard.runtime.runtime import Runtime
from switchyard.values.lasting import forever
from switchyard.wire.encoding.jsonio import loads

logger = logging.getLogger(__name__)

AT_MOST_EVERY = 600.0
"""Seconds between two questions for one key."""
_LOOK_EVERY = 1.0


class QuotaWatch:
    """Asks providers with a `quota-call`, at most every ten minutes a key.

    It asks only if the state of providers or windows was looked at since, or if windows steer.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._asked: dict[str, float] = {}
        """When each credential was asked about, in monotonic seconds."""
        self._task: asyncio.Task | None = None

    def running(self) -> None:
        self._task = asyncio_utils.create_task(
            forever("asking providers for quotas", self._look),
            name="switchyard quotas",
            keep_ref=True,
        )

    def done(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _look(self) -> None:
        if self._runtime.accounts.take_interest():
            for provider, call in with_quota(self._runtime.snapshot.config.providers):
                for credential in credentials_of(provider):
                    await self._ask_if_due(provider, call, credential)
        await asyncio.sleep(_LOOK_EVERY)

    async def _ask_if_due(self, provider: Provider, call: QuotaCall, credential: str) -> None:
        now = time.monotonic()
        if now - self._asked.get(credential, -AT_MOST_EVERY) < AT_MOST_EVERY:
            return
        self._asked[credential] = now
        try:
            await self._ask(provider, call, credential)
        except (FetchError, SourceError, ValueError) as error:
            why = self._runtime.snapshot.routes.concealer.text(str(error))
            logger.info("switchyard: %s does not say what is left: %s", credential, why)

    async def _ask(self, provider: Provider, call: QuotaCall, credential: str) -> None:
        """Asks about one key, and notes its windows. Raises FetchError, SourceError, ValueError."""
        snapshot = self._runtime.snapshot
        if (source := snapshot.routes.source(credential)) is not None:
            key = await self._runtime.accounts.obtain(source)
        else:
            key = snapshot.routes.key(credential)
        format = provider.formats[0]
        if not (own := key_headers(provider, format, key)):
            return
        headers = {"accept": "application/json", "user-agent": "switchyard", **own, **call.headers}
        trusted = ctx.options.ssl_verify_upstream_trusted_ca
        way = snapshot.egress.of(credential, format)
        body = await fetch(quota_url(provider, call), headers.items(), way, provider, trusted)
        self._runtime.ledger.note(credential, call.read(loads(body), time.time()))

"""Has webhooks follow the configuration, and looks for what they tell."""

import asyncio

from mitmproxy import ctx
from mitmproxy.utils import asyncio_utils

from switchyard.management.alerts import Alerts
from switchyard.management.places import management_folder
from switchyard.runtime.runtime import Runtime
from switchyard.values.lasting import forever

LOOK_EVERY = 2.0
"""Seconds between two looks at quotas, providers, keys and accounts."""


class WebhookEvents:
    """Starts the receivers of the configuration in force. Without any it does nothing."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._alerts = Alerts(runtime)
        self._task: asyncio.Task | None = None

    def running(self) -> None:
        self._follow()
        self._runtime.on_change(self._follow)
        self._task = asyncio_utils.create_task(
            forever("looking for events", self._look), name="switchyard events", keep_ref=True
        )

    def done(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._runtime.webhooks.close()

    def _follow(self) -> None:
        config = self._runtime.snapshot.config
        trusted = ctx.options.ssl_verify_upstream_trusted_ca
        self._runtime.webhooks.use(config.webhooks, management_folder(config), trusted)

    async def _look(self) -> None:
        if self._runtime.snapshot.config.webhooks:
            self._alerts.look()
        await asyncio.sleep(LOOK_EVERY)

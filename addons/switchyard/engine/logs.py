"""Avoids log records that no handler reads."""

import logging

from mitmproxy.log import AddLogHook
from mitmproxy.log import LegacyLogEvents

from switchyard.engine.hooks import CachedAddonManager


class QuietLegacyLogEvents(LegacyLogEvents):
    """mitmproxy's deprecated `add_log` event, made for add-ons that handle it.

    Otherwise every record, debugging ones included, would be formatted, wake the event loop and go
    to every add-on.
    """

    @classmethod
    def adopt(cls, events: LegacyLogEvents) -> None:
        events.__class__ = cls

    def emit(self, record: logging.LogRecord) -> None:
        addons = self.master.addons
        if not isinstance(addons, CachedAddonManager) or addons.has(AddLogHook):
            super().emit(record)

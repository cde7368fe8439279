"""Gives the engine's table of handlers to a mitmproxy that `scripts/start` did not begin."""

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader

from switchyard.engine.authority_key import trust_keys
from switchyard.engine.fast_messages import lighten
from switchyard.engine.garbage import settle
from switchyard.engine.hooks import CachedAddonManager
from switchyard.engine.logs import QuietLegacyLogEvents


class Adoption:
    """Replaces the manager of add-ons when the router is loaded, as by `mitmdump -s`.

    mitmproxy's own looks for each handler of each add-on at each hook, which takes longer than all
    that the router does. The rest of the engine needs a master that is yet to be made.
    """

    def __init__(self) -> None:
        self._adopted = False

    def load(self, loader: Loader) -> None:
        loader.add_option(
            "switchyard_engine",
            bool,
            True,
            "Look up once which add-on handles which event; false: ask all of them at each event.",
        )

    def configure(self, updated: set[str]) -> None:
        # Not in `load`: options of the command line are set once all of them are known.
        master = ctx.master
        if isinstance(master.addons, CachedAddonManager) or not ctx.options.switchyard_engine:
            return
        lighten()
        trust_keys()  # mitmproxy loads them when it begins to serve
        CachedAddonManager.adopt(master.addons)
        QuietLegacyLogEvents.adopt(master._legacy_log_events)
        self._adopted = True

    def running(self) -> None:
        if self._adopted:
            settle()

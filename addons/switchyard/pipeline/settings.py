"""The router's options and its configuration file: loaded at start, watched while running."""

import asyncio
import io
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

from mitmproxy import connection
from mitmproxy import ctx
from mitmproxy import exceptions
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import mode_specs
from mitmproxy.utils import asyncio_utils
from pydantic import SecretStr

from switchyard.config.problems import ConfigError
from switchyard.config.proxies import EnvironmentProxies
from switchyard.config.proxies import Proxy
from switchyard.config.proxies import ProxyError
from switchyard.config.reload import ConfigSource
from switchyard.config.schema import Config
from switchyard.config.shipped import known_hosts
from switchyard.demo.process import DemoUpstream
from switchyard.egress.table import Environment
from switchyard.files import DEFAULT_CONFIG
from switchyard.listener import local_capture
from switchyard.listener.addresses import comes_from_here
from switchyard.listener.addresses import is_loopback
from switchyard.listener.builtin_addons import mitmproxys
from switchyard.listener.exposure import bound_hosts
from switchyard.listener.exposure import bound_ports
from switchyard.listener.exposure import exposure
from switchyard.listener.exposure import is_listening
from switchyard.listener.exposure import listening_modes
from switchyard.listener.exposure import reachable_at
from switchyard.listener.exposure import refuse_to_expose
from switchyard.listener.exposure import wanted_addresses
from switchyard.listener.exposure import wanted_hosts
from switchyard.own_process import keep_traffic_private
from switchyard.own_process import stop_on_hangup
from switchyard.runtime.runtime import Runtime
from switchyard.starting import ENTRY_POINT
from switchyard.starting import give_up
from switchyard.values.lasting import forever

logger = logging.getLogger(__name__)

DEFAULT_HOST = "127.0.0.1"
POLL_SECONDS = 1.0


class Settings:
    """Puts the configuration in force before the first request, or ends the process: a router that
    is half there would forward what it does not route.

    While running, the file is looked at every second. A good one comes into force at once, for
    the requests that begin after it; a bad one is reported, and the one in force stays.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._demo = DemoUpstream()
        self._demo_url = ""
        self._source = ConfigSource(DEFAULT_CONFIG, os.environ)
        self._watcher: asyncio.Task | None = None
        self._too_open = True
        """Whether we may be listening where we were not told to, or where nobody may come in
        without a key: until all of that has been looked at."""

    def load(self, loader: Loader) -> None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            # Into a pipe or file Python would hold the log back, and whoever waits for us with it.
            sys.stdout.reconfigure(line_buffering=True)
        loader.add_option(
            "switchyard_config",
            str,
            "",
            "Switchyard's configuration file (YAML). Default: the environment variable "
            "SWITCHYARD_CONFIG, else config/default.yaml of the project.",
        )
        # mitmproxy listens on every address if it is told none, and dials a server before it is
        # known which one a request goes to.
        safe = {"connection_strategy": "lazy", "upstream_cert": False}
        if not ctx.options.listen_host:
            safe["listen_host"] = DEFAULT_HOST
        ctx.options.update(**safe)
        if why := local_capture.why_not(listening_modes()):
            give_up(why)
        if any(isinstance(mode, mode_specs.LocalMode) for mode in listening_modes()):
            known = ctx.master.addons.get("errorcheck")
            local_capture.Explainer().explain(known.logger.has_errored if known else ())

    def configure(self, updated: set[str]) -> None:
        if self._watcher is not None and updated & {"listen_host", "mode"}:
            refuse_to_expose(self._runtime.snapshot.config)
        if "switchyard_config" not in updated:
            return
        named = ctx.options.switchyard_config or os.environ.get("SWITCHYARD_CONFIG")
        path = Path(named).expanduser() if named else DEFAULT_CONFIG
        source = ConfigSource(path, os.environ)
        try:
            config = source.load()
        except ConfigError as e:
            if self._watcher is None:
                give_up(str(e))
            raise exceptions.OptionsError(str(e)) from e
        if self._watcher is not None:
            refuse_to_expose(config)
        self._source = source
        self._look_around()
        self._use(config)

    def running(self) -> None:
        if why := exposure(self._runtime.snapshot.config):
            give_up(why)
        _keep_what_is_loaded()
        keep_traffic_private()
        stop_on_hangup()
        wanted = wanted_hosts()
        if all(map(is_loopback, wanted)) and any(not is_loopback(host) for host in bound_hosts()):
            # mitmproxy read the address before `load` could say which; its servers start anew.
            ctx.options.update(server=False)
            ctx.options.update(server=True)
        self._runtime.listeners.ports = bound_ports()
        self._watcher = asyncio_utils.create_task(
            self._watch(), name="switchyard configuration watcher", keep_ref=True
        )

    def client_connected(self, client: connection.Client) -> None:
        if self._too_open and not comes_from_here(client):
            client.error = "the router is only starting, and not for other machines"

    def done(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
        self._demo.stop()

    async def _watch(self) -> None:
        await _until(is_listening)
        self._too_open = False
        self._runtime.listeners.ports = bound_ports()
        self._announce()
        await forever("the configuration watcher", self._look_for_changes, POLL_SECONDS)

    async def _look_for_changes(self) -> None:
        await asyncio.sleep(POLL_SECONDS)
        self._runtime.listeners.ports = bound_ports()
        source = self._source
        # In a thread: the file may be large, or on a disk that does not answer.
        found = await asyncio.to_thread(source.poll)
        if source is not self._source:
            return  # another file was named meanwhile
        match found:
            case Config() as config if why := exposure(config):
                logger.error("switchyard: keeping the previous configuration: %s", why)
            case Config() as config:
                try:
                    self._use(config)
                except Exception:  # above all: the demo upstream did not come up
                    logger.exception("switchyard: keeping the previous configuration")
                else:
                    logger.info("switchyard: applied the changed %s", source.path)
            case ConfigError() as e:
                logger.error("switchyard: keeping the previous configuration:\n%s", e)

    def _look_around(self) -> None:
        """What the environment says of proxies, and where we listen. Ends the process if it says
        what cannot be understood: calls would leave by a way that nobody wants."""
        try:
            proxies = EnvironmentProxies.read(os.environ)
        except ProxyError as e:
            give_up(f"the environment variable {e}")
        where = frozenset(wanted_addresses())
        for mode in listening_modes():
            if not isinstance(mode, mode_specs.UpstreamMode):
                continue
            proxy = _corporate_proxy(mode)
            proxies = proxies.with_default("--mode upstream", proxy)
            if Environment(proxies, where).is_us(proxy):
                give_up(
                    f"--mode {mode.full_spec} names this router as its own upstream proxy: "
                    "requests would loop"
                )
        self._runtime.listeners.environment = Environment(proxies, where)

    def _use(self, config: Config) -> None:
        needs_demo = any(provider.builtin == "demo" for provider in config.providers)
        if needs_demo and not self._demo_url:
            self._demo_url = self._demo.start()
        self._runtime.apply(config, self._demo_url)
        for notice in config.notices:
            logger.warning("switchyard: %s", notice)
        for host in config.intercept:
            if near := known_hosts().misspelt(host.partition(":")[0]):
                logger.warning(
                    "switchyard: intercept.%s: is not a host the router knows. "
                    "Hint: did you mean %r?",
                    host,
                    near,
                )

    def _announce(self) -> None:
        servers, config = mitmproxys("proxyserver").servers, self._runtime.snapshot.config
        places = {place for server in servers for place in reachable_at(server, config)}
        logger.info("switchyard: ready on %s (%s)", ", ".join(sorted(places)), _summary(config))


def _keep_what_is_loaded() -> None:
    """Ends mitmproxy's watch over the file of the entry point. It would load that one anew when it
    changes, with all other modules as they were: an update would break the running router."""
    for script in mitmproxys("scriptloader").addons:
        if Path(script.fullpath).resolve() == ENTRY_POINT and script.reloadtask is not None:
            script.reloadtask.cancel()


def _corporate_proxy(mode: mode_specs.UpstreamMode) -> Proxy:
    """The proxy of upstream mode, which is also the way to providers that have none of their own:
    where it is needed, nothing else leads out."""
    host, port = mode.address
    username, _, password = (ctx.options.upstream_auth or "").partition(":")
    return Proxy(mode.scheme, host, port, username, SecretStr(password))


def _summary(config: Config) -> str:
    names = [provider.name for provider in config.providers]
    return f"{len(names)} provider{'' if len(names) == 1 else 's'}: {', '.join(names)}"


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)

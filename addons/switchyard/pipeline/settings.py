"""Sets the router's options, and loads and watches its configuration file."""

import asyncio
import io
import logging
import os
import sys
from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path

from mitmproxy import connection
from mitmproxy import ctx
from mitmproxy import exceptions
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import mode_specs
from mitmproxy.utils import asyncio_utils

from switchyard.config.problems import ConfigError
from switchyard.config.reload import ConfigSource
from switchyard.config.schema import Config
from switchyard.config.shipped import known_hosts
from switchyard.config.watcher import ConfigWatcher
from switchyard.demo.process import DemoUpstream
from switchyard.egress.surroundings import SurroundingsError
from switchyard.egress.surroundings import read_surroundings
from switchyard.egress.table import Environment
from switchyard.engine.workers import MARK
from switchyard.files import DEFAULT_CONFIG
from switchyard.files import choose_config
from switchyard.files import counters_file
from switchyard.files import dotenv_of
from switchyard.files import user_config
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
from switchyard.listener.exposure import wanted_hosts
from switchyard.management.guard import is_on
from switchyard.own_process import keep_traffic_private
from switchyard.runtime.runtime import Runtime
from switchyard.starting import give_up
from switchyard.starting import keep_loaded
from switchyard.values.counts import counted
from switchyard.values.lasting import forever

logger = logging.getLogger(__name__)

DEFAULT_HOST = "127.0.0.1"
POLL_SECONDS = 1.0


class Settings:
    """Loads the configuration before the first request, or ends the process.

    A router without one would forward requests that it should route. While it runs, the file is
    checked every second. A valid one comes into force at once, for the requests that begin after
    it; an invalid one is reported, and the configuration in force stays.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        runtime.reloading = self
        self._demo = DemoUpstream()
        self._demo_url = ""
        self._source = source = ConfigSource(DEFAULT_CONFIG, os.environ)
        self._watcher = ConfigWatcher(source, exposure, self._prepare)
        self._watch_task: asyncio.Task | None = None
        self._too_open = True
        """Whether the router may be listening at an address that is not configured.

        Also true if it may admit clients without a key from elsewhere, until that has been checked.
        """

    def load(self, loader: Loader) -> None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            # Python buffers output to a pipe or file; a process that waits for the log would hang.
            # With PYTHONUNBUFFERED it writes a line's end by itself, behind other workers' lines.
            sys.stdout.reconfigure(line_buffering=True, write_through=False)
        loader.add_option(
            "switchyard_config",
            str,
            "",
            "Switchyard's configuration (YAML). Default: $SWITCHYARD_CONFIG, else "
            "~/.config/switchyard/config.yaml if it exists, else config/default.yaml.",
        )
        loader.add_option(
            "switchyard_open", bool, False, "Open the dashboard in a browser once it is ready."
        )
        # By default mitmproxy listens on every address, and dials a server before the target of a
        # request is known.
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
        running = self._watch_task is not None
        if running and updated & {"listen_host", "mode"}:
            refuse_to_expose(self._runtime.snapshot.config)
        if "switchyard_config" not in updated:
            return
        path = choose_config(ctx.options.switchyard_config, os.environ)
        self._runtime.sharing.file = counters_file(path, os.environ)
        source = ConfigSource(path, os.environ, dotenv_of(path, os.environ))
        try:
            config = source.load()
        except ConfigError as e:
            if not running:
                give_up(str(e))
            raise exceptions.OptionsError(str(e)) from e
        if running:
            refuse_to_expose(config)
        try:
            environment = read_surroundings(source.environ)
        except SurroundingsError as e:
            give_up(str(e))  # calls would leave by an unwanted egress
        try:
            self._use(config, environment)
        except Exception as e:
            if not running:
                raise
            logger.exception("switchyard: keeping the previous configuration")
            why = f"{path} cannot be put in force ({type(e).__name__}); see the log"
            raise exceptions.OptionsError(why) from e
        self._source = source
        self._watcher.follow(source)

    def running(self) -> None:
        if why := exposure(self._runtime.snapshot.config):
            give_up(why)
        keep_loaded()
        keep_traffic_private()
        wanted = wanted_hosts()
        if all(map(is_loopback, wanted)) and any(not is_loopback(host) for host in bound_hosts()):
            # mitmproxy read the address before `load` could set it; its servers restart.
            ctx.options.update(server=False)
            ctx.options.update(server=True)
        self._runtime.listeners.ports = bound_ports()
        self._watch_task = asyncio_utils.create_task(
            self._watch(), name="switchyard configuration watcher", keep_ref=True
        )

    @property
    def path(self) -> Path:
        """The file that changes are written to: never the default that comes with the code."""
        own = self._source.path
        return user_config(os.environ) if own == DEFAULT_CONFIG else own

    @property
    def template(self) -> Path | None:
        """The default in force, while there is no file of the user's own."""
        return DEFAULT_CONFIG if self._source.path == DEFAULT_CONFIG else None

    @property
    def environ(self) -> Mapping[str, str]:
        """The variables that the file is read with."""
        return self._source.environ

    def why_not(self, config: Config) -> str:
        """Why a configuration must not be in force here; empty if it may."""
        return exposure(config)

    async def reload(self) -> str:
        """Puts the file in force if it has changed; returns why that failed, or nothing."""
        if self._source.path != self.path and self.path.exists():
            try:
                ctx.options.update(switchyard_config=str(self.path))
            except exceptions.OptionsError as e:
                return str(e)
        return await self._poll()

    def client_connected(self, client: connection.Client) -> None:
        if self._runtime.snapshots.latest is None:
            # A process that ends for its configuration still accepts what was waiting.
            client.error = "the router has no configuration yet"
        elif self._too_open and not comes_from_here(client):
            client.error = "the router is only starting, and not for other machines"

    def done(self) -> None:
        if self._watch_task is not None:
            self._watch_task.cancel()
        self._demo.stop()

    async def _watch(self) -> None:
        await _until(is_listening)
        self._too_open = False
        self._runtime.listeners.ports = bound_ports()
        self._announce()
        await forever("the configuration watcher", self._look_for_changes, POLL_SECONDS)

    async def _look_for_changes(self) -> None:
        await asyncio.sleep(POLL_SECONDS)
        if self._runtime.state.draining:
            return  # nothing is listened on, and requests finish with what was in force
        self._runtime.listeners.ports = bound_ports()
        await self._poll()

    async def _poll(self) -> str:
        why = await self._watcher.poll()
        self._runtime.failed_reloads += bool(why)
        return why

    def _use(self, config: Config, environment: Environment | None = None) -> None:
        self._start_demo(config)
        self._runtime.apply(config, self._demo_url, environment)
        _log_notices(config)

    async def _prepare(self, config: Config) -> Callable[[], None]:
        """Returns what puts a changed configuration in force; requests go on until then."""
        self._start_demo(config)
        put_in_force = await self._runtime.prepare(config, self._demo_url)

        def use() -> None:
            put_in_force()
            _log_notices(config)

        return use

    def _start_demo(self, config: Config) -> None:
        needs_demo = any(provider.builtin == "demo" for provider in config.providers)
        if needs_demo and not self._demo_url:
            self._demo_url = self._demo.start()

    def _announce(self) -> None:
        servers, config = mitmproxys("proxyserver").servers, self._runtime.snapshot.config
        places = {place for server in servers for place in reachable_at(server, config)}
        logger.info("switchyard: ready on %s (%s)", ", ".join(sorted(places)), _summary(config))
        snapshot = self._runtime.snapshot
        page = next((place for place in sorted(places) if place.startswith("http")), None)
        if page is None or not (is_on(snapshot) or not snapshot.client_keys):
            return
        logger.info("switchyard: dashboard at %s/dashboard/", page)
        if ctx.options.switchyard_open and os.environ.get(MARK, "1") == "1":  # the first worker
            import webbrowser

            asyncio.get_running_loop().run_in_executor(None, webbrowser.open, f"{page}/dashboard/")


def _log_notices(config: Config) -> None:
    for notice in config.notices:
        logger.warning("switchyard: %s", notice)
    for host in config.intercept:
        if near := known_hosts().misspelt(host.partition(":")[0]):
            logger.warning(
                "switchyard: intercept.%s: is not a host the router knows. Hint: did you mean %r?",
                host,
                near,
            )


def _summary(config: Config) -> str:
    names = [provider.name for provider in config.providers]
    return f"{counted(len(names), 'provider')}: {', '.join(names)}"


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)

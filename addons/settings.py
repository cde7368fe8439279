"""The router's options and its configuration file: loaded at start, watched while running."""

import asyncio
import io
import logging
import os
import sys
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from pathlib import Path

from mitmproxy import connection
from mitmproxy import ctx
from mitmproxy import exceptions
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import mode_specs
from mitmproxy.proxy.mode_servers import ServerInstance
from mitmproxy.utils import asyncio_utils
from pydantic import SecretStr

from addons import local_capture
from addons.demo.process import DemoUpstream
from addons.failover.install import mitmproxys
from addons.hosts import known_hosts
from addons.lasting import forever
from addons.outward import Surroundings
from addons.own_address import comes_from_here
from addons.own_address import is_loopback
from addons.own_address import knows_its_clients
from addons.own_process import keep_traffic_private
from addons.own_process import stop_on_hangup
from addons.policy.problems import ConfigError
from addons.policy.proxies import EnvironmentProxies
from addons.policy.proxies import Proxy
from addons.policy.proxies import ProxyError
from addons.policy.reload import ConfigSource
from addons.policy.schema import Config
from addons.runtime import Runtime
from addons.starting import ENTRY_POINT
from addons.starting import give_up

logger = logging.getLogger(__name__)

DEFAULT_CONFIG = Path(__file__).resolve().parents[1] / "config" / "default.yaml"
DEFAULT_HOST = "127.0.0.1"
POLL_SECONDS = 1.0

SHORTEST_KEY = 7
"""Characters of a client key where other machines can try keys."""

_SCHEMES = {"socks5": "socks5", "wireguard": "wireguard", "dns": "dns"}
"""How the address of a mode is written that does not speak HTTP with its clients."""


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
        if why := local_capture.why_not(_modes()):
            give_up(why)
        if any(isinstance(mode, mode_specs.LocalMode) for mode in _modes()):
            known = ctx.master.addons.get("errorcheck")
            local_capture.Explainer().explain(known.logger.has_errored if known else ())

    def configure(self, updated: set[str]) -> None:
        if self._watcher is not None and updated & {"listen_host", "mode"}:
            _refuse_to_expose(self._runtime.config)
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
            _refuse_to_expose(config)
        self._source = source
        self._look_around()
        self._use(config)

    def running(self) -> None:
        if why := _exposure(self._runtime.config):
            give_up(why)
        _keep_what_is_loaded()
        keep_traffic_private()
        stop_on_hangup()
        wanted = _wanted_hosts()
        if all(map(is_loopback, wanted)) and any(not is_loopback(host) for host in _bound_hosts()):
            # mitmproxy read the address before `load` could say which; its servers start anew.
            ctx.options.update(server=False)
            ctx.options.update(server=True)
        self._runtime.ports = _bound_ports()
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
        await _until(_is_listening)
        self._too_open = False
        self._runtime.ports = _bound_ports()
        self._announce()
        await forever("the watch over the configuration", self._look_for_changes, POLL_SECONDS)

    async def _look_for_changes(self) -> None:
        await asyncio.sleep(POLL_SECONDS)
        self._runtime.ports = _bound_ports()
        source = self._source
        # In a thread: the file may be large, or on a disk that does not answer.
        found = await asyncio.to_thread(source.poll)
        if source is not self._source:
            return  # another file was named meanwhile
        match found:
            case Config() as config if why := _exposure(config):
                logger.error("switchyard: the configuration in force stays, because %s", why)
            case Config() as config:
                try:
                    self._use(config)
                except Exception:  # above all: the demo upstream did not come up
                    logger.exception("switchyard: the configuration in force stays")
                else:
                    logger.info("switchyard: the changed %s is in force", source.path)
            case ConfigError() as e:
                logger.error("switchyard: the configuration in force stays, because:\n%s", e)

    def _look_around(self) -> None:
        """What the environment says of proxies, and where we listen. Ends the process if it says
        what cannot be understood: calls would leave by a way that nobody wants."""
        try:
            proxies = EnvironmentProxies.read(os.environ)
        except ProxyError as e:
            give_up(f"the environment variable {e}")
        where = frozenset(_wanted_addresses())
        for mode in _modes():
            if not isinstance(mode, mode_specs.UpstreamMode):
                continue
            proxy = _corporate_proxy(mode)
            proxies = proxies.with_default("--mode upstream", proxy)
            if Surroundings(proxies, where).is_us(proxy):
                give_up(f"--mode {mode.full_spec} names this router itself as the proxy before it")
        self._runtime.surroundings = Surroundings(proxies, where)

    def _use(self, config: Config) -> None:
        needs_demo = any(provider.builtin == "demo" for provider in config.providers)
        if needs_demo and not self._demo_url:
            self._demo_url = self._demo.start()
        self._runtime.use(config, self._demo_url)
        for notice in config.notices:
            logger.warning("switchyard: %s", notice)
        for host in config.intercept:
            if near := known_hosts().misspelt(host.partition(":")[0]):
                logger.warning(
                    "switchyard: intercept.%s: is no host that the router knows. Hint: did you "
                    "mean %r?",
                    host,
                    near,
                )

    def _announce(self) -> None:
        servers, config = mitmproxys("proxyserver").servers, self._runtime.config
        places = {place for server in servers for place in _places(server, config)}
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


def _wanted_addresses() -> list[tuple[str, int]]:
    """Where the options say to listen."""
    options = ctx.options
    return [
        (mode.listen_host(options.listen_host), port)
        for mode in _modes()
        if (port := mode.listen_port(options.listen_port))
    ]


def _wanted_hosts(modes: Iterable[mode_specs.ProxyMode] | None = None) -> list[str]:
    """The addresses that the options say to listen on."""
    hosts = {mode.listen_host(ctx.options.listen_host) for mode in modes or _modes()}
    return sorted(host or "0.0.0.0" for host in hosts)


def _modes() -> list[mode_specs.ProxyMode]:
    return [mode_specs.ProxyMode.parse(mode) for mode in ctx.options.mode]


def _open_hosts() -> list[str]:
    """Those of them that others can reach, whoever they are."""
    open_modes = [mode for mode in _modes() if not knows_its_clients(mode)]
    if not open_modes:
        return []
    return [host for host in _wanted_hosts(open_modes) if not is_loopback(host)]


def _exposure(config: Config) -> str:
    """Why the router must not listen where the options say with this configuration, if so."""
    open_to = _open_hosts()
    if not open_to:
        return ""
    if config.client_keys:
        return _too_short(config, open_to)
    return (
        f"it would listen on {', '.join(open_to)}, where others can reach it, but no "
        "client keys are configured. Set clients.api-keys in the configuration (in the "
        "shipped one: the environment variable SWITCHYARD_KEY), or listen on 127.0.0.1."
    )


def _too_short(config: Config, open_to: list[str]) -> str:
    """Why its client keys are none for other machines, if so."""
    for place, key in enumerate(config.client_keys):
        if len(key.get_secret_value()) < SHORTEST_KEY:
            return (
                f"it would listen on {', '.join(open_to)}, where others can reach it, and "
                f"clients.api-keys[{place}] has fewer than {SHORTEST_KEY} characters, which are "
                "soon guessed. Make it longer (openssl rand -hex 24), or listen on 127.0.0.1."
            )
    return ""


def _refuse_to_expose(config: Config) -> None:
    if why := _exposure(config):
        raise exceptions.OptionsError(why)


def _bound_hosts() -> list[str]:
    """The addresses that are listened on."""
    return [address[0] for address in mitmproxys("proxyserver").listen_addrs()]


def _bound_ports() -> frozenset[int]:
    return frozenset(address[1] for address in mitmproxys("proxyserver").listen_addrs())


def _is_listening() -> bool:
    servers = mitmproxys("proxyserver").servers
    if not len(servers) or not all(server.is_running for server in servers):
        return False
    bound = _bound_hosts()
    if not bound:
        return True  # a mode that captures without listening
    # While the servers start anew, the old addresses are still named for a moment.
    return all(map(is_loopback, bound)) == all(map(is_loopback, _wanted_hosts()))


def _places(server: ServerInstance, config: Config) -> Iterator[str]:
    """Where a mode is to be reached, as its clients write it."""
    mode = server.mode
    if not server.listen_addrs:
        yield mode.full_spec
    scheme = _SCHEMES.get(mode.type_name, "http")
    for host, port, *_ in server.listen_addrs:
        at = f"{_url_host(host)}:{port}"
        if mode.transport_protocol == "udp" and scheme == "http":
            yield f"https://{at} (QUIC)"
            continue
        yield f"{scheme}://{at}"
        if config.tls is not None and scheme == "http":
            yield f"https://{at}"


def _url_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _summary(config: Config) -> str:
    names = [provider.name for provider in config.providers]
    return f"{len(names)} provider{'' if len(names) == 1 else 's'}: {', '.join(names)}"


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)

"""What lies around the router: the proxies of its environment, and its own addresses."""

from collections.abc import Mapping

from mitmproxy import ctx
from mitmproxy.proxy import mode_specs
from pydantic import SecretStr

from switchyard.config.proxies import EnvironmentProxies
from switchyard.config.proxies import Proxy
from switchyard.config.proxies import ProxyError
from switchyard.egress.table import Environment
from switchyard.listener.exposure import listening_modes
from switchyard.listener.exposure import wanted_addresses


class SurroundingsError(ValueError):
    """The surroundings cannot be understood; the text says which part of them."""


def read_surroundings(variables: Mapping[str, str]) -> Environment:
    """The environment that variables such as HTTPS_PROXY and mitmproxy's options describe.

    Raises SurroundingsError.
    """
    try:
        proxies = EnvironmentProxies.read(variables)
    except ProxyError as e:
        raise SurroundingsError(f"the environment variable {e}") from e
    where = frozenset(wanted_addresses())
    for mode in listening_modes():
        if not isinstance(mode, mode_specs.UpstreamMode):
            continue
        proxy = _corporate_proxy(mode)
        proxies = proxies.with_default("--mode upstream", proxy)
        if Environment(proxies, where).is_us(proxy):
            raise SurroundingsError(
                f"--mode {mode.full_spec} names this router as its own upstream proxy: "
                "requests would loop"
            )
    return Environment(proxies, where)


def _corporate_proxy(mode: mode_specs.UpstreamMode) -> Proxy:
    """Return the proxy of upstream mode.

    Providers without a proxy of their own use it too: where it is needed, nothing else leads out.
    """
    host, port = mode.address
    username, _, password = (ctx.options.upstream_auth or "").partition(":")
    return Proxy(mode.scheme, host, port, username, SecretStr(password))

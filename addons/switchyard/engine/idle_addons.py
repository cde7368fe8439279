"""Leaves out mitmproxy's own add-ons that have nothing to do.

Most of them ask, at every request, whether an option is set. Options change by `configure` alone,
after which the table of handlers is made anew: until then idle ones are not asked. Only those are
named whose state no command changes; the others are asked as ever.
"""

from collections.abc import Callable
from typing import Any

from mitmproxy.addons.anticache import AntiCache
from mitmproxy.addons.anticomp import AntiComp
from mitmproxy.addons.blocklist import BlockList
from mitmproxy.addons.dumper import Dumper
from mitmproxy.addons.maplocal import MapLocal
from mitmproxy.addons.mapremote import MapRemote
from mitmproxy.addons.modifybody import ModifyBody
from mitmproxy.addons.modifyheaders import ModifyHeaders
from mitmproxy.addons.proxyauth import ProxyAuth
from mitmproxy.addons.save import Save
from mitmproxy.addons.savehar import SaveHar
from mitmproxy.addons.stickyauth import StickyAuth
from mitmproxy.addons.stickycookie import StickyCookie
from mitmproxy.addons.upstream_auth import UpstreamAuth
from mitmproxy.options import Options

_HOOKS = {"requestheaders", "request", "responseheaders", "response", "error"}

type Idle = Callable[[Any, Options], bool]

_IDLE: dict[type, Idle] = {
    AntiCache: lambda _, options: not options.anticache,
    AntiComp: lambda _, options: not options.anticomp,
    BlockList: lambda addon, _: not addon.items,
    Dumper: lambda _, options: options.flow_detail == 0,
    MapLocal: lambda addon, _: not addon.replacements,
    MapRemote: lambda addon, _: not addon.replacements,
    ModifyBody: lambda addon, _: not addon.replacements,
    ModifyHeaders: lambda addon, _: not addon.replacements,
    ProxyAuth: lambda addon, _: addon.validator is None,
    Save: lambda addon, _: addon.stream is None,
    SaveHar: lambda _, options: not options.hardump,
    StickyAuth: lambda addon, _: addon.flt is None,
    StickyCookie: lambda addon, _: addon.flt is None,
    UpstreamAuth: lambda addon, _: addon.auth is None,
}


def is_idle(addon: object, hook: str, options: Options) -> bool:
    """Whether an add-on's handler of a hook does nothing with these options."""
    idle = _IDLE.get(type(addon)) if hook in _HOOKS else None
    return idle is not None and idle(addon, options)

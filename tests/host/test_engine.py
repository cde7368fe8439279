"""What the engine relies on inside mitmproxy: fails loudly where a version differs."""

import inspect
import re

import pytest
from mitmproxy import addonmanager
from mitmproxy import log
from mitmproxy import master
from mitmproxy.addons import asgiapp
from mitmproxy.addons import proxyserver
from mitmproxy.addons import script
from mitmproxy.proxy import mode_servers
from mitmproxy.proxy import server


def source(thing: object) -> str:
    return inspect.getsource(thing)  # type: ignore[arg-type]


def test_the_manager_has_no_other_way_to_its_handlers() -> None:
    methods = {name for name in vars(addonmanager.AddonManager) if not name.startswith("__")}
    assert methods == {
        "_configure_all",
        "_iter_hooks",
        "add",
        "clear",
        "get",
        "handle_lifecycle",
        "invoke_addon",
        "invoke_addon_sync",
        "register",
        "remove",
        "trigger",
        "trigger_event",
    }
    assert "UpdateHook([message])" in source(addonmanager.AddonManager.handle_lifecycle)


def test_scripts_are_registered_and_removed() -> None:
    assert "ctx.master.addons.register(ns)" in source(script.Script.loadscript)
    assert "ctx.master.addons.remove(self.ns)" in source(script.Script.loadscript)


def test_the_master_makes_the_manager_and_the_log_events() -> None:
    made = source(master.Master.__init__)
    assert "self.addons = addonmanager.AddonManager(self)" in made
    assert "self._legacy_log_events = log.LegacyLogEvents(self)" in made
    assert "AddLogHook(entry)" in source(log.LegacyLogEvents.emit)


def test_the_page_of_mitm_it_is_served_where_it_should() -> None:
    assert "if self.should_serve(flow):" in source(asgiapp.ASGIApp.request)


def test_the_handler_knows_these_commands() -> None:
    """All that mitmproxy's own does must be done by ours."""
    text = source(server.ConnectionHandler.server_event)
    known = {
        "OpenConnection",
        "RequestWakeup",
        "ConnectionCommand",
        "SendData",
        "CloseTcpConnection",
        "CloseConnection",
        "StartHook",
        "Log",
    }
    assert set(re.findall(r"commands\.([A-Z]\w+)", text)) == known


@pytest.mark.parametrize(
    ("where", "what"),
    [
        (server.ConnectionHandler.handle_client, "ClientConnectedHook(self.client)"),
        (server.ConnectionHandler.handle_client, "ClientDisconnectedHook(self.client)"),
        (server.ConnectionHandler.handle_client, "self.server_event(events.Start())"),
        (server.ConnectionHandler.open_connection, "ServerConnectHook(hook_data)"),
        (server.ConnectionHandler.open_connection, "ServerConnectErrorHook(hook_data)"),
        (server.ConnectionHandler.open_connection, "ServerConnectedHook(hook_data)"),
        (server.ConnectionHandler.open_connection, "ServerDisconnectedHook("),
        (server.ConnectionHandler.close_connection, 'handler.cancel("closed by command")'),
        (server.ConnectionHandler.__init__, "self.timeout_watchdog = TimeoutWatchdog("),
        (server.LiveConnectionHandler.__init__, 'writer.get_extra_info("peername")'),
        (mode_servers.ServerInstance.handle_stream, "self.make_top_layer(handler.layer.context)"),
        (mode_servers.ServerInstance.handle_stream, "ctx.master, reader, writer, ctx.options"),
        (mode_servers.ProxyConnectionHandler.handle_hook, "await data.wait_for_resume()"),
        (mode_servers.AsyncioServerInstance.listen, "return await self.listen(host, get_free_port"),
        (proxyserver.Proxyserver.inject_event, "].server_event(event)"),
    ],
)
def test_steps_that_the_engine_takes_too(where: object, what: str) -> None:
    assert what in source(where)


def test_what_was_loaded_is_settled_when_everything_runs() -> None:
    assert "await self.running()" in source(master.Master.run)

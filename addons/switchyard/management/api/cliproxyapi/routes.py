"""Puts the routes of CLIProxyAPI's calls together."""

from fastapi import APIRouter

from switchyard.management.api.cliproxyapi.absent_routes import absent_routes
from switchyard.management.api.cliproxyapi.account_routes import account_view_routes
from switchyard.management.api.cliproxyapi.compatibility_routes import compatibility_routes
from switchyard.management.api.cliproxyapi.key_routes import key_view_routes
from switchyard.management.api.cliproxyapi.setting_routes import setting_routes
from switchyard.management.api.cliproxyapi.views import ViewWriter
from switchyard.management.api.config_routes import ConfigWriter
from switchyard.management.changing import Changes
from switchyard.management.desk import Desk
from switchyard.management.logins import Logins


def cliproxyapi_routes(
    desk: Desk, changes: Changes, writer: ConfigWriter, logins: Logins
) -> APIRouter:
    """Returns the routes."""
    views = ViewWriter(writer)
    routes = APIRouter()
    for part in (
        compatibility_routes(desk, views),
        key_view_routes(desk, views),
        setting_routes(desk, views),
        account_view_routes(desk, changes, views, logins),
        absent_routes(),
    ):
        routes.include_router(part)
    return routes

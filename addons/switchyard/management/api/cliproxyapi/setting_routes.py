"""Routes of single settings as CLIProxyAPI documents them.

Some are keys of the configuration here. Others are fixed: they are read as what is the case, and a
write of anything else is refused with what there is in its place.
Source: CLIProxyAPI, "Management API", the sections from "Debug" to "WebSocket Authentication".
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from typing import Literal

from fastapi import APIRouter
from fastapi import Response
from mitmproxy import ctx
from pydantic import BaseModel
from pydantic import StrictBool
from pydantic import StrictInt
from pydantic import StrictStr

from switchyard.config.schema import Config
from switchyard.management.api.cliproxyapi.views import Done
from switchyard.management.api.cliproxyapi.views import ViewWriter
from switchyard.management.api.config_routes import read_values
from switchyard.management.api.doorkeeper import Admin
from switchyard.management.api.doorkeeper import Viewer
from switchyard.management.api.errors import CHANGES
from switchyard.management.api.errors import PROBLEMS
from switchyard.management.api.errors import ApiProblem
from switchyard.management.desk import Desk

type Value = bool | int | str

_MOST = 2**31 - 1
"""The largest number that is taken."""


class SettingValue(BaseModel):
    """A new value."""

    value: StrictBool | StrictInt | StrictStr


@dataclass(frozen=True, slots=True)
class FileSetting:
    """A setting that is a key of the configuration."""

    path: str
    kind: type[Value]
    read: Callable[[Config, dict[str, Any]], Any]
    """Its value, from the configuration in force and the masked values of the file."""
    write: Callable[[dict[str, Any], Any], object]

    @property
    def name(self) -> str:
        """What the answer calls it."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class FixedSetting:
    """A setting that this router does not have."""

    path: str
    read: Callable[[], bool]
    instead: str
    """Why it cannot be set, and what there is in its place."""

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


def setting_routes(desk: Desk, writer: ViewWriter) -> APIRouter:
    """Returns the routes."""
    routes = APIRouter(tags=["CLIProxyAPI"], responses=PROBLEMS)
    for setting in SETTINGS:
        _add(routes, desk, writer, setting)
    for fixed in FIXED:
        _add_fixed(routes, fixed)

    @routes.delete("/proxy-url", responses=CHANGES)
    async def delete_proxy_url(caller: Admin) -> Done:
        """Takes the proxy of all providers away."""
        return await writer.change(
            caller, "DELETE /proxy-url", lambda given, _: _set_proxy(given, "")
        )

    return routes


def _add(routes: APIRouter, desk: Desk, writer: ViewWriter, setting: FileSetting) -> None:
    path = setting.path

    @routes.get(f"/{path}")
    async def read_setting(caller: Viewer, response: Response) -> dict[str, Any]:
        """Returns a setting."""
        values = await read_values(desk, response)
        return {setting.name: setting.read(desk.snapshot.config, values)}

    async def write_setting(caller: Admin, body: SettingValue) -> Done:
        """Sets a setting in the file."""
        _expect(setting.kind, body.value)
        action = f"PUT /{path}"
        return await writer.change(
            caller, action, lambda given, _: setting.write(given, body.value)
        )

    for method in ("PUT", "PATCH"):
        routes.add_api_route(f"/{path}", write_setting, methods=[method], responses=CHANGES)


def _add_fixed(routes: APIRouter, setting: FixedSetting) -> None:
    @routes.get(f"/{setting.path}")
    async def read_fixed(caller: Viewer) -> dict[str, bool]:
        """Returns what is the case."""
        return {setting.name: setting.read()}

    async def write_fixed(caller: Admin, body: SettingValue) -> Done:
        """Takes what is the case, and refuses anything else."""
        _expect(bool, body.value)
        if body.value != setting.read():
            raise ApiProblem(409, setting.instead)
        return Done()

    for method in ("PUT", "PATCH"):
        routes.add_api_route(f"/{setting.path}", write_fixed, methods=[method], responses=CHANGES)


def _expect(kind: type[Value], value: Value) -> None:
    if type(value) is not kind or (kind is int and not 0 <= value <= _MOST):  # pyright: ignore[reportOperatorIssue]
        raise ApiProblem(422, f"The value must be {_KINDS[kind]}.")


_KINDS = {bool: "true or false", int: f"a number from 0 to {_MOST}", str: "a text"}


def _set_proxy(given: dict[str, Any], value: str) -> None:
    if value:
        given["proxy-url"] = value
    else:
        given.pop("proxy-url", None)


def _set_retry(name: Literal["request-retry", "max-retry-interval"]) -> Callable[..., None]:
    def write(given: dict[str, Any], value: int) -> None:
        if name in given:  # where CLIProxyAPI's own files have it
            given[name] = value
            return
        retry = given.get("retry")
        given["retry"] = {**(retry if isinstance(retry, dict) else {}), name: value}

    return write


def _set_request_log(given: dict[str, Any], value: bool) -> None:
    if not value:
        given.pop("exchange-log", None)
    elif given.get("exchange-log") is None:
        given["exchange-log"] = {}


def _set_usage(given: dict[str, Any], value: bool) -> None:
    is_off = given.get("usage") in ("off", False)
    if not value and not is_off:
        given["usage"] = "off"
    elif value and is_off:
        del given["usage"]


def _seconds(config: Config) -> float:
    seconds = config.retry.max_retry_interval
    return int(seconds) if seconds == int(seconds) else seconds


def _is_verbose() -> bool:
    """Whether the log has every connection (`-v`); mitmproxy's options are there once it runs."""
    options = getattr(ctx, "options", None)
    return getattr(options, "termlog_verbosity", "info") == "debug"


SETTINGS = (
    FileSetting("proxy-url", str, lambda _, values: values.get("proxy-url") or "", _set_proxy),
    FileSetting(
        "request-retry",
        int,
        lambda config, _: config.retry.request_retry,
        _set_retry("request-retry"),
    ),
    FileSetting(
        "max-retry-interval",
        int,
        lambda config, _: _seconds(config),
        _set_retry("max-retry-interval"),
    ),
    FileSetting(
        "request-log", bool, lambda config, _: config.exchange_log is not None, _set_request_log
    ),
    FileSetting(
        "usage-statistics-enabled", bool, lambda config, _: config.usage is not None, _set_usage
    ),
)

FIXED = (
    FixedSetting(
        "debug",
        _is_verbose,
        "Options of the start set the log: -v has every connection, --log-calls every call.",
    ),
    FixedSetting(
        "logging-to-file",
        lambda: False,
        "The log goes to the terminal or service manager; GET logs has its last lines.",
    ),
    FixedSetting(
        "quota-exceeded/switch-project",
        lambda: False,
        "There are no projects to switch: the members of a combo take over.",
    ),
    FixedSetting(
        "quota-exceeded/switch-preview-model",
        lambda: False,
        "No other model is chosen unasked: the members of a combo take over.",
    ),
    FixedSetting("ws-auth", lambda: True, "Client keys are asked for in WebSockets too."),
)

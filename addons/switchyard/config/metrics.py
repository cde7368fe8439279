"""Defines the configuration of metrics for Prometheus."""

import importlib.util
import re
from typing import Annotated

from pydantic import AfterValidator
from pydantic import BeforeValidator

from switchyard.config.fields import refuse
from switchyard.config.section import Section

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):(\d{1,5})", re.ASCII)


def _listened(address: str) -> str:
    found = _ADDRESS.fullmatch(address.strip())
    if found is None or int(found[2]) > 65_535:
        raise refuse("is no address to listen on", "write HOST:PORT, such as 127.0.0.1:9464")
    if importlib.util.find_spec("prometheus_client") is None:
        raise refuse("needs the package prometheus-client", "install switchyard[metrics]")
    return address.strip()


class MetricsSettings(Section):
    """Where Prometheus reads the router's metrics, besides the management's address."""

    listen: Annotated[str, AfterValidator(_listened)] | None = None
    """`HOST:PORT`; asks for no key. None: `/metrics` of the router's address alone."""


def _metrics(value: object) -> object:
    if value is False or value == "off":
        return None
    if value is True or value == "on":
        return {}
    return {"listen": value} if isinstance(value, str) else value


MetricsField = Annotated[MetricsSettings | None, BeforeValidator(_metrics)]
"""None: nothing is counted."""

"""Compose's profiles, and the configuration that has the router use them."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from ruamel.yaml import YAML

from switchyard.config.load import load_config
from tests.support.router import ROOT

EXAMPLE = ROOT / "config" / "examples" / "shared.yaml"


def compose() -> dict[str, Any]:
    return YAML(typ="safe").load(ROOT / "compose.yaml")


def shared_variables() -> dict[str, str]:
    """Those of `shared.env`, as compose fills them in."""
    lines = (ROOT / "deploy" / "compose" / "shared.env").read_text().splitlines()
    pairs = (line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return {name: value.replace("${POSTGRES_PASSWORD}", "secret") for name, value in pairs}


def test_the_router_alone_starts_without_a_profile() -> None:
    services = compose()["services"]
    assert [name for name, service in services.items() if "profiles" not in service] == [
        "switchyard"
    ]
    for needed in services["switchyard"]["depends_on"].values():
        assert needed == {"condition": "service_healthy", "required": False}


def test_the_variables_lead_to_the_services() -> None:
    variables, services = shared_variables(), compose()["services"]
    profiles = variables["COMPOSE_PROFILES"].split(",")
    for name in ("SWITCHYARD_STATE", "SWITCHYARD_USAGE"):
        host = urlsplit(variables[name]).hostname
        assert host in services and services[host]["profiles"] == [host]
        assert host in profiles
        assert name in services["switchyard"]["environment"]
    database = urlsplit(variables["SWITCHYARD_USAGE"])
    environment = services["postgres"]["environment"]
    assert database.username == environment["POSTGRES_USER"]
    assert database.path == f"/{environment['POSTGRES_DB']}"
    assert "SWITCHYARD_CONFIG" in services["switchyard"]["environment"]
    assert variables["SWITCHYARD_CONFIG"] == f"/app/{EXAMPLE.relative_to(ROOT)}"


def test_the_example_takes_them() -> None:
    pytest.importorskip("redis")
    pytest.importorskip("psycopg")
    config = load_config(EXAMPLE, {**shared_variables(), "SWITCHYARD_KEY": "a-long-key"})
    assert str(config.state.url.get_secret_value()) == "redis://redis:6379/0"
    assert config.usage and config.usage.server
    assert config.usage.server.get_secret_value().endswith(":secret@postgres/switchyard")


def test_the_example_works_without_them() -> None:
    config = load_config(EXAMPLE, {"SWITCHYARD_KEY": "a-long-key"})
    assert config.usage is not None and config.usage.server is None
    assert [one.name for one in config.providers] == ["demo"]


def test_prometheus_and_grafana_find_what_they_read(tmp_path: Path) -> None:
    for name in ("prometheus", "grafana"):
        for volume in compose()["services"][name]["volumes"]:
            source = volume.partition(":")[0]
            assert (ROOT / source).is_file() or source in compose()["volumes"]
    scraped = YAML(typ="safe").load(ROOT / "deploy" / "compose" / "prometheus.yaml")
    (job,) = scraped["scrape_configs"]
    port = shared_variables()["SWITCHYARD_METRICS"].partition(":")[2]
    assert job["static_configs"] == [{"targets": [f"switchyard:{port}"]}]
    if (promtool := shutil.which("promtool")) is None:
        pytest.skip("promtool is not installed (Debian's package prometheus)")
    shutil.copy(ROOT / "deploy" / "compose" / "prometheus.yaml", tmp_path)
    shutil.copy(ROOT / "deploy" / "monitoring" / "alerts.yaml", tmp_path)
    checked = [promtool, "check", "config", str(tmp_path / "prometheus.yaml")]
    done = subprocess.run(checked, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["redis", "postgres"])
def test_a_server_names_its_version_and_keeps_its_data(name: str) -> None:
    service = compose()["services"][name]
    assert re.fullmatch(rf"{name}:\d+(\.\d+)?-alpine", service["image"])
    assert any(volume.startswith(f"{name}:") for volume in service["volumes"])
    assert "ports" not in service and "healthcheck" in service

"""The Helm chart, and the plain manifests that are made of it.

What Helm and Kubernetes' own schemas judge needs helm-python-sdk and kubernetes-validate, which
`.github/workflows/release.yaml` installs.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from switchyard import __version__
from switchyard.config.load import load_config
from switchyard.launch.options import plan_launch
from tests.integration.deploy import charts
from tests.support.router import ROOT

SECRET = {"secrets": {"values": {"SWITCHYARD_KEY": "a-long-key", "POSTGRES_PASSWORD": "secret"}}}
VALUES: dict[str, dict[str, Any]] = {
    "default": SECRET,
    "alone": {
        "secrets": {"existingSecret": "mine"},
        "redis": {"enabled": False},
        "postgres": {"enabled": False},
        "networkPolicy": {"enabled": False},
        "disruptionBudget": {"enabled": False},
        "metrics": {"enabled": False},
    },
    "everything": SECRET
    | {
        "redis": {"url": "rediss://redis.example:6380/1"},
        "postgres": {"url": "postgresql://u:$(POSTGRES_PASSWORD)@db.example/usage"},
        "ingress": {"enabled": True, "tlsSecret": "tls"},
        "certificateAuthority": {"existingSecret": "authority"},
        "service": {"type": "LoadBalancer", "sessionAffinity": "ClientIP"},
        "imagePullSecrets": [{"name": "registry"}],
        "metrics": {"serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}}},
        "podAnnotations": {"a": "b"},
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "llm", "operator": "Exists"}],
    },
}

charts.use_checks()


def plain(kind: str, name: str = "switchyard") -> dict[str, Any]:
    """The object of that kind and name among the plain manifests."""
    (found,) = (
        one
        for one in charts.objects_of(charts.PLAIN.read_text())
        if (one["kind"], one["metadata"]["name"]) == (kind, name)
    )
    return found


def container(kind: str, name: str = "switchyard") -> dict[str, Any]:
    (only,) = plain(kind, name)["spec"]["template"]["spec"]["containers"]
    return only


@pytest.fixture
def helm() -> Any:
    return pytest.importorskip("helm_python", reason="helm-python-sdk is not installed")


def test_helm_finds_nothing_wrong(helm: Any) -> None:
    assert helm.lint(str(charts.CHART))["errors"] == []


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_kubernetes_takes_what_the_chart_makes(helm: Any, values: dict[str, Any]) -> None:
    kubernetes = pytest.importorskip("kubernetes_validate", reason="it is not installed")
    kinds = set()
    for one in charts.documents(charts.render(values)):
        kinds.add(one["kind"])
        if one["kind"] == "ServiceMonitor":  # no kind of Kubernetes' own
            assert one["spec"]["endpoints"] == [{"port": "metrics", "interval": "30s"}]
        else:
            kubernetes.validate(one, "1.37", strict=True)
    assert {"Deployment", "Service", "ConfigMap"} <= kinds
    assert ("Secret" in kinds) == ("values" in values["secrets"])
    assert ("StatefulSet" in kinds) == (values is SECRET)
    assert ("ServiceMonitor" in kinds) == ("ingress" in values)
    assert ("Ingress" in kinds) == ("ingress" in values)


@pytest.mark.parametrize(
    "wrong",
    [
        {"secrets": {"values": {"SWITCHYARD_KEY": "short", "POSTGRES_PASSWORD": "x"}}},
        {"secrets": {"values": {"SWITCHYARD_KEY": "long-enough", "POSTGRES_PASSWORD": "a@b"}}},
        SECRET | {"replica": 3},
        SECRET | {"redis": {"url": "http://redis"}},
        SECRET | {"config": {"clients": {}, "providers": [], "state": "redis://mine"}},
        {},
    ],
    ids=["short key", "password", "unknown", "url", "state", "no key"],
)
def test_wrong_values_are_refused(helm: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(helm.HelmError):
        charts.render(wrong)


def test_the_plain_manifests_are_those_of_the_chart(helm: Any) -> None:
    assert charts.PLAIN.read_text() == charts.plain_manifests(), (
        "run python -m tests.integration.deploy.charts"
    )


def test_the_router_takes_the_configuration(tmp_path: Path) -> None:
    pytest.importorskip("redis")
    pytest.importorskip("psycopg")
    (tmp_path / "config.yaml").write_text(plain("ConfigMap")["data"]["config.yaml"])
    environ = {one["name"]: one.get("value", "") for one in container("Deployment")["env"]}
    assert environ["SWITCHYARD_CONFIG"] == "/etc/switchyard/config.yaml"
    config = load_config(tmp_path / "config.yaml", {**environ, "SWITCHYARD_KEY": "a-long-key"})
    assert config.usage is not None and config.usage.server is not None
    assert "demo" in [one.name for one in config.providers]
    assert plan_launch(container("Deployment")["args"], {}).config is None


def test_the_addresses_lead_to_the_services() -> None:
    environ = {one["name"]: one.get("value", "") for one in container("Deployment")["env"]}
    for name, variable in (("redis", "SWITCHYARD_STATE"), ("postgres", "SWITCHYARD_USAGE")):
        service = plain("Service", f"switchyard-{name}")
        assert f"switchyard-{name}" in environ[variable]
        labels = plain("StatefulSet", f"switchyard-{name}")["spec"]["template"]["metadata"][
            "labels"
        ]
        assert service["spec"]["selector"].items() <= labels.items()
        policy = plain("NetworkPolicy", f"switchyard-{name}")["spec"]
        assert policy["podSelector"]["matchLabels"] == service["spec"]["selector"]
    # A value may refer to variables that stand before it.
    names = [one["name"] for one in container("Deployment")["env"]]
    assert names.index("POSTGRES_PASSWORD") < names.index("SWITCHYARD_USAGE")


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("Deployment", "switchyard"),
        ("StatefulSet", "switchyard-redis"),
        ("StatefulSet", "switchyard-postgres"),
    ],
)
def test_pods_have_no_rights_and_an_end(kind: str, name: str) -> None:
    pod = plain(kind, name)["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    # `SWITCHYARD_PORT` is an option of the router, and would be a service's URL.
    assert pod["enableServiceLinks"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    one = container(kind, name)
    assert one["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "memory" in one["resources"]["limits"]
    assert {"readinessProbe", "livenessProbe"} <= one.keys()


def test_the_router_gets_the_time_that_streams_need() -> None:
    spec = plain("Deployment")["spec"]
    assert spec["replicas"] == 3
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] > 40
    assert plain("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_the_version_is_that_of_the_package() -> None:
    chart = YAML(typ="safe").load(charts.CHART / "Chart.yaml")
    assert chart["version"] == chart["appVersion"] == __version__
    schema = json.loads((charts.CHART / "values.schema.json").read_text())
    values = YAML(typ="safe").load(charts.CHART / "values.yaml")
    assert values.keys() == schema["properties"].keys() - {"global"}
    assert (ROOT / "Dockerfile").read_text().count("10001") >= 2

"""Renders the Helm chart: `python -m tests.integration.deploy.charts` writes the plain manifests.

Needs helm-python-sdk, which brings Helm itself as a library of 240 MB: no part of the extra `test`.
It may be in an environment of its own, made of deploy/checks.lock and named by SWITCHYARD_CHECKS.
"""

import importlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.support.router import ROOT

CHART = ROOT / "deploy" / "helm" / "switchyard"
PLAIN = ROOT / "deploy" / "kubernetes" / "switchyard.yaml"

_HEAD = """\
# Three routers with Redis and PostgreSQL: what the chart deploy/helm/switchyard makes by default.
# Written by `python -m tests.integration.deploy.charts`. docs/deploy.md says how it is used; the
# secret `switchyard` has SWITCHYARD_KEY, POSTGRES_PASSWORD and providers' keys.
"""

_OF_HELM = re.compile(r"^ +(?:app\.kubernetes\.io/managed-by|helm\.sh/chart): .*\n", re.MULTILINE)


def use_checks() -> None:
    """Has modules of the environment for checks found, after those of this one."""
    if named := os.environ.get("SWITCHYARD_CHECKS"):
        sys.path += map(str, Path(named).glob("lib/python*/site-packages"))


def render(values: dict[str, Any]) -> dict[str, str]:
    """Returns the manifests by the name of their template. Raises HelmError."""
    helm = importlib.import_module("helm_python")  # where it is installed
    with helm.Chart.load(str(CHART)) as chart:
        return chart.render(values, name="switchyard", namespace="llm")


def documents(manifests: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Returns the objects that the manifests describe."""
    for name, text in manifests.items():
        if name.endswith(".yaml"):
            yield from objects_of(text)


def objects_of(text: str) -> Iterator[dict[str, Any]]:
    """Returns the objects of one text."""
    for document in YAML(typ="safe").load_all(text):
        if document is not None:
            yield document


def plain_manifests() -> str:
    """Returns the text of the plain manifests."""
    manifests = render({"secrets": {"existingSecret": "switchyard"}})
    texts = [
        _OF_HELM.sub("", text).strip()
        for name, text in sorted(manifests.items())
        if name.endswith(".yaml") and "/tests/" not in name and text.strip()
    ]
    return _HEAD + "---\n" + "\n---\n".join(texts) + "\n"


if __name__ == "__main__":
    use_checks()
    PLAIN.parent.mkdir(exist_ok=True)
    PLAIN.write_text(plain_manifests())

"""The shipped dashboard and alert rules speak of metrics that exist, and pass promtool."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from switchyard.metrics.families import FAMILIES

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "deploy" / "monitoring"
NAME = re.compile(r"\bswitchyard_[a-z_]+")
HISTOGRAMS = tuple(one.shown_name for one in FAMILIES.values() if one.kind == "histogram")
KNOWN = {one.shown_name for one in FAMILIES.values()} | {f"{one}_bucket" for one in HISTOGRAMS}
ALERTS = [
    rule
    for group in YAML(typ="safe").load(FOLDER / "alerts.yaml")["groups"]
    for rule in group["rules"]
]
PANELS = json.loads((FOLDER / "grafana.json").read_text())["panels"]
promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_is_of_known_metrics(rule: dict[str, str]) -> None:
    assert set(NAME.findall(rule["expr"])) <= KNOWN
    assert f"| `{rule['alert']}` |" in (ROOT / "docs" / "metrics.md").read_text()


def test_panels_are_of_known_metrics() -> None:
    queries = [target["expr"] for panel in PANELS for target in panel.get("targets", ())]
    assert len(queries) > 25
    assert {name for query in queries for name in NAME.findall(query)} <= KNOWN


def test_panels_lie_side_by_side() -> None:
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in PANELS)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells)) and max(x for x, _ in cells) < 24
    ids = [panel["id"] for panel in PANELS]
    assert len(ids) == len(set(ids))


@promtool
@pytest.mark.parametrize(
    "command",
    ["check rules alerts.yaml", "test rules alerts_test.yaml", "check config prometheus.yaml"],
)
def test_promtool_accepts_it(command: str) -> None:
    checked = subprocess.run(
        ["promtool", *command.split()], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "FAILED" not in checked.stdout


@promtool
def test_promtool_reads_the_queries_of_panels(tmp_path: Path) -> None:
    queries = [target["expr"] for panel in PANELS for target in panel.get("targets", ())]
    rules = [
        {"record": f"panel:{number}", "expr": query.replace("$__rate_interval", "1m")}
        for number, query in enumerate(queries)
    ]
    (tmp_path / "rules.yaml").write_text(
        json.dumps({"groups": [{"name": "dashboard", "rules": rules}]})
    )
    checked = subprocess.run(
        ["promtool", "check", "rules", "rules.yaml"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr

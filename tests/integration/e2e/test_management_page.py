"""The calls of docs/management.md, as curl makes them, have the answers that stand there."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support.router import ROOT
from tests.support.router import Router

KEY = "manage-me-7f3a"
PAGE = (ROOT / "docs" / "management.md").read_text()
SECTION = PAGE.partition("\n## CLIProxyAPI's calls\n")[2].partition("\n## ")[0]
CALLS = re.findall(r"^```sh\n(.*?)^```\n\n```json\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    folder = tmp_path_factory.mktemp("page")
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
    config = YAML(typ="safe").load(block)
    config["usage"] = {"dir": str(folder / "usage")}
    config["management"]["dir"] = str(folder / "management")
    with Router(folder, config, env={"KEY": KEY}) as router:
        yield router


def answer_of(router: Router, command: str) -> Any:
    """Runs a call of the page in a shell; returns its answer as JSON."""
    done = subprocess.run(
        ["sh", "-c", command.replace("http://localhost:8787", router.url)],
        env={**os.environ, "KEY": KEY, "no_proxy": "*"},
        capture_output=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)


def test_the_answers_are_real(router: Router) -> None:
    assert len(CALLS) == SECTION.count("curl ") >= 10
    for command, told in CALLS:
        answer = answer_of(router, command)
        assert answer == json.loads(told), f"{command}\n{json.dumps(answer)}"


def test_the_log_has_its_shape(router: Router) -> None:
    call = f"curl -H 'X-Management-Key: {KEY}' http://localhost:8787/v0/management/logs"
    assert set(answer_of(router, call)) == {"lines", "line-count", "latest-timestamp"}
    assert answer_of(router, f"{call} -X DELETE")["success"] is True

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
BLOCKS = re.findall(r"^```sh\n(.*?)^```\n\n```json\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
CLOCK = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\]")


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    folder = tmp_path_factory.mktemp("page")
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
    config = YAML(typ="safe").load(block)
    config["usage"] = {"dir": str(folder / "usage")}
    config["management"]["dir"] = str(folder / "management")
    env = {"KEY": KEY, "SWITCHYARD_ACCOUNTS_DIR": str(folder / "accounts")}
    with Router(folder, config, env=env) as router:
        yield router


def calls(block: str) -> list[str]:
    """The calls of a block, each of which begins a line."""
    return re.findall(r"^curl .*?(?=^curl |\Z)", block, re.MULTILINE | re.DOTALL)


def documents(text: str) -> list[Any]:
    """The JSON documents that follow each other in a block."""
    found, at = [], 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        one, at = json.JSONDecoder().raw_decode(text, at)
        found.append(one)
    return found


def answer_of(router: Router, command: str) -> Any:
    """Runs a call of the page in a shell; returns its answer as JSON."""
    done = subprocess.run(
        ["sh", "-c", command.replace("http://localhost:8787", router.url)],
        env={**os.environ, "KEY": KEY, "no_proxy": "*"},
        cwd=ROOT,
        capture_output=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)


def timeless(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without what is another one each time: moments, the file's folder, a count."""
    varying = {name: 0 for name in ("removed", "latest-timestamp") if name in answer}
    lines = [
        re.sub(r"\S+\.yaml", "config.yaml", CLOCK.sub("[]", line))
        for line in answer.get("lines", ())
    ]
    return {**answer, **varying, **({"lines": lines} if lines else {})}


def test_the_answers_are_real(router: Router) -> None:
    pairs = [
        pair
        for block, answers in BLOCKS
        for pair in zip(calls(block), documents(answers), strict=True)
    ]
    assert len(pairs) == SECTION.count("curl ") >= 30
    for command, told in pairs:
        answer = answer_of(router, command)
        assert timeless(answer) == timeless(told), f"{command}\n{json.dumps(answer)}"

"""Keys that `scripts/keys` makes while the router runs."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2

from tests.support.router import ROOT
from tests.support.router import Router
from tests.support.router import environment

CONFIG = {
    "providers": [{"name": "demo", "builtin": "demo", "models": ["echo"]}],
    "clients": {"keys-file": "keys.yaml"},
}
APPLIED = "applied the changed"


def keys(router: Router, *words: str) -> Any:
    command = [sys.executable, "-P", str(ROOT / "scripts" / "launch.py"), "keys", *words]
    made = subprocess.run(
        [*command, "--json", "--config", str(router.config_path)],
        env=environment(router.directory),
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout)


def status(router: Router, key: str) -> int:
    return httpx2.get(
        f"{router.url}/v1/models", headers={"authorization": f"Bearer {key}"}, trust_env=False
    ).status_code


def test_a_running_router_takes_keys_up(tmp_path: Path) -> None:
    with Router(tmp_path, CONFIG) as router:
        assert status(router, "sk-swy-none") == 401
        applied = router.will_log(APPLIED)
        first = keys(router, "generate", "ann")["key"]
        applied.wait()
        assert status(router, first) == 200

        applied = router.will_log(APPLIED)
        second = keys(router, "rotate", "ann", "--grace", "0")["key"]
        applied.wait()
        assert (status(router, first), status(router, second)) == (401, 200)

        applied = router.will_log(APPLIED)
        keys(router, "delete", "ann")
        applied.wait()
        assert status(router, second) == 401
        assert not any(secret in router.log for secret in (first, second))

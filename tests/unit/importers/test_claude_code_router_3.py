"""claude-code-router 3: an export, and the tables of its database."""

import json
import sqlite3
from pathlib import Path

from ruamel.yaml import YAML

from switchyard.clients.key_table import KeyTable
from switchyard.importers.reading import read_source
from switchyard.routing.explanation import explain
from tests.unit.importers.examples import CLAUDE_CODE_ROUTER_3
from tests.unit.importers.running import body
from tests.unit.importers.running import imported
from tests.unit.importers.running import left_out

MADE = imported("claude-code-router", CLAUDE_CODE_ROUTER_3, {"ODD_KEY": "some-value"})
FILE = YAML(typ="safe").load(MADE.text)
PROVIDERS = {one["name"]: one for one in FILE["providers"]}


def test_credentials_are_keys_with_quotas() -> None:
    assert PROVIDERS["open-router"]["api-key-entries"] == [
        {"api-key": "${OPEN_ROUTER_API_KEY}", "priority": 2,
         "quota": {"requests": ["60/m"], "tokens": ["100000/h"]}},
        {"api-key": "${OPEN_ROUTER_API_KEY_2}", "weight": 3},
    ]  # fmt: skip
    assert PROVIDERS["odd"]["api-key"] == "${ODD_KEY}"
    assert MADE.variables["PROXY_URL"] == "http://u:proxy-pass@10.0.0.1:3128"


def test_client_keys_keep_their_limits() -> None:
    key = KeyTable(MADE.config.clients).find("client-hidden")
    assert key is not None
    assert key.limits.requests[0].amount == 10
    assert key.limits.tokens[0].window == 3600
    assert key.expires is not None


def test_rules_by_name_are_routes() -> None:
    found = explain(MADE.config, "claude-opus-4-6")
    assert found.members[0].targets[0].model == "qwen/qwen3"
    assert FILE["combos"]["fallback"] == ["open-router/qwen/qwen3", "odd/x"]


def test_what_is_left_out() -> None:
    lost = left_out(MADE)
    assert "script" in lost["Router.rules[1]"]
    assert {"Router.rules[2]", "virtualModelProfiles[0]", "theme", "Providers[2]",
            "Providers[0].credentials[2]", "Router.rules[0].rewrites"} <= {*lost}  # fmt: skip


def test_the_database_is_the_same_configuration(tmp_path: Path) -> None:
    data = json.loads(CLAUDE_CODE_ROUTER_3)
    keys = data.pop("APIKEYS")
    base = sqlite3.connect(tmp_path / "config.sqlite")
    base.execute("CREATE TABLE app_config (key TEXT, value_json TEXT, updated_at TEXT)")
    base.execute("INSERT INTO app_config VALUES ('default', ?, '')", [json.dumps(data)])
    base.execute("INSERT INTO app_config VALUES ('onboarding', '1', '')")
    base.execute(
        "CREATE TABLE api_keys (id, name, encrypted_key, encryption, created_at, expires_at, "
        "limits_json)"
    )
    for key in keys:
        limits = json.dumps(key["limits"]) if "limits" in key else ""
        row = [key["id"], key["name"], key["key"], "plain", "", key.get("expiresAt", ""), limits]
        base.execute("INSERT INTO api_keys VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    locked = ["x", "locked", "cipher", "safe-storage", "", "", ""]
    base.execute("INSERT INTO api_keys VALUES (?, ?, ?, ?, ?, ?, ?)", locked)
    base.commit()
    base.close()
    made = imported(
        "claude-code-router", read_source(tmp_path / "config.sqlite"), {"ODD_KEY": "some-value"}
    )
    assert body(made) == body(MADE)
    assert "encrypted" in left_out(made)["api_keys[2]"]
    assert "app_config[1]" in left_out(made)

"""9router's `db.json`, and the tables of its database."""

import json
import sqlite3
from pathlib import Path

from ruamel.yaml import YAML

from switchyard.importers.reading import read_source
from tests.unit.importers.examples import NINE_ROUTER
from tests.unit.importers.running import body
from tests.unit.importers.running import imported
from tests.unit.importers.running import left_out

MADE = imported("9router", NINE_ROUTER)
FILE = YAML(typ="safe").load(MADE.text)
PROVIDERS = {one["name"]: one for one in FILE["providers"]}


def test_connections_of_one_provider_are_its_keys_by_priority() -> None:
    assert list(PROVIDERS) == ["openrouter", "glm", "my-node"]
    entries = PROVIDERS["openrouter"]["api-key-entries"]
    assert [entry["priority"] for entry in entries] == [-1, -2]
    assert MADE.variables["OPENROUTER_API_KEY"] == "sk-or-hidden-one"
    assert entries[0]["proxy-url"] == "${OPENROUTER_PROXY_URL}"
    assert PROVIDERS["openrouter"]["strategy"] == "fill-first"
    assert PROVIDERS["openrouter"]["excluded-models"] == ["*-free"]
    assert PROVIDERS["glm"]["preset"] == "zai-coding"
    assert PROVIDERS["glm"]["proxy-url"] == "http://127.0.0.1:7897"


def test_nodes_are_providers_with_a_prefix() -> None:
    node = PROVIDERS["my-node"]
    assert (node["base-url"], node["prefix"]) == ("https://node.example/v1", "my")


def test_combos_and_aliases() -> None:
    assert FILE["combos"]["stack"] == ["glm/glm-4.7", "my-node/qwen3"]
    assert FILE["combos"]["spread"]["strategy"] == "round-robin"
    assert FILE["aliases"] == {"fast": "glm/glm-4.7-flash"}
    assert FILE["prices"] == [
        {"models": ["glm-4.7"], "input": "0.6", "output": "2.2", "cache-read": "0.11",
         "provider": "glm"}
    ]  # fmt: skip


def test_what_is_left_out() -> None:
    lost = left_out(MADE)
    assert "log in again" in lost["providerConnections[3]"]
    assert "'unheard-of'" in lost["providerConnections[5]"]
    assert "fusion" in lost["combos[2]"]
    assert "settings.tunnelEnabled" in lost
    assert "combos.stack.members[2] of the new file" in lost
    assert "apiKeys[1]" in lost


def test_an_anthropic_node() -> None:
    made = imported(
        "9router",
        {
            "providerNodes": [
                {"id": "n", "type": "anthropic-compatible", "name": "n", "prefix": "p",
                 "baseUrl": "https://n.example/v1/messages"},
            ],
            "providerConnections": [{"provider": "n", "authType": "apikey", "apiKey": "k-hidden"}],
        },
    )  # fmt: skip
    assert made.config.providers[0].formats == ("anthropic",)
    assert made.config.providers[0].base_url == "https://n.example"


def as_database(data: dict[str, object], file: Path) -> None:
    """Writes `db.json` as the tables that 9router 0.5 makes of it."""
    base = sqlite3.connect(file)
    base.execute("CREATE TABLE _meta (key TEXT, value TEXT)")
    base.execute("CREATE TABLE settings (id INTEGER, data TEXT)")
    base.execute("CREATE TABLE kv (scope TEXT, key TEXT, value TEXT)")
    base.execute("CREATE TABLE usageHistory (id INTEGER)")
    base.execute("INSERT INTO usageHistory VALUES (1)")
    base.execute("INSERT INTO settings VALUES (1, ?)", [json.dumps(data["settings"])])
    columns = {
        "providerConnections": ["id", "provider", "authType", "name", "priority", "isActive"],
        "providerNodes": ["id", "type", "name"],
        "proxyPools": ["id", "isActive"],
        "apiKeys": ["id", "key", "name", "machineId", "isActive"],
        "combos": ["id", "name", "kind", "models"],
    }
    for table, names in columns.items():
        has_data = table not in ("apiKeys", "combos")
        every = [*names, "data"] if has_data else names
        base.execute(f"CREATE TABLE {table} ({', '.join(every)})")
        for row in data[table]:  # type: ignore[attr-defined]
            rest = {key: value for key, value in row.items() if key not in names}
            values = [row.get(name) for name in names]
            values = [json.dumps(one) if isinstance(one, list) else one for one in values]
            values += [json.dumps(rest)] if has_data else []
            base.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(every))})", values)
    for scope in ("modelAliases", "mitmAlias", "pricing", "disabledModels"):
        for key, value in data[scope].items():  # type: ignore[attr-defined]
            base.execute("INSERT INTO kv VALUES (?, ?, ?)", [scope, key, json.dumps(value)])
    base.commit()
    base.close()


def test_the_database_is_the_same_configuration(tmp_path: Path) -> None:
    data = json.loads(NINE_ROUTER)
    as_database(data, tmp_path / "data.sqlite")
    made = imported("9router", read_source(tmp_path / "data.sqlite"))
    assert body(made) == body(MADE)
    assert made.variables == MADE.variables
    assert "usageHistory" in left_out(made)

"""CLIProxyAPI's `config.yaml`."""

from ruamel.yaml import YAML

from switchyard.routing.explanation import explain
from tests.unit.importers.examples import CLIPROXYAPI
from tests.unit.importers.running import imported
from tests.unit.importers.running import left_out

MADE = imported("cliproxyapi", CLIPROXYAPI)
FILE = YAML(typ="safe").load(MADE.text)
PROVIDERS = {one["name"]: one for one in FILE["providers"]}


def test_lists_of_keys_become_providers() -> None:
    assert list(PROVIDERS) == ["gemini", "gemini-2", "claude", "codex", "openrouter"]
    gemini = PROVIDERS["gemini"]
    assert gemini["preset"] == "gemini"
    assert gemini["headers"] == {"X-Custom": "value", "X-Session": "$ABC"}
    assert gemini["models"] == [
        {
            "name": "gemini-2.5-flash",
            "alias": "flash",
            "context-window": 1048576,
            "profile": {"efforts": ["high", "low"]},
        }
    ]
    assert gemini["excluded-models"] == ["*-preview"]
    assert PROVIDERS["gemini-2"]["api-key-entries"][0]["proxy-url"] == "direct"
    assert PROVIDERS["codex"]["format"] == "openai-responses"
    assert PROVIDERS["codex"]["prefix"] == "test"
    assert PROVIDERS["claude"]["preset"] == "anthropic"


def test_equal_settings_share_a_provider() -> None:
    made = imported("cliproxyapi", {"claude-api-key": [{"api-key": "a-key"}, {"api-key": "b-key"}]})
    assert len(made.config.providers) == 1
    assert len(made.config.providers[0].api_key_entries) == 2


def test_a_shared_alias_is_a_pool() -> None:
    found = explain(MADE.config, "pool")
    assert [one.model for one in found.members[0].targets] == ["glm-5", "kimi-k2.5"]


def test_errors_have_a_class_and_no_wider_effect() -> None:
    assert PROVIDERS["codex"]["errors"] == [
        {"status": 400, "match": ["context_window_exceeded"], "match-regex": ["^too"],
         "class": "request"},
        {"status": 500, "match": ["boom"], "class": "overload", "scope": "none"},
    ]  # fmt: skip


def test_settings() -> None:
    assert FILE["retry"] == {
        "request-retry": 3, "max-retry-credentials": 2, "max-retry-interval": "30s",
    }  # fmt: skip
    assert PROVIDERS["openrouter"]["strategy"] == "weighted"
    assert FILE["heartbeat"] == {"after": "15s", "every": "15s"}
    assert len(FILE["clients"]["api-keys"]) == 2
    assert PROVIDERS["claude"]["proxy-url"] == "${PROXY_URL}"


def test_raw_payload_is_parsed() -> None:
    assert FILE["payload"]["override"][0]["params"] == {"response_format": {"type": "json_object"}}
    assert "payload.override-raw[0].params.broken" in left_out(MADE)
    assert "filter" not in FILE["payload"]


def test_what_is_left_out_on_purpose() -> None:
    lost = left_out(MADE)
    assert "imitates" in lost["claude-api-key[0].cloak"]
    assert "log in again" in lost["auth-dir"]
    assert "is disabled" in lost["openai-compatibility[1]"]
    assert "tls" not in FILE
    assert any("no path" in note.why for note in MADE.report.notes)


def test_tls_and_sticky_sessions() -> None:
    made = imported(
        "cliproxyapi",
        {"claude-api-key": [{"api-key": "a-key", "weight": 2}],
         "routing": {"strategy": "odd", "session-affinity": True},
         "tls": {"enable": False, "cert": "a.pem"}},
    )  # fmt: skip
    assert "sticky" in made.text
    assert {"routing.strategy", "tls"} <= {*left_out(made)}

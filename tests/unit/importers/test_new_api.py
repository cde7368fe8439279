"""Channels and tokens of new-api and one-api."""

import json

import pytest
from ruamel.yaml import YAML

from switchyard.clients.key_table import KeyTable
from switchyard.routing.explanation import explain
from tests.unit.importers.examples import NEW_API
from tests.unit.importers.examples import ONE_API
from tests.unit.importers.running import imported
from tests.unit.importers.running import left_out

MADE = imported("new-api", NEW_API)
FILE = YAML(typ="safe").load(MADE.text)
PROVIDERS = {one["name"]: one for one in FILE["providers"]}


def test_channels_are_providers() -> None:
    main = PROVIDERS["OpenAI-main"]
    assert main["preset"] == "openai"
    assert len(main["api-key-entries"]) == 2, "the third key is off"
    assert main["models"] == ["gpt-4o", {"name": "gpt-4-0613", "alias": "gpt-4"}]
    assert main["headers"] == {"X-Api-Token": "${OPENAI_MAIN_X_API_TOKEN}"}
    assert main["proxy-url"] == "http://10.0.0.1:1"
    assert PROVIDERS["ali"]["base-url"] == "https://dashscope.aliyuncs.com/compatible-mode/v1"
    assert FILE["payload"]["override"] == [
        {"models": ["gpt-4o", "gpt-4"], "params": {"temperature": 0}}
    ]


def test_priorities_make_a_combo() -> None:
    found = explain(MADE.config, "gpt-4o")
    assert [one.targets[0].provider for one in found.members] == ["OpenAI-main", "deepseek"]


def test_holders_keep_their_tokens() -> None:
    table = KeyTable(MADE.config.clients)
    key = table.find("sk-tokenhidden-one-hidden")
    assert key is not None
    assert key.models.patterns == ("gpt-4o", "qwen-max")
    assert [str(one) for one in key.addresses] == ["10.0.0.0/8", "192.168.1.7/32"]
    assert key.budgets.total == 2_500_000_000
    assert key.expires is not None
    blocked = table.find("sk-two-hidden")
    assert blocked is not None
    assert blocked.blocked
    assert blocked.budgets.total is None


def test_what_is_left_out() -> None:
    lost = left_out(MADE)
    assert "is disabled" in lost["channels[3]"]
    assert "type 36" in lost["channels[4]"]
    assert {"channels[0].weight", "channels[0].group", "users", "options",
            "channels[0].status_code_mapping", "channels[2].param_override"} <= {*lost}  # fmt: skip


def test_numbers_of_types_differ() -> None:
    assert imported("one-api", ONE_API).config.providers[0].base_url == (
        "https://api.groq.com/openai/v1"
    )
    deepseek = {"type": 36, "key": "x-hidden", "status": 1, "name": "d", "models": "m"}
    assert imported("one-api", {"channels": [deepseek]}).config.providers[0].name == "d"


@pytest.mark.parametrize("pages", [False, True])
def test_the_answer_of_the_api(pages: bool) -> None:
    channels = json.loads(NEW_API)["channels"]
    data = {"items": channels, "total": 5, "page": 1} if pages else channels
    made = imported("new-api", {"success": True, "message": "", "data": data})
    assert [one.name for one in made.config.providers] == list(PROVIDERS)


def test_broken_json_within_a_channel() -> None:
    channel = {"type": 1, "key": "x-hidden", "models": "m", "model_mapping": "{", "setting": "[1]"}
    lost = left_out(imported("new-api", {"channels": [channel], "tokens": [{"key": "a***b"}]}))
    assert {"channels[0].model_mapping", "channels[0].setting", "tokens[0]"} == {*lost}

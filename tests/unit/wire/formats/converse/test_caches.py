"""Marks at which the beginning of a prompt is cached."""

import json

from tests.unit.wire.formats.converse.asking import CLAUDE
from tests.unit.wire.formats.converse.asking import LLAMA
from tests.unit.wire.formats.converse.asking import NOVA
from tests.unit.wire.formats.converse.asking import RESULT
from tests.unit.wire.formats.converse.asking import TALK
from tests.unit.wire.formats.converse.asking import TOOL
from tests.unit.wire.formats.converse.asking import sent


def test_marks_of_caches_stand_behind_their_blocks_where_models_take_them() -> None:
    mark, long = {"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}
    system = [{"type": "text", "text": "Be brief.", "cache_control": long}]
    asked = [
        {"role": "user", "content": [{"type": "text", "text": "Oslo?", "cache_control": mark}]}
    ]
    tools = [{**TOOL, "cache_control": mark}]
    point = {"cachePoint": {"type": "default"}}
    body = sent(asked, model=CLAUDE, system=system, tools=tools)
    assert body["system"][1] == {"cachePoint": {"type": "default", "ttl": "1h"}}
    assert body["messages"][0]["content"] == [{"text": "Oslo?"}, point]
    assert body["toolConfig"]["tools"][1] == point
    body = sent(asked, model=NOVA, system=system, tools=tools)
    assert body["system"][1] == point == body["messages"][0]["content"][1]
    assert len(body["toolConfig"]["tools"]) == 1
    assert "cachePoint" not in json.dumps(sent(asked, model=LLAMA, system=system, tools=tools))


def test_a_mark_on_a_result_stands_behind_it() -> None:
    result = {**RESULT, "cache_control": {"type": "ephemeral"}}
    body = sent([*TALK[:2], {"role": "user", "content": [result]}], tools=[TOOL], model=CLAUDE)
    kinds = [next(iter(block)) for block in body["messages"][-1]["content"]]
    assert kinds == ["toolResult", "cachePoint"]

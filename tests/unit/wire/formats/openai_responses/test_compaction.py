"""What a request of the Responses API has to do with compaction."""

from typing import Any

import pytest
from openai.types.responses import CompactedResponse
from openai.types.responses import ResponseCompactionItem

from switchyard.wire.format import Asked
from switchyard.wire.format import Compaction
from switchyard.wire.formats.openai_responses.compaction import find_compaction
from switchyard.wire.formats.openai_responses.compaction import summary_item
from switchyard.wire.formats.openai_responses.compaction import write_compacted
from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.shared.compaction import seal_summary

USER = {"role": "user", "content": "Hi"}
OURS = {"type": "compaction", "encrypted_content": seal_summary("A boat.")}
THEIRS = {"type": "compaction", "encrypted_content": "gAAAA"}
OLDER = {**THEIRS, "type": "compaction_summary"}
TRIGGER = {"type": "compaction_trigger"}
MANAGED = [{"type": "compaction", "compact_threshold": 200_000}]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"input": "Hi"}, None),
        ({"input": [USER]}, None),
        ({"input": 7}, None),
        ({"input": ["Hi", None]}, None),
        ({"input": [TRIGGER, USER]}, None),
        ({"input": [{"type": "compaction"}]}, None),
        ({"input": [USER, TRIGGER]}, Compaction(now=True)),
        ({"input": [OURS]}, Compaction(held=True, ours=True)),
        ({"input": [THEIRS, OURS, USER]}, Compaction(held=True, ours=True)),
        ({"input": [OURS, THEIRS]}, Compaction(held=True, ours=True, closed="gAAAA")),
        ({"input": [OLDER]}, Compaction(held=True, closed="gAAAA")),
        ({"input": "Hi", "context_management": MANAGED}, Compaction(threshold=200_000)),
        ({"input": "Hi", "context_management": [{"type": "other"}]}, None),
        ({"input": "Hi", "context_management": "auto"}, None),
    ],
)
def test_what_is_found(body: dict[str, Any], found: Compaction | None) -> None:
    assert find_compaction(body) == found


def test_a_damaged_item_of_ours_is_refused() -> None:
    broken = {**OURS, "encrypted_content": OURS["encrypted_content"][:20]}
    with pytest.raises(BadRequest, match="damaged"):
        find_compaction({"input": [broken]})


def test_items_and_answers_are_what_the_sdk_reads() -> None:
    part = summary_item("A boat.", "abc")
    item = ResponseCompactionItem.model_validate(part.raw, strict=True)
    assert item.id == "cmp_abc" and part.kind == "compaction"
    reply = Reply(format="openai-chat", choices=(Choice(parts=(part,)),), usage=Usage(input=3))
    body = write_compacted(reply, Asked(model="m", id="abc", created=7))
    answer = CompactedResponse.model_validate(body)
    assert answer.object == "response.compaction" and answer.created_at == 7
    assert [one.type for one in answer.output] == ["compaction"]
    assert answer.usage.input_tokens == 3

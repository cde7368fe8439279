"""Requests of other formats, as they are sent to Bedrock's Converse API."""

from typing import Any

from switchyard.wire.model.conversation import Conversation
from switchyard.wire.registry import FORMATS
from switchyard.wire.registry import PROVIDER_FORMATS
from switchyard.wire.shared.call_ids import distinct
from switchyard.wire.shared.placing import lasting
from switchyard.wire.shared.tool_choice import choosable
from switchyard.wire.translate.documents import readable
from switchyard.wire.translate.merge_turns import joined
from switchyard.wire.translate.pair_results import paired
from switchyard.wire.translate.rename_tools import renamed
from tests.support.aws_shapes import faults

SERVICE = PROVIDER_FORMATS["converse"]
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "us.amazon.nova-2-lite-v1:0"
LLAMA = "us.meta.llama3-3-70b-instruct-v1:0"
MISTRAL = "mistral.mistral-large-2407-v1:0"
GPT_OSS = "openai.gpt-oss-120b-1:0"
MODELS = (CLAUDE, NOVA, LLAMA, MISTRAL, GPT_OSS)
PNG = "iVBORw0KGgo="
TOOL = {"name": "weather", "description": "Tells the weather.",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}  # fmt: skip
CALL = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "Rain."}
TALK: list[dict[str, Any]] = [
    {"role": "user", "content": "How is Oslo?"},
    {"role": "assistant", "content": [{"type": "text", "text": "I look."}, CALL]},
    {"role": "user", "content": [RESULT]},
]


def conversation(client: str, body: dict[str, Any], model: str) -> Conversation:
    """A client's request as it reaches the writer."""
    said = FORMATS[client].read_request({"max_tokens": 9, **body, "model": model})
    read = distinct(joined(readable(said, SERVICE.name)))
    return choosable(renamed(paired(lasting(read))), SERVICE.name)


def sent(
    messages: list[Any], client: str = "anthropic", model: str = NOVA, **more: Any
) -> dict[str, Any]:
    """The body that is sent, which AWS' own description finds right."""
    body = SERVICE.write_request(conversation(client, {"messages": messages, **more}, model))
    check(body, model)
    return body


def check(body: dict[str, Any], model: str) -> None:
    """What the service refuses a request for."""
    for operation in ("Converse", "ConverseStream"):
        assert not faults(operation, body, modelId=model)
    roles = [message["role"] for message in body["messages"]]
    assert roles == ["assistant" if place % 2 else "user" for place in range(len(roles))]
    assert len(roles) % 2
    called: set[str] = set()
    for message in body["messages"]:
        content = message["content"]
        kinds = [next(iter(block)) for block in content]
        assert kinds and all(block["text"].strip() for block in content if "text" in block)
        assert "document" not in kinds or "text" in kinds
        results = [block["toolResult"] for block in content if "toolResult" in block]
        assert {one["toolUseId"] for one in results} == called
        called = {block["toolUse"]["toolUseId"] for block in content if "toolUse" in block}
        if results or called:
            assert body["toolConfig"]["tools"]
    names = [
        block["document"]["name"]
        for message in body["messages"]
        for block in message["content"]
        if "document" in block
    ]
    assert len(names) == len(set(names))

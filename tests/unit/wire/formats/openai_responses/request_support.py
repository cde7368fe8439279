"""What the tests of requests have in common."""

from switchyard.wire.formats.openai_responses import OpenAIResponses
from switchyard.wire.model.conversation import Turn

FORMAT = OpenAIResponses()
PNG = "data:image/png;base64,AAAA"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


def body(*items, **members):
    return {"model": "m", "input": list(items), **members}


def message(role, content, **members):
    return {"type": "message", "role": role, "content": content, **members}


def call(call_id, name="f", arguments="{}", **members):
    return {
        "type": "function_call",
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
        **members,
    }


def output(call_id, value, **members):
    return {"type": "function_call_output", "call_id": call_id, "output": value, **members}


REASONING = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "hm"}],
    "encrypted_content": "gAAA",
}

EXEC = {
    "type": "custom",
    "name": "exec",
    "description": "Runs JavaScript",
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"},
}

CODE_MODE = body(
    {
        "type": "additional_tools",
        "role": "developer",
        "tools": [{"type": "namespace", "name": "functions", "description": "d", "tools": [EXEC]}],
    },
    message("developer", [{"type": "input_text", "text": "You are a coding agent."}], id="msg_1"),
    message("user", [{"type": "input_text", "text": "say hello"}]),
    {
        "type": "custom_tool_call",
        "call_id": "c1",
        "name": "exec",
        "namespace": "functions",
        "input": "text('hi')",
    },
    {
        "type": "custom_tool_call_output",
        "call_id": "c1",
        "output": [{"type": "input_text", "text": "hi"}],
    },
    {"type": "configuration_update", "reasoning": {"effort": "high"}},
    stream=True,
    store=False,
    include=["reasoning.encrypted_content"],
    client_metadata={"a": "b"},
)


def said(role, *parts):
    return Turn(role=role, parts=parts)

"""What the tests of answers have in common."""

from switchyard.wire.format import Asked
from switchyard.wire.formats.openai_responses import OpenAIResponses

FORMAT = OpenAIResponses()

USAGE = {
    "input_tokens": 10,
    "input_tokens_details": {"cached_tokens": 4},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 3},
    "total_tokens": 15,
}


def response(*items, **members):
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": "m",
        "output": list(items),
        "error": None,
        "incomplete_details": None,
        "tools": [],
        "usage": USAGE,
        **members,
    }


def text(words, **members):
    return {"type": "output_text", "text": words, "annotations": [], **members}


def message(*content, **members):
    return {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": list(content),
        **members,
    }


FUNCTION_CALL = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "c1",
    "name": "f",
    "arguments": '{"a": 1}',
    "status": "completed",
}
SITE = {
    "type": "url_citation",
    "start_index": 0,
    "end_index": 2,
    "url": "https://a.example",
    "title": "A",
}
FILE = {"type": "file_citation", "file_id": "file-1", "filename": "a", "index": 0}

ANSWERS = {
    "text": response(message(text("hi", logprobs=[]))),
    "several parts": response(
        message(text("a"), text("b"), {"type": "refusal", "refusal": "no"}, phase="commentary"),
        message(text("c"), id="msg_2"),
    ),
    "citations": response(message(text("hi", annotations=[SITE, FILE]))),
    "empty message": response(message()),
    "odd content": response(message({"type": "odd", "x": 1}, text("a"))),
    "calls": response(
        FUNCTION_CALL,
        {**FUNCTION_CALL, "call_id": "c2", "id": "fc_2", "arguments": "", "namespace": "n"},
        {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c3", "name": "x", "input": "go"},
    ),
    "reasoning": response(
        {"type": "reasoning", "id": "rs_0", "summary": []},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
        {
            "type": "reasoning",
            "id": "rs_2",
            "summary": [{"type": "summary_text", "text": t} for t in ("one", "two")],
            "encrypted_content": "gBBB",
        },
        {
            "type": "reasoning",
            "id": "rs_3",
            "status": "completed",
            "summary": [],
            "content": [{"type": "reasoning_text", "text": "all"}],
            "encrypted_content": None,
        },
        message(text("done")),
    ),
    "hosted tools": response(
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"x": 1}},
        {
            "type": "image_generation_call",
            "id": "ig_1",
            "status": "completed",
            "result": "AAAA",
            "output_format": "webp",
        },
        {"type": "image_generation_call", "id": "ig_2", "status": "failed", "result": None},
        {"type": "never_heard_of", "id": "x"},
    ),
    "incomplete": response(
        message(text("hi"), status="incomplete"),
        status="incomplete",
        incomplete_details={"reason": "max_output_tokens"},
    ),
    "queued": response(status="queued", usage=None),
    "odd status": response(message(text("hi")), status="complete", total_tokens=3),
    "fraction of a second": response(message(text("hi")), created_at=1.5),
}


def asked_for(body):
    return Asked(model="m", id="ab", created=1, conversation=FORMAT.read_request(body))

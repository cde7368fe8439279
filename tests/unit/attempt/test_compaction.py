"""Compaction by the router: what providers are sent, and what clients receive."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from mitmproxy import http

from switchyard.attempt.compaction import COMPACTED
from switchyard.wire.shared.compaction import ASK
from switchyard.wire.shared.compaction import open_summary
from switchyard.wire.shared.compaction import seal_summary
from tests.support.runtime import FakeRuntime
from tests.support.runtime import Pipeline
from tests.support.runtime import client_flow
from tests.support.runtime import make_runtime
from tests.support.runtime import reply
from tests.support.runtime import running

type Json = dict[str, Any]

CONFIG = """
    providers:
      - {name: chat, base-url: https://chat.example/v1, models: [m], api-key: k1}
      - {name: claude, format: anthropic, base-url: https://c.example, models: [c], api-key: k2}
      - {name: openai, format: openai-responses, base-url: https://o.example/v1, models: [r],
         api-key: k3}
      - {name: google, format: gemini, base-url: https://google.example, models: [g], api-key: k4}
      - {name: local, format: ollama, base-url: https://local.example, models: [l]}
      - {name: plain, format: openai-responses, base-url: https://p.example/v1, models: [p],
         api-key: k5, profile: {compaction: none}}
      - {name: kimi, format: anthropic, base-url: https://kimi.example, models: [k], api-key: k6,
         profile: {compaction: none}}
    combos:
      every: [chat/m, openai/r, plain/p]
"""
WITHOUT = ("m", "c", "g", "l", "p")
"""Models whose providers do not compact as the Responses API does."""

OLD = "OLD WORDS THAT WERE COMPACTED"
SUMMARY = "The user wants a boat. It is half built."
HISTORY: list[Json] = [
    {"role": "user", "content": OLD},
    {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "call_1", "output": "a boat"},
    {"role": "assistant", "content": "A boat."},
]
TOOL = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}
TRIGGER = {"type": "compaction_trigger"}
SEALED = {"type": "compaction", "id": "cmp_1", "encrypted_content": seal_summary(SUMMARY)}
FOREIGN = {"type": "compaction", "id": "cmp_2", "encrypted_content": "gAAAA-opaque"}


class Asking:
    """One call, up to its first attempt."""

    def __init__(self, path: str, body: Mapping[str, Any], runtime: FakeRuntime | None = None):
        self.runtime = runtime or make_runtime(CONFIG)
        self.pipeline = Pipeline(self.runtime)
        self.flow = client_flow(self.runtime, path, body)
        self.exchange = self.pipeline.begin(self.flow)
        self.attempt = self.pipeline.attempt(self.flow)

    @property
    def request(self) -> http.Request:
        assert self.attempt.request is not None, self.attempt.answer
        return self.attempt.request

    @property
    def sent(self) -> Json:
        return json.loads(self.request.content or b"")

    def answered(self, body: Mapping[str, Any] | bytes) -> Json:
        """The client's JSON for an upstream's answer."""
        self.pipeline.answer(self.attempt, body)
        relay = running(self.exchange).relay
        assert relay is not None and not relay.failed, relay and relay.problem
        return json.loads(relay.body)


def refused(path: str, body: Mapping[str, Any]) -> Json:
    runtime = make_runtime(CONFIG)
    pipeline = Pipeline(runtime)
    flow = client_flow(runtime, path, body)
    with pytest.raises(AssertionError):
        pipeline.begin(flow)
    assert flow.response is not None and flow.response.status_code == 400
    return json.loads(flow.response.content or b"")["error"]


def stream(*events: Json) -> bytes:
    told = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    return (told + "data: [DONE]\n\n").encode()


def chunk(delta: Json, why: str | None = None) -> Json:
    choice = {"index": 0, "delta": delta, "finish_reason": why}
    return {"id": "c1", "object": "chat.completion.chunk", "choices": [choice]}


def upstream_reply(model: str, text: str) -> Json:
    match model:
        case "c" | "k":
            return {"id": "msg_1", "type": "message", "role": "assistant", "model": model,
                    "content": [{"type": "text", "text": text}], "stop_reason": "end_turn",
                    "usage": {"input_tokens": 5, "output_tokens": 2}}  # fmt: skip
        case "g":
            content = {"role": "model", "parts": [{"text": text}]}
            usage = {"promptTokenCount": 5, "candidatesTokenCount": 2}
            told = {"content": content, "finishReason": "STOP"}
            return {"candidates": [told], "usageMetadata": usage}
        case "l":
            return {"model": "l", "message": {"role": "assistant", "content": text}, "done": True,
                    "done_reason": "stop", "prompt_eval_count": 5, "eval_count": 2}  # fmt: skip
        case "p":
            content = [{"type": "output_text", "text": text, "annotations": []}]
            message = {"type": "message", "role": "assistant", "id": "msg_1", "content": content}
            usage = {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}
            return {"id": "resp_1", "object": "response", "status": "completed", "model": "p",
                    "output": [message], "usage": usage}  # fmt: skip
    return reply(text)


@pytest.mark.parametrize("model", WITHOUT)
def test_a_trigger_is_answered_with_one_item_that_holds_the_summary(model: str) -> None:
    body = {"model": model, "input": [*HISTORY, TRIGGER], "tools": [TOOL], "store": False}
    asking = Asking("/v1/responses", body)
    sent = json.dumps(asking.sent)
    assert OLD in sent and "compaction_trigger" not in sent
    assert json.dumps(ASK)[1:-1] in sent
    told = asking.answered(upstream_reply(model, SUMMARY))
    (item,) = told["output"]
    assert item["type"] == "compaction" and item["id"].startswith("cmp_")
    assert open_summary(item["encrypted_content"]) == SUMMARY
    assert told["status"] == "completed"
    assert told["usage"]["output_tokens"] == 2
    assert running(asking.exchange).dropped == ()


@pytest.mark.parametrize("model", WITHOUT)
def test_the_endpoint_answers_with_a_history_of_one_item(model: str) -> None:
    body = {"model": model, "input": HISTORY, "instructions": "Build boats."}
    asking = Asking("/v1/responses/compact", body)
    assert "compact" not in asking.request.path
    assert "Build boats." in json.dumps(asking.sent) and OLD in json.dumps(asking.sent)
    told = asking.answered(upstream_reply(model, SUMMARY))
    assert told["object"] == "response.compaction"
    (item,) = told["output"]
    assert open_summary(item["encrypted_content"]) == SUMMARY
    assert told["usage"]["total_tokens"] == 7


def test_tools_are_declared_but_not_to_be_called() -> None:
    body = {"model": "m", "input": [*HISTORY, TRIGGER], "tools": [TOOL, {"type": "web_search"}],
            "tool_choice": "required"}  # fmt: skip
    sent = Asking("/v1/responses", body).sent
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["look"]
    assert sent["tool_choice"] == "none"


def test_a_stream_tells_of_the_item_alone() -> None:
    asking = Asking("/v1/responses", {"model": "m", "input": [*HISTORY, TRIGGER], "stream": True})
    deltas = [
        chunk({"content": word}) for word in ("The user ", "wants a boat. ", "It is half built.")
    ]
    raw = stream(chunk({"reasoning_content": "Hm."}), *deltas, chunk({}, "stop"))
    told = asking.pipeline.answer(asking.attempt, raw).decode()
    events = [json.loads(line[6:]) for line in told.splitlines() if line.startswith("data: {")]
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert [item["type"] for item in done] == ["compaction"]
    assert open_summary(done[0]["encrypted_content"]) == SUMMARY
    assert events[-1]["type"] == "response.completed"
    assert events[-1]["response"]["output"] == done


def test_a_summary_has_all_the_time_that_an_answer_has() -> None:
    """The client sees nothing of it before its end."""
    asking = Asking("/v1/responses", {"model": "m", "input": [*HISTORY, TRIGGER], "stream": True})
    times = asking.attempt.timeouts
    assert times.first_output == times.total
    plain = Asking("/v1/responses", {"model": "m", "input": HISTORY, "stream": True})
    assert plain.attempt.timeouts.total == times.total != plain.attempt.timeouts.first_output


@pytest.mark.parametrize("text", ["", "  "])
def test_a_model_that_gives_no_summary_is_passed_over(text: str) -> None:
    asking = Asking("/v1/responses/compact", {"model": "every", "input": HISTORY})
    asking.pipeline.answer(asking.attempt, reply(text))
    assert asking.attempt.receiver is not None and asking.attempt.receiver.failed
    second = asking.pipeline.attempt(asking.flow)
    assert second.request is not None and second.request.path == "/v1/responses/compact"


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/responses/compact"])
def test_who_compacts_is_asked_in_its_own_words(path: str) -> None:
    end = [TRIGGER] if path == "/v1/responses" else []
    body = {"model": "r", "input": [*HISTORY, *end]}
    asking = Asking(path, body)
    assert asking.request.path == path
    assert asking.sent == body


@pytest.mark.parametrize("kind", ["compaction", "compaction_summary", "context_compaction"])
@pytest.mark.parametrize("model", [*WITHOUT, "r"])
def test_a_summary_stands_for_what_is_before_it(model: str, kind: str) -> None:
    item = {**SEALED, "type": kind}
    body = {"model": model, "instructions": "Build boats.",
            "input": [*HISTORY, item, {"role": "user", "content": "Go on."}]}  # fmt: skip
    asking = Asking("/v1/responses", body)
    sent = json.dumps(asking.sent)
    assert OLD not in sent and "a boat" not in sent.replace(SUMMARY, "")
    assert "Build boats." in sent and sent.index(SUMMARY) < sent.index("Go on.")
    assert SUMMARY in sent and "Go on." in sent and "encrypted_content" not in sent
    assert "compaction" not in sent
    assert running(asking.exchange).dropped == ()


def test_the_messages_of_a_compacted_conversation_stay() -> None:
    """Codex keeps what the user said, and its own instructions, before the item."""
    kept = [{"role": "developer", "content": "RULES"}, {"role": "user", "content": "AGENTS.md"}]
    sent = Asking("/v1/responses", {"model": "m", "input": [*kept, SEALED]}).sent
    texts = [message["content"] for message in sent["messages"]]
    assert texts[:2] == ["RULES", "AGENTS.md"] and SUMMARY in texts[2]


def test_the_last_of_several_summaries_counts() -> None:
    newer = {"type": "compaction", "encrypted_content": seal_summary("The boat is built.")}
    body = {"model": "m", "input": [SEALED, *HISTORY, newer, {"role": "user", "content": "Go on."}]}
    sent = json.dumps(Asking("/v1/responses", body).sent)
    assert "The boat is built." in sent and SUMMARY not in sent and OLD not in sent


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/responses/compact"])
def test_an_item_of_somebody_else_goes_to_who_compacts(path: str) -> None:
    body = {"model": "every", "input": [FOREIGN, {"role": "user", "content": "Go on."}]}
    runtime = make_runtime(CONFIG)
    assert Asking(path, {"model": "every", "input": HISTORY}, runtime).request.host != "o.example"
    asking = Asking(path, body, runtime)
    assert asking.request.host == "o.example"
    assert asking.sent["input"][0] == FOREIGN


@pytest.mark.parametrize("model", WITHOUT)
@pytest.mark.parametrize("path", ["/v1/responses", "/v1/responses/compact"])
def test_an_item_that_nobody_can_open_is_refused(model: str, path: str) -> None:
    error = refused(path, {"model": model, "input": [FOREIGN, *HISTORY]})
    assert error["param"] == "input" and error["code"] == "invalid_encrypted_content"
    assert "encrypted for its maker" in error["message"]


MAKERS = """
    providers:
      - {name: one, format: openai-responses, base-url: https://one.example/v1, models: [x]}
      - {name: two, format: openai-responses, base-url: https://two.example/v1, models: [y]}
    combos: {both: [one/x, two/y]}
"""


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/responses/compact"])
@pytest.mark.parametrize("streams", [False, True])
def test_an_item_goes_back_to_its_maker(path: str, streams: bool) -> None:
    if streams and path != "/v1/responses":
        return
    runtime = make_runtime(MAKERS)
    end = [TRIGGER] if path == "/v1/responses" else []
    first = Asking(path, {"model": "y", "input": [*HISTORY, *end], "stream": streams}, runtime)
    kind = "response" if end else "response.compaction"
    body = {"id": "resp_1", "object": kind, "status": "completed", "output": [FOREIGN],
            "created_at": 1, "usage": {"input_tokens": 5, "output_tokens": 2}}  # fmt: skip
    if streams:
        done = {"type": "response.output_item.done", "output_index": 0, "item": FOREIGN}
        events = {"type": "response.created", "response": {**body, "output": []}}, done
        first.pipeline.answer(
            first.attempt, stream(*events, {"type": "response.completed", "response": body})
        )
    else:
        first.answered(body)
    after = {"model": "both", "input": [FOREIGN, {"role": "user", "content": "Go on."}]}
    assert Asking("/v1/responses", after, runtime).request.host == "two.example"
    assert (
        Asking("/v1/responses", {**after, "input": HISTORY}, runtime).request.host == "one.example"
    )


def test_an_older_item_that_nobody_can_open_is_no_obstacle() -> None:
    sent = Asking("/v1/responses", {"model": "m", "input": [FOREIGN, *HISTORY, SEALED]}).sent
    assert SUMMARY in json.dumps(sent) and OLD not in json.dumps(sent)


def test_a_damaged_item_is_told() -> None:
    broken = {**SEALED, "encrypted_content": SEALED["encrypted_content"][:-9]}
    error = refused("/v1/responses", {"model": "m", "input": [broken, *HISTORY]})
    assert "damaged" in error["message"]


def test_a_history_with_a_summary_of_ours_is_compacted_by_its_own_provider() -> None:
    asking = Asking("/v1/responses/compact", {"model": "r", "input": [*HISTORY, SEALED, *HISTORY]})
    assert asking.request.path == "/v1/responses/compact"
    sent = json.dumps(asking.sent)
    assert SUMMARY in sent and sent.count(OLD) == 1


BLOCK: Json = {"type": "compaction", "content": SUMMARY}
MESSAGES: list[Json] = [
    {"role": "user", "content": OLD},
    {"role": "assistant", "content": [BLOCK, {"type": "text", "text": "ok"}]},
    {"role": "user", "content": "next"},
]


@pytest.mark.parametrize("model", ["m", "g", "l", "r", "k"])
def test_what_a_block_of_anthropics_stands_for_is_left_out(model: str) -> None:
    body = {"model": model, "max_tokens": 100, "system": "Build boats.", "messages": MESSAGES}
    asking = Asking("/v1/messages", body)
    sent = json.dumps(asking.sent)
    assert OLD not in sent and SUMMARY in sent and "Build boats." in sent
    assert SUMMARY + "ok" not in sent
    assert sent.index(SUMMARY) < sent.index('"ok"') < sent.index('"next"')
    assert running(asking.exchange).dropped == ()


def test_the_roles_stay_in_turn_before_the_users_next_words() -> None:
    messages = [{"role": "assistant", "content": [BLOCK]}, MESSAGES[2]]
    sent = Asking("/v1/messages", {"model": "k", "max_tokens": 9, "messages": messages}).sent
    (message,) = sent["messages"]
    assert message["role"] == "user" and message["content"][-1]["text"] == "next"


def test_the_summary_is_the_users_and_keeps_its_cache_marker() -> None:
    marked = {**BLOCK, "cache_control": {"type": "ephemeral"}}
    messages = [MESSAGES[0], {"role": "assistant", "content": [marked]}, MESSAGES[2]]
    sent = Asking("/v1/messages", {"model": "k", "max_tokens": 9, "messages": messages}).sent
    first = sent["messages"][0]
    assert first["role"] == "user"
    assert first["content"][0]["cache_control"] == {"type": "ephemeral"}


def test_blocks_go_to_anthropic_as_they_are() -> None:
    body = {"model": "c", "max_tokens": 100, "messages": MESSAGES}
    assert Asking("/v1/messages", body).sent == body


def test_a_block_of_ours_reaches_anthropic_in_words() -> None:
    ours = {**BLOCK, "signature": seal_summary(SUMMARY)}
    messages = [*MESSAGES[:1], {"role": "assistant", "content": [ours]}, MESSAGES[2]]
    sent = json.dumps(
        Asking("/v1/messages", {"model": "c", "max_tokens": 9, "messages": messages}).sent
    )
    assert (
        SUMMARY in sent and OLD not in sent and "compaction" not in sent and "signature" not in sent
    )


def test_a_block_without_content_stands_for_nothing() -> None:
    failed = {"type": "compaction", "content": None}
    messages = [*MESSAGES[:1], {"role": "assistant", "content": [failed]}, MESSAGES[2]]
    sent = json.dumps(
        Asking("/v1/messages", {"model": "m", "max_tokens": 9, "messages": messages}).sent
    )
    assert OLD in sent


@pytest.mark.parametrize("model", ["m", "g", "l", "r", "k"])
def test_compaction_on_demand(model: str) -> None:
    body = {"model": model, "max_tokens": 4096, "messages": [MESSAGES[0]],
            "compaction": {"type": "summarize", "instructions": "Only the boat."}}  # fmt: skip
    asking = Asking("/v1/messages", body)
    sent = asking.sent
    assert "Only the boat." in json.dumps(sent) and "compaction" not in sent
    told = asking.answered(upstream_reply("p" if model == "r" else model, SUMMARY))
    (block,) = told["content"]
    assert block["type"] == "compaction" and block["content"] == SUMMARY
    assert told["stop_reason"] == "compaction"
    assert running(asking.exchange).dropped == ()


def test_compaction_on_demand_in_a_stream() -> None:
    body = {"model": "m", "max_tokens": 4096, "messages": [MESSAGES[0]], "stream": True,
            "compaction": {"type": "summarize"}}  # fmt: skip
    asking = Asking("/v1/messages", body)
    raw = stream(chunk({"content": SUMMARY}), chunk({}, "stop"))
    told = asking.pipeline.answer(asking.attempt, raw).decode()
    events = [json.loads(line[6:]) for line in told.splitlines() if line.startswith("data: {")]
    deltas = [event["delta"] for event in events if "delta" in event]
    assert deltas[0]["type"] == "compaction_delta" and deltas[0]["content"] == SUMMARY
    assert deltas[-1]["stop_reason"] == "compaction"
    assert events[0]["type"] == "message_start" and events[-1]["type"] == "message_stop"


def edited(words: int, **edit: Any) -> Json:
    edits = [{"type": "clear_thinking_20251015"}, {"type": "compact_20260112", **edit}]
    messages = [{"role": "user", "content": "word " * words}]
    return {"model": "k", "max_tokens": 9, "messages": messages,
            "context_management": {"edits": edits}}  # fmt: skip


def test_a_threshold_is_kept_where_the_client_waits_for_the_summary() -> None:
    limit = {"trigger": {"type": "input_tokens", "value": 1000}, "pause_after_compaction": True}
    asking = Asking("/v1/messages", edited(5000, **limit))
    told = asking.answered(upstream_reply("k", SUMMARY))
    assert told["stop_reason"] == "compaction" and told["content"][0]["content"] == SUMMARY
    below = Asking("/v1/messages", edited(100, **limit))
    told = below.answered(upstream_reply("k", "hello"))
    assert told["content"] == [{"type": "text", "text": "hello"}]


def test_a_threshold_that_nobody_keeps_is_told() -> None:
    asking = Asking("/v1/messages", edited(100))
    assert asking.sent["context_management"] == {"edits": [{"type": "clear_thinking_20251015"}]}
    assert running(asking.exchange).dropped == ("context_management",)
    other = Asking("/v1/messages", {**edited(100), "model": "m"})
    assert running(other.exchange).dropped == ("context_management",)
    assert Asking("/v1/messages", {**edited(100), "model": "c"}).sent["context_management"]


def test_what_the_router_compacted_can_be_continued_by_its_id() -> None:
    runtime = make_runtime(CONFIG)
    first = Asking("/v1/responses", {"model": "p", "input": [*HISTORY, TRIGGER]}, runtime)
    told = first.answered(upstream_reply("p", SUMMARY))
    body = {"model": "m", "previous_response_id": told["id"], "input": "Go on."}
    sent = json.dumps(Asking("/v1/responses", body, runtime).sent)
    assert SUMMARY in sent and OLD not in sent and "Go on." in sent


def test_the_endpoint_has_a_format_of_its_own() -> None:
    assert COMPACTED.name == "openai-responses"


def test_a_compacted_history_is_counted_without_what_was_compacted() -> None:
    long = {"role": "user", "content": OLD * 1000}
    body = {"model": "c", "messages": [long, *MESSAGES[1:]]}
    asking = Asking("/v1/messages/count_tokens", body)
    assert OLD not in json.dumps(asking.sent) and SUMMARY in json.dumps(asking.sent)

"""Whole answers and errors of the Messages API."""

from typing import Any

import anthropic
import pytest

from switchyard.wire.formats.anthropic import Anthropic
from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Citation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import StopReason
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import BadReply
from switchyard.wire.model.errors import ErrorKind
from switchyard.wire.model.model_list import ModelEntry
from switchyard.wire.shared.envelope import unseal
from tests.unit.wire import anthropic_sdk as sdk
from tests.unit.wire import laws

FORMAT = Anthropic()


def message(*content: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-test",
        "content": list(content),
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 5, "output_tokens": 3},
        **members,
    }


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


CALL = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}}

IDENTITY: dict[str, dict[str, Any]] = {
    "text": message(text("Hi")),
    "without stop_sequence": {k: v for k, v in message().items() if k != "stop_sequence"},
    "stop sequence": message(stop_reason="stop_sequence", stop_sequence="END"),
    "refusal": message(
        stop_reason="refusal",
        stop_details={"type": "refusal", "category": None, "explanation": "x"},
    ),
    "no details": message(stop_details=None, container=None),
    "container": message(container={"id": "c", "expires_at": "2026-01-01T00:00:00Z"}),
    "cached": message(
        usage={
            "input_tokens": 5,
            "cache_read_input_tokens": 100,
            "cache_creation_input_tokens": 20,
            "cache_creation": {"ephemeral_5m_input_tokens": 20},
            "output_tokens": 3,
            "output_tokens_details": {"thinking_tokens": 2},
            "service_tier": "standard",
            "server_tool_use": None,
            "iterations": [{"type": "message"}],
        }
    ),
    "no cache": message(
        usage={"input_tokens": 5, "cache_read_input_tokens": None, "output_tokens": 3}
    ),
    "unknown usage": message(usage={"input_tokens": 0, "output_tokens": 0}),
    "empty usage": message(usage={}),
    "calls": message(text("Let me see."), CALL, stop_reason="tool_use"),
    "calls that say end_turn": message(CALL),
    "blocks of the provider": message(
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}},
        {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
    ),
    "a new stop reason": message(stop_reason="compaction"),
}


@pytest.mark.parametrize("name", IDENTITY)
def test_identity(name: str):
    laws.reply_identity(FORMAT, IDENTITY[name])


def test_usage_counts_cached_tokens_as_input():
    usage = FORMAT.read_reply(IDENTITY["cached"]).usage
    assert usage is not None
    assert (usage.input, usage.output, usage.reasoning) == (125, 3, 2)
    assert (usage.cache_read, usage.cache_write) == (100, 20)


def test_zeros_are_no_usage():
    assert FORMAT.read_reply(IDENTITY["unknown usage"]).usage is None


@pytest.mark.parametrize(
    ("raw", "content", "reason"),
    [
        ("end_turn", [], "end"),
        ("end_turn", [CALL], "tool_calls"),
        ("tool_use", [CALL], "tool_calls"),
        ("max_tokens", [CALL], "length"),
        ("pause_turn", [], "pause"),
        ("refusal", [], "refusal"),
        ("model_context_window_exceeded", [], "context_window"),
        ("tomorrow", [], "other"),
        (None, [], "end"),
        (None, [CALL], "tool_calls"),
    ],
)
def test_stop_reasons(raw: str | None, content: list[dict[str, Any]], reason: StopReason):
    stop = FORMAT.read_reply(message(*content, stop_reason=raw)).choice.stop
    assert stop is not None
    assert stop.reason == reason


def test_what_imitations_leave_out():
    reply = FORMAT.read_reply({"content": [{"type": "text"}, {"type": "tool_use", "name": "f"}]})
    empty, call = reply.choice.parts
    assert empty == Text(text="")
    assert call == ToolCall(id="toolu_call_1", name="f")
    assert FORMAT.read_reply({"type": "message", "content": None}).choice.parts == ()
    assert FORMAT.read_reply({"content": "Hi"}).choice.parts == (Text(text="Hi"),)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"id": "chatcmpl-1", "choices": []},
        {"type": "error", "error": {"type": "api_error", "message": "x"}},
        {"content": {"a": 1}},
    ],
)
def test_what_is_no_message_is_refused(body: dict[str, Any]):
    with pytest.raises(BadReply):
        FORMAT.read_reply(body)


def foreign(*parts: Part, reason: StopReason | None = "end", **members: Any) -> dict[str, Any]:
    stop = Stop(reason=reason, raw="foreign") if reason else None
    reply = Reply(
        format="openai-chat",
        choices=(Choice(parts=parts, stop=stop, extra={"foreign": 1}),),
        extra={"foreign": 1},
        **members,
    )
    return FORMAT.write_reply(reply, laws.ASKED)


class TestForeign:
    def test_the_least_answer(self):
        body = foreign()
        assert body == {
            "id": "msg_0123456789abcdef",
            "type": "message",
            "role": "assistant",
            "model": "asked-model",
            "content": [text("")],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 0, "output_tokens": 0},
        }
        sdk.checked(sdk.whole(body))

    def test_everything(self):
        cited = Citation(url="https://a.test", title="A", format="openai-chat", raw={"x": 1})
        nowhere = Citation(format="openai-chat", raw={"x": 1})
        body = foreign(
            Thinking(text="hm", extra={"foreign": 1}),
            Thinking(redacted="b3A=", signer="openai-responses"),
            Text(text="", extra={"foreign": 1}),
            Text(text="Hi.", citations=(cited, nowhere), extra={"foreign": 1}),
            Media(kind="image", data="AAAA"),
            ToolCall(id="c1", name="f", arguments='{"a": 1}', extra={"foreign": 1}),
            ToolCall(id="c2", name="sql", arguments="SELECT 1", kind="custom"),
            Opaque(format="openai-responses", kind="x", raw={}),
            reason="tool_calls",
            id="resp_1",
            model="gpt",
            usage=Usage(input=125, output=9, cache_read=100, cache_write=20, reasoning=4),
        )
        thinking, redacted, *rest = body["content"]
        assert (thinking["type"], thinking["thinking"]) == ("thinking", "hm")
        assert unseal(thinking["signature"]) == Thinking()
        assert unseal(redacted["data"]) == Thinking(redacted="b3A=", signer="openai-responses")
        assert rest == [
            {
                **text("Hi."),
                "citations": [
                    {
                        "type": "web_search_result_location",
                        "url": "https://a.test",
                        "title": "A",
                        "cited_text": "",
                        "encrypted_index": "",
                    }
                ],
            },
            {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}},
            {"type": "tool_use", "id": "c2", "name": "sql", "input": {"input": "SELECT 1"}},
        ]
        assert (body["id"], body["model"], body["stop_reason"]) == (
            "msg_1_0123456789abcdef",
            "gpt",
            "tool_use",
        )
        assert body["usage"] == {
            "input_tokens": 5,
            "cache_creation_input_tokens": 20,
            "cache_read_input_tokens": 100,
            "output_tokens": 9,
            "output_tokens_details": {"thinking_tokens": 4},
        }
        sdk.checked(sdk.whole(body))

    def test_a_proof_of_a_call_goes_before_it(self):
        call = ToolCall(id="c1", name="f", signature="c2ln", signer="gemini")
        proof, use = foreign(call)["content"]
        assert proof["type"] == "redacted_thinking" and use["id"] == "c1"
        again = FORMAT.read_reply(message(proof, use)).choice.parts
        assert again == (
            ToolCall(id="c1", name="f", arguments="{}", signature="c2ln", signer="gemini"),
        )

    def test_no_blank_text_beside_other_content(self):
        call = ToolCall(id="a", name="f")
        blank, said = Text(text="\n\n"), Text(text="\n Hi \n")
        content = foreign(blank, call, said, Refusal(text=" "), Text(text=""))["content"]
        assert [one.get("text") for one in content] == [None, "\n Hi \n"]
        assert foreign(blank)["content"] == [text("")], "a message is not without content"

    def test_a_refusal(self):
        body = foreign(Refusal(text="I won't."))
        assert body["content"] == [text("I won't.")]
        assert body["stop_reason"] == "end_turn"
        assert foreign(Text(text="x"), reason="content_filter")["stop_reason"] == "refusal"

    @pytest.mark.parametrize(
        ("reason", "word"),
        [
            ("end", "end_turn"),
            ("length", "max_tokens"),
            ("pause", "pause_turn"),
            ("context_window", "model_context_window_exceeded"),
            ("other", "end_turn"),
            ("error", "end_turn"),
            (None, "end_turn"),
        ],
    )
    def test_stop_reasons(self, reason: StopReason | None, word: str):
        assert foreign(Text(text="x"), reason=reason)["stop_reason"] == word

    def test_a_call_without_a_word_about_it(self):
        assert foreign(ToolCall(id="c", name="f"))["stop_reason"] == "tool_use"


ERRORS: list[tuple[Any, ErrorKind, str, int | None]] = [
    (
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        "overloaded",
        "Overloaded",
        None,
    ),
    (
        {"error": {"message": "no", "type": "x", "code": "invalid_api_key", "param": "p"}},
        "authentication",
        "no",
        None,
    ),
    ({"error": {"message": "slow", "code": 429}}, "rate_limit", "slow", 429),
    ({"error": "Bad key", "status": 401}, "authentication", "Bad key", 401),
    ({"error": "internal", "message": "It broke."}, "server", "It broke.", None),
    ({"error": True}, "server", "the upstream reports True", None),
    ({"object": "error", "message": "no model", "code": 404}, "not_found", "no model", 404),
    ({"type": "error", "message": "plain"}, "server", "plain", None),
    ({"errors": [{"message": "first"}, {"message": "second"}]}, "server", "first", None),
    ({"errors": ["only"]}, "server", "only", None),
    (
        {"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}},
        "server",
        "insufficient balance",
        None,
    ),
    ({"message": "Unauthorized"}, "server", "Unauthorized", None),
    ({"message": "Gone", "status": 404}, "not_found", "Gone", 404),
    ({"detail": "Not Found"}, "server", "Not Found", None),
    ({"detail": [{"loc": ["body"], "msg": "field required"}]}, "server", "field required", None),
    (
        [{"error": {"code": 429, "message": "quota", "status": "RESOURCE_EXHAUSTED"}}],
        "rate_limit",
        "quota",
        429,
    ),
    (
        {"error": {}, "type": "error"},
        "server",
        "the upstream reports an error and does not say which",
        None,
    ),
]


@pytest.mark.parametrize(("body", "kind", "words", "status"), ERRORS)
def test_errors_are_found(body: Any, kind: ErrorKind, words: str, status: int | None):
    error = FORMAT.find_error(body)
    assert error is not None
    assert (error.kind, error.message, error.status) == (kind, words, status)
    assert error.format == "anthropic"


@pytest.mark.parametrize(
    "body",
    [
        message(text("an error")),
        {**message(), "error": None},
        {"type": "message_start", "message": message()},
        {"type": "ping"},
        {"content": [], "message": "fine"},
        {"role": "assistant", "message": "fine"},
        {"base_resp": {"status_code": 0, "status_msg": "success"}},
        {"errors": []},
        {"detail": ""},
        {},
        [],
        "error",
    ],
)
def test_no_error_is_found_where_there_is_none(body: Any):
    assert FORMAT.find_error(body) is None


def test_our_own_body_is_kept():
    body = {
        "type": "error",
        "error": {"type": "rate_limit_error", "message": "slow", "x": 1},
        "request_id": "req_1",
    }
    error = FORMAT.find_error(body)
    assert error is not None
    assert error.request_id == "req_1"
    assert FORMAT.write_error(error)[1] is body


def test_attempts_are_told_inside_the_error():
    raw = {"type": "error", "error": {"type": "api_error", "message": "x"}}
    attempts = ({"provider": "a", "status": 500},)
    told = {"switchyard": {"attempts": [{"provider": "a", "status": 500}]}}
    own = ApiError(message="x", format="anthropic", raw=raw, attempts=attempts)
    assert FORMAT.write_error(own)[1]["error"] == {**raw["error"], **told}
    assert raw["error"] == {"type": "api_error", "message": "x"}
    other = ApiError(message="x", attempts=attempts)
    assert FORMAT.write_error(other)[1]["error"] == {"type": "api_error", "message": "x", **told}


@pytest.mark.parametrize(
    ("kind", "status", "word", "raised"),
    [
        ("invalid_request", 400, "invalid_request_error", anthropic.BadRequestError),
        ("authentication", 401, "authentication_error", anthropic.AuthenticationError),
        ("billing", 402, "billing_error", anthropic.APIStatusError),
        ("permission", 403, "permission_error", anthropic.PermissionDeniedError),
        ("not_found", 404, "not_found_error", anthropic.NotFoundError),
        ("timeout", 408, "timeout_error", anthropic.APIStatusError),
        ("too_large", 413, "request_too_large", anthropic.APIStatusError),
        ("rate_limit", 429, "rate_limit_error", anthropic.RateLimitError),
        ("overloaded", 529, "overloaded_error", anthropic.InternalServerError),
        ("server", 500, "api_error", anthropic.InternalServerError),
        ("unavailable", 502, "api_error", anthropic.InternalServerError),
    ],
)
def test_errors_are_told_as_the_sdk_knows_them(
    kind: ErrorKind, status: int, word: str, raised: type[anthropic.APIStatusError]
):
    error = ApiError(message="It broke.", kind=kind, request_id="req_1")
    code, body = FORMAT.write_error(error)
    assert code == status
    assert body == {
        "type": "error",
        "error": {"type": word, "message": "It broke."},
        "request_id": "req_1",
    }
    with pytest.raises(raised, match=r"It broke\."):
        sdk.whole(body, code)


def test_a_known_status_is_kept():
    assert FORMAT.write_error(ApiError(message="x", kind="overloaded", status=503))[0] == 503


def test_models():
    entries = [
        ModelEntry(id="a/one", owner="a", created=86400, context_window=200_000),
        ModelEntry(id="b/two", owner="b"),
    ]
    body = FORMAT.write_models(entries)
    assert (body["first_id"], body["last_id"], body["has_more"]) == ("a/one", "b/two", False)
    one, two = sdk.models(body)
    assert (one.id, one.display_name, one.created_at.year) == ("a/one", "a/one", 1970)
    assert one.max_input_tokens == 200_000
    anthropic.types.ModelInfo.model_validate(two.to_dict())
    assert FORMAT.write_models([])["first_id"] is None


def test_the_ways_of_a_request():
    assert FORMAT.path("claude-test", True) == "/messages"
    assert FORMAT.headers() == {"anthropic-version": "2023-06-01"}

"""How streams of Chat Completions end: as they should, cut off, with a failure."""

import json
from typing import Any

import pytest

from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.events import UsageUpdate
from tests.unit.wire.chat_chunks import DONE
from tests.unit.wire.chat_chunks import ROLE
from tests.unit.wire.chat_chunks import STOP
from tests.unit.wire.chat_chunks import bare
from tests.unit.wire.chat_chunks import call
from tests.unit.wire.chat_chunks import calls
from tests.unit.wire.chat_chunks import chunk
from tests.unit.wire.chat_chunks import events
from tests.unit.wire.chat_chunks import reply


class TestEnds:
    def ends(self, *pieces: bytes) -> list[Event]:
        return [e for e in events(*pieces) if isinstance(e, Finish | End | Failure)]

    def test_cut_off(self) -> None:
        assert self.ends(chunk({"content": "a"})) == []
        assert events(chunk({"content": "a"}))[-1] == PartEnd(0)

    def test_without_done(self) -> None:
        assert self.ends(chunk({"content": "a"}), STOP) == [
            Finish(Stop(reason="end", raw="stop")),
            End(),
        ]

    def test_without_a_finish_reason(self) -> None:
        assert self.ends(chunk({"content": "a"}), DONE) == [Finish(Stop(reason="end")), End()]
        with_call = calls(call(0, "a", name="look", arguments="{}"))
        assert self.ends(with_call, DONE) == [Finish(Stop(reason="tool_calls")), End()]

    def test_without_anything(self) -> None:
        assert self.ends(DONE) == [End()]
        assert self.ends(ROLE, DONE) == [End()]
        assert self.ends() == []

    @pytest.mark.parametrize("end", [b"", DONE])
    @pytest.mark.parametrize("before", [b"", ROLE + chunk({"content": "a"})])
    @pytest.mark.parametrize(
        "error",
        [
            {"type": "response.failed", "response": {"error": {"code": "c", "message": "boom"}}},
            {"type": "error", "code": "c", "message": "boom", "param": None},
            {"type": "error", "error": {"type": "api_error", "message": "boom"}},
            {"error": {"code": 503, "message": "boom", "status": "UNAVAILABLE"}},
            {"error": "boom"},
        ],
    )
    def test_the_error_of_another_format(
        self, error: dict[str, Any], before: bytes, end: bytes
    ) -> None:
        said = f"data: {json.dumps(error)}\n\n".encode()
        (failure,) = self.ends(before, said, end)
        assert isinstance(failure, Failure) and failure.error.message == "boom"

    def test_a_failed_response_that_does_not_say_why(self) -> None:
        said = b'event: response.failed\ndata: {"type":"response.failed","response":null}\n\n'
        (failure,) = self.ends(chunk({"content": "a"}), said, DONE)
        assert isinstance(failure, Failure) and "failed" in failure.error.message

    @pytest.mark.parametrize(
        ("word", "reason"),
        [
            ("stop", "end"),
            ("eos", "end"),
            ("length", "length"),
            ("max_tokens", "length"),
            ("content_filter", "content_filter"),
            ("STOP", "end"),
            ("odd", "other"),
            ("tool_calls", "end"),
        ],
    )
    def test_reasons(self, word: str, reason: str) -> None:
        stop = reply(chunk({"content": "a"}), chunk({}, word), DONE).choice.stop
        assert stop == Stop(reason=reason, raw=word)  # type: ignore[arg-type]

    @pytest.mark.parametrize("word", ["stop", "tool_calls", "function_call", "eos"])
    def test_a_stop_after_a_call_is_for_the_call(self, word: str) -> None:
        answer = reply(calls(call(0, "a", name="look")), chunk({}, word), DONE)
        assert answer.choice.stop == Stop(reason="tool_calls", raw=word)

    def test_a_limit_met_within_a_call_stays_one(self) -> None:
        answer = reply(calls(call(0, "a", name="look", arguments="{")), chunk({}, "length"), DONE)
        assert answer.choice.stop == Stop(reason="length", raw="length")

    def test_the_stop_sequence_that_was_met(self) -> None:
        choice = {"index": 0, "delta": {}, "finish_reason": "stop", "stop_reason": "END"}
        stop = reply(chunk({"content": "a"}), bare(choices=[choice]), DONE).choice.stop
        assert stop == Stop(reason="stop_sequence", raw="stop", sequence="END")

    def test_the_upstreams_own_word_says_more(self) -> None:
        choice = {
            "index": 0,
            "delta": {},
            "finish_reason": "stop",
            "native_finish_reason": "refusal",
        }
        stop = reply(chunk({"content": "a"}), bare(choices=[choice]), DONE).choice.stop
        assert stop == Stop(reason="refusal", raw="stop")


class TestFailures:
    @pytest.mark.parametrize(
        ("piece", "message", "status"),
        [
            (b'data: {"error": {"message": "no", "code": 429}}\n\n', "no", 429),
            (b'data: {"error": "no"}\n\n', "no", None),
            (
                b'event: error\ndata: {"error": {"message": "no", "status_code": 400}}\n\n',
                "no",
                400,
            ),
            (b'event: error\ndata: {"message": "no"}\n\n', "no", None),
            (b"event: error\ndata: no\n\n", "no", None),
            (b'data: [{"error": {"message": "no", "code": 503}}]\n\n', "no", 503),
            (b'data: {"detail": "no"}\n\n', "no", None),
            (b'data: {"object": "error", "message": "no", "code": 400}\n\n', "no", 400),
            (chunk({"content": "b"}, error={"message": "no", "code": 502}), "no", 502),
            (
                bare(
                    choices=[
                        {
                            "index": 0,
                            "delta": {"content": ""},
                            "finish_reason": "error",
                            "error": {"message": "no", "code": 502},
                        }
                    ]
                ),
                "no",
                502,
            ),
            (chunk({}, "error"), "the provider ended the response with an error", None),
        ],
    )
    def test_in_the_stream(self, piece: bytes, message: str, status: int | None) -> None:
        found = events(chunk({"content": "a"}), piece, chunk({"content": "late"}), STOP, DONE)
        last = found[-1]
        assert isinstance(last, Failure)
        assert (last.error.message, last.error.status) == (message, status)
        assert not any(isinstance(e, Finish | End) for e in found)
        assert TextDelta(0, "late") not in found

    def test_usage_beside_an_error_is_counted(self) -> None:
        piece = chunk({}, error={"message": "no"}, usage={"prompt_tokens": 3})
        found = events(piece)
        assert isinstance(found[-2], UsageUpdate) and isinstance(found[-1], Failure)

    def test_null_errors_are_none(self) -> None:
        assert not any(
            isinstance(e, Failure) for e in events(chunk({"content": "a"}, error=None), STOP, DONE)
        )

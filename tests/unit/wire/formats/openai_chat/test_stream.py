"""Streams of Chat Completions are read whatever dialect they are in."""

from typing import Any

import pytest

from switchyard.wire.encoding.sse import Frame
from switchyard.wire.formats.openai_chat.names import own
from switchyard.wire.model.conversation import Citation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.events import ArgumentsDelta
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Extra
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import Start
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.events import UsageUpdate
from tests.unit.wire.chat_chunks import CHAT
from tests.unit.wire.chat_chunks import DONE
from tests.unit.wire.chat_chunks import bare
from tests.unit.wire.chat_chunks import call
from tests.unit.wire.chat_chunks import calls
from tests.unit.wire.chat_chunks import chunk
from tests.unit.wire.chat_chunks import events
from tests.unit.wire.chat_chunks import reply

ROLE = chunk({"role": "assistant", "content": ""})
STOP = chunk({}, "stop")


def made(*pieces: bytes) -> list[ToolCall]:
    """The calls of a stream."""
    return [part for part in reply(*pieces, DONE).choice.parts if isinstance(part, ToolCall)]


def said(*pieces: bytes) -> list[tuple[str, str]]:
    """Id (or none, if it was made up) and arguments of each call."""
    return [
        ("" if c.id.startswith("call_") and len(c.id) == 29 else c.id, c.arguments)
        for c in made(*pieces)
    ]


def thoughts(*pieces: bytes) -> list[Thinking]:
    return [part for part in reply(*pieces, DONE).choice.parts if isinstance(part, Thinking)]


class TestPlain:
    def test_events_of_an_ordinary_stream(self) -> None:
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        assert events(
            ROLE,
            chunk({"content": "a"}),
            chunk({"content": "b"}),
            STOP,
            bare(choices=[], usage=usage),
            DONE,
        ) == [
            Start("c1", "m", 5),
            PartStart(0, Text(text="")),
            TextDelta(0, "a"),
            TextDelta(0, "b"),
            UsageUpdate(Usage(input=3, output=2, total=5, extra={"openai-chat": usage})),
            PartEnd(0),
            Finish(Stop(reason="end", raw="stop")),
            End(),
        ]

    def test_nothing_follows_the_end(self) -> None:
        late = [chunk({"content": "late"}), DONE, DONE]
        assert events(ROLE, STOP, DONE, *late) == events(ROLE, STOP, DONE)

    def test_reading_again_at_the_end_adds_nothing(self) -> None:
        reader = CHAT.stream_reader()
        reader.feed(Frame(b"[DONE]"))
        assert reader.close() == [] and reader.close() == []

    @pytest.mark.parametrize("delta", [{"content": None}, {"content": ""}, {}, {"refusal": ""}])
    def test_an_empty_delta_is_nothing(self, delta: dict[str, Any]) -> None:
        assert events(ROLE, chunk(delta)) == [Start("c1", "m", 5)]

    def test_a_role_repeated_in_every_chunk(self) -> None:
        chunks = [chunk({"role": "assistant", "content": t}) for t in "abc"]
        assert reply(*chunks, STOP, DONE).choice.parts == (Text(text="abc"),)

    def test_refusals(self) -> None:
        parts = reply(chunk({"refusal": "n"}), chunk({"refusal": "o"}), STOP, DONE).choice.parts
        assert parts == (Refusal(text="no"),)

    def test_several_choices(self) -> None:
        def of(index: int, text: str) -> bytes:
            return bare(choices=[{"index": index, "delta": {"content": text}}])

        end = [
            {"index": i, "delta": {}, "finish_reason": w} for i, w in enumerate(["stop", "length"])
        ]
        answer = reply(of(0, "a"), of(1, "x"), of(0, "b"), of(1, "y"), bare(choices=end), DONE)
        assert [c.parts for c in answer.choices] == [(Text(text="ab"),), (Text(text="xy"),)]
        assert [c.stop and c.stop.reason for c in answer.choices] == ["end", "length"]

    def test_a_choice_without_an_index(self) -> None:
        first = bare(choices=[{"delta": {"content": "a"}}])
        assert reply(first, first, DONE).choice.parts == (Text(text="aa"),)

    def test_content_after_the_finish_reason(self) -> None:
        answer = reply(chunk({"content": "a"}), STOP, chunk({"content": "b"}), DONE)
        assert answer.choice.parts == (Text(text="ab"),)
        assert answer.choice.stop == Stop(reason="end", raw="stop")

    @pytest.mark.parametrize("again", ["stop", "", None])
    def test_a_finish_reason_repeated(self, again: str | None) -> None:
        found = events(chunk({"content": "a"}), STOP, chunk({}, again), DONE)
        assert [e for e in found if isinstance(e, Finish)] == [
            Finish(Stop(reason="end", raw="stop"))
        ]

    def test_a_whole_answer_sent_as_an_event(self) -> None:
        message = {"role": "assistant", "content": "all"}
        whole = bare(choices=[{"index": 0, "message": message, "finish_reason": "stop"}])
        assert reply(whole, DONE).choice.parts == (Text(text="all"),)

    def test_a_message_that_sums_up_the_deltas_is_not_said_again(self) -> None:
        def both(text: str, sum: str) -> bytes:
            choice = {"index": 0, "delta": {"content": text}, "message": {"content": sum}}
            return bare(choices=[choice])

        last = bare(choices=[{"index": 0, "delta": {}, "message": {"content": "ab"}}])
        assert reply(both("a", "a"), both("b", "ab"), last, DONE).choice.parts == (Text(text="ab"),)

    def test_a_legacy_completion(self) -> None:
        pieces = [bare(choices=[{"index": 0, "text": t, "finish_reason": None}]) for t in "ab"]
        assert reply(*pieces, DONE).choice.parts == (Text(text="ab"),)

    def test_several_events_in_one_frame(self) -> None:
        lines = ROLE + chunk({"content": "a"}) + STOP + DONE
        joined = lines.replace(b"\n\n", b"\n") + b"\n"
        assert events(joined) == events(lines)

    @pytest.mark.parametrize(
        "noise", [b"data: ping\n\n", b"data: 5\n\n", b'data: {"type": "ping"}\n\n', b"data: {\n\n"]
    )
    def test_noise_is_passed_over(self, noise: bytes) -> None:
        quiet = [ROLE, chunk({"content": "a"}), STOP, DONE]
        assert events(*(noise + piece for piece in quiet)) == events(*quiet)


class TestHead:
    def test_a_first_chunk_without_id_and_choices_is_no_start(self) -> None:
        filters = [{"prompt_index": 0, "content_filter_results": {"hate": {"filtered": False}}}]
        azure = bare(
            id="", model="", object="", created=0, choices=[], prompt_filter_results=filters
        )
        first = events(azure, ROLE)[0]
        assert isinstance(first, Start) and (first.id, first.model) == ("c1", "m")
        assert own(first.extra) == {"prompt_filter_results": filters}

    def test_empty_members_of_the_head_count_as_missing(self) -> None:
        (start,) = events(bare(id="", created=0, choices=[{"index": 0, "delta": {}}]))
        assert start == Start(None, "m", None)

    def test_unnamed_members_are_told_once(self) -> None:
        pieces = [chunk({"content": t}, provider="p", trace={"n": 1}) for t in "ab"]
        found = events(*pieces, chunk({}, "stop", provider="p", trace={"n": 2}), DONE)
        assert own(found[0].extra) == {"provider": "p", "trace": {"n": 1}}  # type: ignore[union-attr]
        assert own(found[-1].extra) == {"trace": {"n": 2}}  # type: ignore[union-attr]

    def test_padding_is_no_member(self) -> None:
        assert events(chunk({"content": "a"}, obfuscation="xyz"))[0] == Start("c1", "m", 5)


class TestExtras:
    def test_log_probabilities_add_up(self) -> None:
        pieces = [
            bare(
                choices=[{"index": 0, "delta": {"content": t}, "logprobs": {"content": [{"t": t}]}}]
            )
            for t in "ab"
        ]
        answer = reply(*pieces, STOP, DONE)
        assert own(answer.choice.extra)["choice"] == {
            "logprobs": {"content": [{"t": "a"}, {"t": "b"}]}
        }

    def test_the_same_verdict_is_told_once(self) -> None:
        verdict = {"hate": {"filtered": False}}
        piece = bare(
            choices=[{"index": 0, "delta": {"content": "a"}, "content_filter_results": verdict}]
        )
        assert sum(isinstance(e, Extra) for e in events(piece, piece, piece)) == 1

    def test_empty_members_say_nothing(self) -> None:
        choice = {"index": 0, "delta": {"x": None, "y": ""}, "logprobs": {"content": None}, "z": []}
        assert not any(isinstance(e, Extra) for e in events(bare(choices=[choice])))


class TestThinking:
    @pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
    def test_plain(self, name: str) -> None:
        parts = reply(
            chunk({name: "h"}), chunk({name: "m"}), chunk({"content": "a"}), DONE
        ).choice.parts
        assert [(type(p), p.text) for p in parts] == [(Thinking, "hm"), (Text, "a")]  # type: ignore[union-attr]

    def test_under_two_names(self) -> None:
        pieces = [chunk({"reasoning": t, "reasoning_content": t}) for t in ("h", "m")]
        assert [t.text for t in thoughts(*pieces)] == ["hm"]

    def test_as_details_too(self) -> None:
        def both(text: str) -> bytes:
            entry = {"type": "reasoning.text", "text": text, "index": 0, "format": None}
            return chunk({"reasoning": text, "reasoning_details": [entry]})

        assert [t.text for t in thoughts(both("no"), both("no"))] == ["nono"]

    def test_as_details_alone(self) -> None:
        pieces = [
            chunk({"reasoning_details": [{"type": "reasoning.text", "text": t, "index": 0}]})
            for t in ("no", "no", "!")
        ]
        assert [t.text for t in thoughts(*pieces)] == ["nono!"]

    def test_summed_up_at_the_end(self) -> None:
        entry = {
            "type": "reasoning.text",
            "text": "hm",
            "signature": "sig",
            "format": "anthropic-claude-v1",
            "index": 0,
        }
        (thought,) = thoughts(
            chunk({"reasoning_content": "h"}),
            chunk({"reasoning_content": "m"}),
            chunk({"reasoning_details": [entry]}),
            chunk({"content": "a"}),
        )
        assert (thought.text, thought.signature, thought.signer) == ("hm", "sig", "anthropic")

    def test_an_encrypted_item_takes_in_its_summary(self) -> None:
        kind = {"format": "openai-responses-v1", "index": 0}
        (thought,) = thoughts(
            chunk(
                {
                    "reasoning": "short",
                    "reasoning_details": [
                        {"type": "reasoning.summary", "summary": "short", **kind}
                    ],
                }
            ),
            chunk(
                {
                    "reasoning_details": [
                        {"type": "reasoning.encrypted", "data": "blob", "id": "rs_1", **kind}
                    ]
                }
            ),
            chunk({"content": "a"}),
        )
        assert (thought.text, thought.redacted, thought.id) == ("short", "blob", "rs_1")
        assert thought.summary and thought.signer == "openai-responses"

    def test_an_encrypted_item_alone(self) -> None:
        entry = {"type": "reasoning.encrypted", "data": "blob", "format": "anthropic-claude-v1"}
        (thought,) = thoughts(chunk({"reasoning": None, "reasoning_details": [entry]}))
        assert (thought.text, thought.redacted, thought.signer) == ("", "blob", "anthropic")

    def test_in_a_list_of_parts(self) -> None:
        def thinking(text: str) -> dict[str, Any]:
            return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}

        parts = reply(
            chunk({"content": [thinking("h")]}),
            chunk({"content": [thinking("m"), {"type": "text", "text": "a"}]}),
            chunk({"content": "b"}),
            DONE,
        ).choice.parts
        assert [(type(p), p.text) for p in parts] == [(Thinking, "hm"), (Text, "ab")]  # type: ignore[union-attr]

    def test_between_words(self) -> None:
        parts = reply(
            chunk({"content": "a"}), chunk({"reasoning": "hm"}), chunk({"content": "b"}), DONE
        ).choice.parts
        assert [type(p) for p in parts] == [Text, Thinking, Text]


class TestCalls:
    def test_ordinary(self) -> None:
        assert events(
            calls(call(0, "a", name="look", arguments="")),
            calls(call(0, arguments='{"at"')),
            calls(call(0, arguments=": 1}")),
            chunk({}, "tool_calls"),
            DONE,
        )[1:] == [
            PartStart(0, ToolCall(id="a", name="look")),
            ArgumentsDelta(0, '{"at"'),
            ArgumentsDelta(0, ": 1}"),
            PartEnd(0),
            Finish(Stop(reason="tool_calls", raw="tool_calls")),
            End(),
        ]

    def test_interleaved(self) -> None:
        assert said(
            calls(call(0, "a", name="look", arguments='{"x":')),
            calls(call(1, "b", name="look", arguments='{"y":')),
            calls(call(0, arguments="1}"), call(1, arguments="2}")),
        ) == [("a", '{"x":1}'), ("b", '{"y":2}')]

    def test_a_complete_call_is_ended_when_the_next_begins(self) -> None:
        found = events(
            calls(call(0, "a", name="look", arguments="{}")),
            calls(call(1, "b", name="look", arguments="")),
        )
        assert found.index(PartEnd(0)) < found.index(PartStart(1, ToolCall(id="b", name="look")))

    def test_an_incomplete_call_stays_open(self) -> None:
        found = events(
            calls(call(0, "a", name="look", arguments="{")),
            calls(call(1, "b", name="look", arguments="{}")),
        )
        assert PartEnd(0) not in found[: found.index(PartStart(1, ToolCall(id="b", name="look")))]

    def test_without_indexes(self) -> None:
        assert said(
            calls(call(None, "a", name="look", arguments="{")),
            calls(call(None, arguments="}")),
            calls(call(None, "b", name="look", arguments="{}")),
        ) == [("a", "{}"), ("b", "{}")]

    def test_without_indexes_and_ids(self) -> None:
        assert said(
            calls(call(None, name="look", arguments="{}")),
            calls(call(None, name="look", arguments='{"x"')),
            calls(call(None, arguments=":1}")),
            calls(call(None, name="find", arguments="{}")),
        ) == [("", "{}"), ("", '{"x":1}'), ("", "{}")]

    def test_made_up_ids_differ(self) -> None:
        one, two = made(calls(call(0, name="look")), calls(call(1, name="look")))
        assert one.id != two.id
        assert made(calls(call(0, name="look"))) == made(calls(call(0, name="look")))

    def test_an_id_in_every_fragment(self) -> None:
        assert said(
            calls(call(0, "a", name="look", arguments="{")), calls(call(0, "a", arguments="}"))
        ) == [("a", "{}")]

    def test_a_new_id_in_every_fragment_of_the_same_call(self) -> None:
        assert said(
            calls(call(0, "a", name="look", arguments="{")),
            calls(call(0, "b", name="look", arguments='"x":')),
            calls(call(0, "c", name="look", arguments="1}")),
        ) == [("a", '{"x":1}')]

    def test_parallel_calls_that_all_have_the_index_zero(self) -> None:
        assert said(
            calls(call(0, "a", name="look", arguments="{}")),
            calls(call(0, "b", name="look", arguments="{}")),
            calls(call(0, "c", name="find", arguments="{}")),
        ) == [("a", "{}"), ("b", "{}"), ("c", "{}")]

    def test_a_name_in_every_fragment(self) -> None:
        (one,) = made(
            calls(call(0, "a", name="look", arguments="{")),
            calls(call(0, name="look", arguments="}")),
        )
        assert (one.name, one.arguments) == ("look", "{}")

    def test_a_name_that_comes_late(self) -> None:
        found = events(
            calls(call(0, "a", arguments="")),
            calls(call(0, arguments="{")),
            calls(call(0, name="look", arguments="}")),
        )
        assert found[1:3] == [PartStart(0, ToolCall(id="a", name="look")), ArgumentsDelta(0, "{}")]

    def test_a_name_that_never_comes(self) -> None:
        (one,) = made(calls(call(0, "a", arguments="{}")))
        assert (one.id, one.name, one.arguments) == ("a", "", "{}")

    @pytest.mark.parametrize(("arguments", "text"), [(None, ""), ({"x": 1}, '{"x":1}'), ("", "")])
    def test_arguments_of_any_type(self, arguments: Any, text: str) -> None:
        assert said(calls(call(0, "a", name="look", arguments=arguments))) == [("a", text)]

    def test_arguments_said_again_as_a_whole(self) -> None:
        assert said(
            calls(call(0, "a", name="look", arguments='{"x":')),
            calls(call(0, arguments="1}")),
            calls(call(0, arguments='{"x":1}')),
        ) == [("a", '{"x":1}')]

    def test_all_in_one_chunk(self) -> None:
        both = calls(
            call(0, "a", name="look", arguments="{}"), call(1, "b", name="look", arguments="{}")
        )
        assert said(both) == [("a", "{}"), ("b", "{}")]

    def test_words_after_a_call(self) -> None:
        parts = reply(
            chunk({"content": "a"}),
            calls(call(0, "a", name="look", arguments="{}")),
            chunk({"content": "b"}),
            DONE,
        ).choice.parts
        assert [type(p) for p in parts] == [Text, ToolCall, Text]

    def test_custom_tools(self) -> None:
        def custom(**inner: Any) -> dict[str, Any]:
            return {"index": 0, "custom": inner}

        first = {**custom(name="run", input=""), "id": "a", "type": "custom"}
        (one,) = made(calls(first), calls(custom(input="l")), calls(custom(input="s")))
        assert (one.kind, one.name, one.arguments) == ("custom", "run", "ls")

    def test_both_kinds_in_one_entry(self) -> None:
        entry = {**call(0, "a", name="look", arguments="{}"), "custom": {"name": "", "input": ""}}
        (one,) = made(calls(entry))
        assert (one.kind, one.name, one.arguments) == ("function", "look", "{}")

    def test_the_deprecated_function_call(self) -> None:
        answer = reply(
            chunk({"function_call": {"name": "look", "arguments": ""}}),
            chunk({"function_call": {"arguments": "{"}}),
            chunk({"function_call": {"arguments": "}"}}),
            chunk({}, "function_call"),
            DONE,
        )
        (one,) = (part for part in answer.choice.parts if isinstance(part, ToolCall))
        assert (one.name, one.arguments) == ("look", "{}") and one.id
        assert answer.choice.stop == Stop(reason="tool_calls", raw="function_call")

    def test_the_same_call_said_the_old_and_the_new_way(self) -> None:
        both = {
            "tool_calls": [call(0, "a", name="look", arguments="{}")],
            "function_call": {"name": "look", "arguments": "{}"},
        }
        assert said(chunk(both)) == [("a", "{}")]

    def test_an_empty_function_call_is_none(self) -> None:
        assert said(chunk({"content": "a", "function_call": {"name": "", "arguments": ""}})) == []

    def test_googles_proof(self) -> None:
        entry = call(0, "a", name="look", arguments="{}")
        (one,) = made(calls({**entry, "extra_content": {"google": {"thought_signature": "sig"}}}))
        assert (one.signature, one.signer) == ("sig", "gemini")


class TestOtherParts:
    def test_audio(self) -> None:
        (part,) = reply(
            chunk({"audio": {"id": "audio-1", "transcript": "hel"}}),
            chunk({"audio": {"data": "AA", "transcript": "lo"}}),
            chunk({"audio": {"data": "BB"}}),
            chunk({"audio": {"expires_at": 9}}),
            STOP,
            DONE,
        ).choice.parts
        assert part == Media(kind="audio", data="AABB", transcript="hello", extra={"id": "audio-1"})

    def test_images(self) -> None:
        image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
        parts = reply(chunk({"content": "a", "images": [image]}), DONE).choice.parts
        (media,) = (part for part in parts if isinstance(part, Media))
        assert (media.kind, media.media_type, media.data) == ("image", "image/png", "AA")

    def test_blocks_of_the_provider(self) -> None:
        block = {"type": "reference", "reference_ids": [1]}
        parts = reply(chunk({"content": [block]}), chunk({"content": "a"}), DONE).choice.parts
        assert parts[0] == Opaque(format="openai-chat", kind="reference", raw=block)

    def test_citations(self) -> None:
        inner = {"url": "https://a.test", "title": "A", "start_index": 0, "end_index": 1}
        entry = {"type": "url_citation", "url_citation": inner}
        (text,) = reply(
            chunk({"content": "a"}), chunk({"annotations": [entry]}), STOP, DONE
        ).choice.parts
        assert isinstance(text, Text) and text.citations == (
            Citation(
                url="https://a.test", title="A", start=0, end=1, format="openai-chat", raw=entry
            ),
        )

    def test_citations_without_words(self) -> None:
        entry = {"type": "url_citation", "url_citation": {"url": "https://a.test"}}
        (text,) = reply(chunk({"annotations": [entry]}), DONE).choice.parts
        assert isinstance(text, Text) and text.citations[0].url == "https://a.test"

    def test_sources_listed_beside_the_choices(self) -> None:
        listed = {
            "citations": ["https://a.test", "https://b.test"],
            "search_results": [{"url": "https://b.test", "title": "B"}],
        }
        pieces = [chunk({"content": t}, **listed) for t in "ab"]
        answer = reply(*pieces, chunk({}, "stop", **listed), DONE)
        (text,) = answer.choice.parts
        assert isinstance(text, Text)
        assert [(c.url, c.title) for c in text.citations] == [
            ("https://a.test", None),
            ("https://b.test", "B"),
        ]
        assert own(answer.extra) == listed


USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


class TestUsage:
    @pytest.mark.parametrize(
        "last",
        [
            chunk({}, "stop", usage=USAGE),
            chunk({}, "stop") + bare(choices=[], usage=USAGE),
            chunk({}, "stop") + bare(usage=USAGE),
            chunk({}, "stop", x_groq={"id": "r", "usage": USAGE}),
            bare(choices=[{"index": 0, "delta": {}, "finish_reason": "stop", "usage": USAGE}]),
            chunk({}, "stop") + chunk({}, usage=USAGE),
        ],
    )
    def test_wherever_it_stands(self, last: bytes) -> None:
        usage = reply(chunk({"content": "a"}), last, DONE).usage
        assert usage is not None and (usage.input, usage.output, usage.total) == (3, 2, 5)

    def test_repeated_in_every_chunk(self) -> None:
        pieces = [
            chunk({"content": "a"}, usage={"prompt_tokens": 3, "completion_tokens": n})
            for n in (1, 2, 3)
        ]
        usage = reply(*pieces, STOP, DONE).usage
        assert usage is not None and (usage.input, usage.output) == (3, 3)

    @pytest.mark.parametrize("usage", [None, {}, "none"])
    def test_none(self, usage: Any) -> None:
        assert reply(chunk({"content": "a"}, usage=usage), STOP, DONE).usage is None

    @pytest.mark.parametrize(
        ("body", "field", "count"),
        [
            ({"prompt_tokens_details": {"cached_tokens": 4}}, "cache_read", 4),
            ({"prompt_cache_hit_tokens": 4}, "cache_read", 4),
            ({"prompt_tokens_details": {"cached_tokens": 0}, "cached_tokens": 4}, "cache_read", 4),
            ({"num_cached_tokens": 4, "prompt_tokens_details": None}, "cache_read", 4),
            ({"prompt_tokens_details": {"cache_write_tokens": 4}}, "cache_write", 4),
            ({"completion_tokens_details": {"reasoning_tokens": 2}}, "reasoning", 2),
            ({"prompt_tokens_details": {"audio_tokens": 2}}, "input_audio", 2),
            ({"completion_tokens_details": {"audio_tokens": 2}}, "output_audio", 2),
        ],
    )
    def test_details(self, body: dict[str, Any], field: str, count: int) -> None:
        usage = reply(bare(choices=[], usage={**USAGE, **body}), DONE).usage
        assert getattr(usage, field) == count

    def test_reasoning_left_out_of_the_output_is_added(self) -> None:
        body = {
            "prompt_tokens": 10,
            "completion_tokens": 2,
            "total_tokens": 42,
            "completion_tokens_details": {"reasoning_tokens": 30},
        }
        usage = reply(bare(choices=[], usage=body), DONE).usage
        assert usage is not None and usage.output == 32
        usage = reply(bare(choices=[], usage={**body, "total_tokens": 12}), DONE).usage
        assert usage is not None and usage.output == 2


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

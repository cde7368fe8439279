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
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.events import End
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
from tests.unit.wire.chat_chunks import ROLE
from tests.unit.wire.chat_chunks import STOP
from tests.unit.wire.chat_chunks import bare
from tests.unit.wire.chat_chunks import chunk
from tests.unit.wire.chat_chunks import events
from tests.unit.wire.chat_chunks import reply


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
    @pytest.mark.parametrize(
        "error",
        [b"data: [ERROR] timed out\n\n", b'{"error": {"message": "[ERROR] timed out"}}\n\n'],
    )
    def test_an_error_in_words_is_no_end(self, error: bytes) -> None:
        said = events(ROLE, chunk({"content": "a"}), error, DONE)
        assert [e.error.message for e in said if isinstance(e, Failure)] == ["[ERROR] timed out"]
        assert not any(isinstance(event, End) for event in said)
        # An answer that has its finish reason is complete.
        said = events(ROLE, chunk({"content": "a"}), STOP, b"data: [ERROR] timed out\n\n", DONE)
        assert isinstance(said[-1], End)

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

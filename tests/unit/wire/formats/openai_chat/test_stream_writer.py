"""Streams written for clients of Chat Completions: what their SDKs and tools rely on."""

import json
from dataclasses import replace
from typing import Any

import openai
import pytest

from switchyard.wire.format import Asked
from switchyard.wire.model.conversation import Citation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import ArgumentsDelta
from switchyard.wire.model.events import CitationDelta
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Extra
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import MediaDelta
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import SignatureDelta
from switchyard.wire.model.events import Start
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.events import UsageUpdate
from tests.unit.wire import openai_sdk
from tests.unit.wire.chat_chunks import CHAT
from tests.unit.wire.chat_chunks import DONE
from tests.unit.wire.laws import ASKED

STOP = Finish(Stop(reason="end"))


def write(*events: Event, asked: Asked = ASKED) -> bytes:
    writer = CHAT.stream_writer(asked)
    return b"".join([*map(writer.feed, events), writer.close()])


def chunks(data: bytes) -> list[dict[str, Any]]:
    """The chunks of a stream, which is shown to be strict and to end once."""
    assert data.count(b"[DONE]") == 1 and data.endswith(DONE)
    lines = data.split(b"\n\n")
    assert lines.pop() == b""
    assert all(line.startswith(b"data: ") and b"\n" not in line for line in lines)
    return [json.loads(line[6:]) for line in lines[:-1]]


def deltas(*events: Event, asked: Asked = ASKED) -> list[dict[str, Any]]:
    """The deltas between the first chunk and the one that says why the answer ended."""
    found = chunks(write(Start(), *events, STOP, End(), asked=asked))
    said = [chunk["choices"][0] for chunk in found if chunk["choices"]]
    assert said[0]["delta"] == {"role": "assistant", "content": ""}
    assert said[-1]["delta"] == {} and said[-1]["finish_reason"]
    assert all(choice["finish_reason"] is None for choice in said[:-1])
    return [choice["delta"] for choice in said[1:-1]]


def part(first: Part, *more: Event, index: int = 0) -> list[Event]:
    return [PartStart(index, first), *more, PartEnd(index)]


def asking(**body: Any) -> Asked:
    request = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **body}
    return replace(ASKED, conversation=CHAT.read_request(request))


class TestShape:
    def test_every_chunk_has_the_same_head(self) -> None:
        found = chunks(
            write(
                Start("x1", "model-1", 7, {"openai-chat": {"system_fingerprint": "f", "other": 1}}),
                *part(Text(text=""), TextDelta(0, "a"), TextDelta(0, "b")),
                UsageUpdate(Usage(input=1, output=2)),
                STOP,
                End(),
            )
        )
        assert len(found) == 5
        for chunk in found:
            assert (chunk["id"], chunk["created"], chunk["model"]) == (
                f"chatcmpl-x1_{ASKED.id}",
                7,
                "model-1",
            )
            assert chunk["object"] == "chat.completion.chunk"
            assert chunk["system_fingerprint"] == "f"
        assert [chunk.get("other") for chunk in found] == [1, None, None, None, None]

    def test_what_the_upstream_does_not_say_is_made_up(self) -> None:
        (first, _) = chunks(write(Start(), STOP, End()))
        assert first["id"] == f"chatcmpl-{ASKED.id}"
        assert (first["created"], first["model"]) == (ASKED.created, ASKED.model)

    def test_foreign_members_are_not_told(self) -> None:
        found = chunks(write(Start(extra={"x": 1}), Extra({"y": 2}), STOP, End({"z": 3})))
        assert [c["choices"][0]["delta"] for c in found] == [
            {"role": "assistant", "content": ""},
            {},
        ]
        assert not {"x", "y", "z"} & found[0].keys()

    def test_usage_is_told_last_and_only_if_asked_for(self) -> None:
        said = [UsageUpdate(Usage(input=3)), UsageUpdate(Usage(output=2)), STOP, End()]
        last = chunks(write(Start(), *said))[-1]
        assert last["choices"] == []
        assert last["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        silent = replace(ASKED, include_usage=False)
        assert all("usage" not in chunk for chunk in chunks(write(Start(), *said, asked=silent)))

    def test_usage_that_comes_after_the_finish_is_told(self) -> None:
        found = chunks(write(Start(), STOP, UsageUpdate(Usage(input=3, output=2)), End()))
        assert found[-1]["usage"]["total_tokens"] == 5

    def test_nothing_after_the_end(self) -> None:
        writer = CHAT.stream_writer(ASKED)
        assert writer.feed(End()).endswith(DONE)
        assert writer.feed(TextDelta(0, "late")) == b"" and writer.close() == b""

    def test_an_error_ends_the_stream(self) -> None:
        writer = CHAT.stream_writer(ASKED)
        writer.feed(Start())
        out = writer.feed(Failure(ApiError(message="gone", kind="overloaded")))
        assert out.endswith(DONE) and out.count(b"data:") == 2
        assert json.loads(out.split(b"\n")[0][6:])["error"]["message"] == "gone"
        assert writer.feed(STOP) == b"" and writer.close() == b""

    def test_the_sdk_raises_on_an_error(self) -> None:
        data = write(Start(), *part(Text(text="a")), Failure(ApiError(message="gone")))
        with pytest.raises(openai.APIError, match="gone"):
            openai_sdk.chunks(data)

    @pytest.mark.parametrize(
        ("events", "word"),
        [
            ([], "stop"),
            ([Start()], "stop"),
            ([Start(), PartStart(0, Text(text="")), TextDelta(0, "a")], "stop"),
            ([PartStart(0, ToolCall(id="a", name="look"))], "tool_calls"),
        ],
    )
    def test_close_completes_the_stream(self, events: list[Event], word: str) -> None:
        found = chunks(write(*events))
        assert found[0]["choices"][0]["delta"]["role"] == "assistant"
        assert found[-1]["choices"][0]["finish_reason"] == word

    def test_a_finish_is_told_once(self) -> None:
        found = chunks(write(Start(), STOP, Finish(Stop(reason="length")), End()))
        assert [c["choices"][0]["finish_reason"] for c in found] == [None, "stop"]

    def test_several_choices(self) -> None:
        found = chunks(
            write(
                Start(),
                PartStart(0, Text(text=""), choice=1),
                TextDelta(0, "b", choice=1),
                *part(Text(text="a")),
                STOP,
                Finish(Stop(reason="length"), choice=1),
                End(),
            )
        )
        said = [(c["choices"][0]["index"], c["choices"][0]["finish_reason"]) for c in found]
        assert said == [(1, None), (1, None), (0, None), (0, None), (0, "stop"), (1, "length")]


class TestParts:
    def test_words(self) -> None:
        assert deltas(*part(Text(text="a"), TextDelta(0, "b"), TextDelta(0, ""))) == [
            {"content": "a"},
            {"content": "b"},
        ]

    def test_half_a_surrogate_pair(self) -> None:
        data = write(Start(), *part(Text(text=""), TextDelta(0, "\ud83d")), STOP, End())
        assert b"\\ud83d" in data

    def test_refusals(self) -> None:
        assert deltas(*part(Refusal(text="n"), TextDelta(0, "o"))) == [
            {"refusal": "n"},
            {"refusal": "o"},
        ]

    def test_thinking(self) -> None:
        assert deltas(*part(Thinking(), TextDelta(0, "h"), TextDelta(0, "m"))) == [
            {"reasoning_content": "h"},
            {"reasoning_content": "m"},
        ]

    def test_a_signature(self) -> None:
        said = deltas(
            *part(Thinking(), TextDelta(0, "hm"), SignatureDelta(0, "s", "anthropic")),
            *part(Thinking(redacted="blob", signer="anthropic"), index=1),
        )
        signed = {"text": "hm", "signature": "s", "format": "anthropic-claude-v1", "index": 0}
        hidden = {"data": "blob", "format": "anthropic-claude-v1", "index": 1}
        assert said == [
            {"reasoning_content": "hm"},
            {"reasoning_details": [{"type": "reasoning.text", **signed}]},
            {"reasoning_details": [{"type": "reasoning.encrypted", **hidden}]},
        ]

    def test_a_blob_that_only_the_end_tells(self) -> None:
        whole = Thinking(text="hm!", summary=True, redacted="b", signer="openai-responses", id="rs")
        said = deltas(PartStart(0, Thinking()), TextDelta(0, "hm"), PartEnd(0, whole))
        assert said[:2] == [{"reasoning_content": "hm"}, {"reasoning_content": "!"}]
        assert [d["reasoning_details"][0]["type"] for d in said[2:]] == [
            "reasoning.summary",
            "reasoning.encrypted",
        ]

    def test_proofs_of_a_part_that_was_never_ended(self) -> None:
        begun = [PartStart(0, Thinking()), SignatureDelta(0, "s", "gemini")]
        (delta,) = deltas(*begun)
        assert delta["reasoning_details"][0]["signature"] == "s"

    def test_calls(self) -> None:
        assert deltas(
            PartStart(3, ToolCall(id="a", name="look")),
            PartStart(5, ToolCall(id="b", name="find", arguments="{")),
            ArgumentsDelta(3, "{}"),
            ArgumentsDelta(5, "}"),
            ArgumentsDelta(5, ""),
            PartEnd(3),
            PartEnd(5),
        ) == [
            {"tool_calls": [_first(0, "a", "look", "")]},
            {"tool_calls": [_first(1, "b", "find", "{")]},
            {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]},
            {"tool_calls": [{"index": 1, "function": {"arguments": "}"}}]},
        ]

    def test_custom_tools(self) -> None:
        call = ToolCall(id="a", name="run", kind="custom")
        custom = {"id": "a", "type": "custom", "custom": {"name": "run", "input": ""}}
        assert deltas(*part(call, ArgumentsDelta(0, "ls"))) == [
            {"tool_calls": [{"index": 0, **custom}]},
            {"tool_calls": [{"index": 0, "custom": {"input": "ls"}}]},
        ]

    def test_a_function_that_stands_for_a_custom_tool(self) -> None:
        asked = asking(tools=[{"type": "custom", "custom": {"name": "run"}}])
        pieces = [ArgumentsDelta(0, p) for p in ('{"in', 'put":"l', 's \\"', 'x\\""}')]
        said = deltas(*part(ToolCall(id="a", name="run"), *pieces), asked=asked)
        assert said[0]["tool_calls"][0]["type"] == "custom"
        assert "".join(d["tool_calls"][0]["custom"]["input"] for d in said) == 'ls "x"'

    def test_a_client_of_functions(self) -> None:
        asked = asking(functions=[{"name": "look"}])
        events = part(ToolCall(id="a", name="look"), ArgumentsDelta(0, "{}"))
        stop = Finish(Stop(reason="tool_calls"))
        found = chunks(write(Start(), *events, stop, End(), asked=asked))
        said = [chunk["choices"][0] for chunk in found][1:]
        assert [choice["delta"] for choice in said] == [
            {"function_call": {"name": "look", "arguments": ""}},
            {"function_call": {"arguments": "{}"}},
            {},
        ]
        assert said[-1]["finish_reason"] == "function_call"

    def test_googles_proof(self) -> None:
        proof = {"google": {"thought_signature": "s"}}
        early = ToolCall(id="a", name="look", arguments="{}", signature="s", signer="gemini")
        (first,) = deltas(*part(early))
        assert first["tool_calls"][0]["extra_content"] == proof
        late = part(ToolCall(id="a", name="look"), SignatureDelta(0, "s", "gemini"))
        assert deltas(*late)[-1] == {"tool_calls": [{"index": 0, "extra_content": proof}]}

    def test_citations(self) -> None:
        cited = Citation(url="https://a.test", title="A", format="anthropic", raw={})
        hidden = Citation(title="a.pdf", format="anthropic", raw={})
        said = deltas(
            *part(Text(text="abc")),
            *part(
                Text(text=""),
                TextDelta(1, "de"),
                CitationDelta(1, cited),
                CitationDelta(1, hidden),
                CitationDelta(1, cited),
                index=1,
            ),
        )
        found = [d["annotations"][0] for d in said if "annotations" in d]
        assert [entry["index"] for entry in found] == [0, 1]
        assert found[0]["url_citation"] == {
            "start_index": 3,
            "end_index": 5,
            "title": "A",
            "url": "https://a.test",
        }

    def test_media(self) -> None:
        image = Media(kind="image", media_type="image/png", data="AA")
        entry = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
        assert deltas(*part(image), *part(image, index=1)) == [
            {"images": [{**entry, "index": 0}]},
            {"images": [{**entry, "index": 1}]},
        ]
        assert deltas(*part(Media(kind="audio", extra={"id": "x"}), MediaDelta(0, "BB", "hi"))) == [
            {"audio": {"id": "x"}},
            {"audio": {"data": "BB", "transcript": "hi"}},
        ]

    def test_what_only_others_know(self) -> None:
        assert deltas(*part(Opaque(format="anthropic", kind="x", raw={"type": "x"}))) == []

    def test_events_of_a_part_that_never_began(self) -> None:
        assert deltas(TextDelta(9, "x"), SignatureDelta(9, "s", "gemini"), PartEnd(9)) == []

    def test_extras_of_this_format(self) -> None:
        extra = {"choice": {"logprobs": {"content": []}}, "message": {"refusal": None, "x": [1]}}
        found = chunks(write(Start(), Extra({"openai-chat": extra}), STOP, End()))
        assert found[1]["choices"][0]["delta"] == {"x": [1]}
        assert found[1]["choices"][0]["logprobs"] == {"content": []}


def _first(index: int, id: str, name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"index": index, "id": id, "type": "function", "function": function}


def test_the_sdk_adds_up_what_is_written() -> None:
    cited = Citation(url="https://a.test", title="A", format="anthropic", raw={})
    message = openai_sdk.streamed(
        write(
            Start("x1", "m", 5),
            *part(
                Thinking(), TextDelta(0, "h"), TextDelta(0, "m"), SignatureDelta(0, "s", "gemini")
            ),
            *part(Thinking(redacted="blob", signer="anthropic"), index=1),
            *part(Text(text=""), TextDelta(2, "a"), CitationDelta(2, cited), index=2),
            *part(Text(text="b"), CitationDelta(3, cited), index=3),
            PartStart(4, ToolCall(id="a", name="look")),
            PartStart(5, ToolCall(id="b", name="find")),
            ArgumentsDelta(5, '{"y":2}'),
            ArgumentsDelta(4, '{"x":'),
            ArgumentsDelta(4, "1}"),
            UsageUpdate(Usage(input=3, output=2, cache_read=1, reasoning=1)),
            Finish(Stop(reason="tool_calls")),
            End(),
        )
    )
    said = message.choices[0].message.to_dict()
    assert said["role"] == "assistant" and said["content"] == "ab"
    assert said["reasoning_content"] == "hm"
    assert [d["index"] for d in said["reasoning_details"]] == [0, 1]  # type: ignore[attr-defined]
    assert len(said["annotations"]) == 2  # type: ignore[arg-type]
    assert openai_sdk.functions(message) == [
        ("a", "look", '{"x":1}'),
        ("b", "find", '{"y":2}'),
    ]
    assert message.choices[0].finish_reason == "tool_calls"
    assert message.usage is not None and message.usage.total_tokens == 5


def test_thinking_with_proof_is_told_once_however_it_is_read() -> None:
    """A client may add up the plain words, or the entries the proof belongs to, or take the
    entries where a chunk has no plain words."""
    found = chunks(
        write(
            Start(format="anthropic"),
            *part(
                Thinking(text=""),
                TextDelta(0, "Hm, "),
                TextDelta(0, "well."),
                SignatureDelta(0, "sig", "anthropic"),
            ),
            *part(Thinking(redacted="blob", signer="anthropic"), index=1),
            *part(Text(text="So."), index=2),
            STOP,
            End(),
        )
    )
    deltas = [choice["delta"] for chunk in found for choice in chunk["choices"]]
    entries = [entry for delta in deltas for entry in delta.get("reasoning_details", ())]
    plain = "".join(delta.get("reasoning_content", "") for delta in deltas)
    listed = "".join(entry.get("text", "") for entry in entries)
    either = "".join(
        delta.get("reasoning_content")
        or "".join(entry.get("text", "") for entry in delta.get("reasoning_details", ()))
        for delta in deltas
    )
    assert plain == listed == either == "Hm, well."
    assert [entry["index"] for entry in entries] == [0, 0, 0, 1]
    assert entries[2]["signature"] == "sig" and entries[3]["data"] == "blob"
    message = sdk_message(found)
    back = CHAT.read_reply({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    first, second, _ = back.choice.parts
    assert isinstance(first, Thinking) and isinstance(second, Thinking)
    assert (first.text, first.signature, first.signer) == ("Hm, well.", "sig", "anthropic")
    assert (second.redacted, second.signer) == ("blob", "anthropic")


def sdk_message(found: list[dict[str, Any]]) -> dict[str, Any]:
    """The message as a client that adds chunks up by index would send it back."""
    message: dict[str, Any] = {"role": "assistant", "content": "", "reasoning_content": ""}
    details: dict[int, dict[str, Any]] = {}
    for delta in (choice["delta"] for chunk in found for choice in chunk["choices"]):
        for name in ("content", "reasoning_content"):
            message[name] += delta.get(name) or ""
        for entry in delta.get("reasoning_details", ()):
            held = details.setdefault(entry["index"], {})
            text = held.get("text", "") + entry.get("text", "")
            held.update(entry, **({"text": text} if text else {}))
    return {**message, "reasoning_details": list(details.values())}

"""Whatever comes is read without raising, and what is written is well-formed and means the same."""

import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Citation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import StopReason
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.counts import counted
from switchyard.wire.model.events import ArgumentsDelta
from switchyard.wire.model.events import CitationDelta
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import MediaDelta
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import SignatureDelta
from switchyard.wire.model.events import Start
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.fold import fold
from switchyard.wire.model.fold import unfold
from tests.unit.wire import laws
from tests.unit.wire import openai_sdk
from tests.unit.wire.chat_chunks import CHAT
from tests.unit.wire.chat_chunks import DONE
from tests.unit.wire.laws import ASKED
from tests.unit.wire.meaning import reply_meaning

_TEXT = st.text(st.characters(codec="utf-8"), max_size=6)
_WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)
_WEB = Citation(url="https://a.test", title="A", start=0, end=1, format="x", raw={})
_JSON = st.dictionaries(_WORDS, st.one_of(st.integers(), _TEXT, st.none()), max_size=2)

_PARTS: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, text=_WORDS, citations=st.sampled_from([(), (_WEB,)])),
    st.builds(Refusal, text=_WORDS),
    st.builds(
        Thinking,
        text=_WORDS,
        signature=st.sampled_from([None, "sig"]),
        signer=st.sampled_from(["anthropic", "gemini"]),
    ),
    st.builds(Thinking, redacted=_WORDS, signer=st.just("anthropic")),
    st.builds(
        ToolCall,
        id=st.uuids().map(str),
        name=st.from_regex(r"[a-z]{1,8}", fullmatch=True),
        arguments=_JSON.map(json.dumps),
    ),
    st.builds(Media, kind=st.just("image"), media_type=st.just("image/png"), data=st.just("AA==")),
)


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    """Answers of a format that can say all that this one can."""
    parts = tuple(draw(st.lists(_PARTS, max_size=5)))
    calls = any(isinstance(part, ToolCall) for part in parts)
    said: list[StopReason] = ["end", "length", "content_filter", "pause"]
    reasons: list[StopReason] = ["tool_calls", "length"] if calls else said
    count = st.one_of(st.none(), st.integers(0, 9))
    return Reply(
        format="anthropic",
        id=draw(st.sampled_from([None, "x1"])),
        choices=(Choice(parts=parts, stop=Stop(reason=draw(st.sampled_from(reasons)))),),
        usage=draw(
            st.builds(
                Usage, input=st.integers(0, 9), output=st.integers(0, 9), cache_read=count
            ).map(counted)
        ),
    )


@given(replies())
def test_an_answer_survives_whole_and_streamed(reply: Reply) -> None:
    meant = reply_meaning(reply)
    body = CHAT.write_reply(reply, ASKED)
    laws.assert_same(meant, reply_meaning(CHAT.read_reply(body)))
    data = laws.write_stream(CHAT, unfold(reply))
    laws.assert_same(meant, reply_meaning(fold("openai-chat", laws.read_stream(CHAT, data))))
    openai_sdk.whole(body)


@given(replies())
def test_what_is_written_needs_no_mending(reply: Reply) -> None:
    data = laws.write_stream(CHAT, unfold(reply))
    assert laws.mend_stream(CHAT, data) == data


@settings(max_examples=30)
@given(replies())
def test_the_sdk_adds_up_what_is_written(reply: Reply) -> None:
    stop = Stop(reason="tool_calls" if _calls(reply) else "end")
    reply = replace(reply, choices=(replace(reply.choice, stop=stop),))
    completion = openai_sdk.streamed(laws.write_stream(CHAT, unfold(reply)))
    message = completion.choices[0].message
    meant = reply_meaning(reply)
    assert (message.content or "") == meant["text"]
    assert (message.refusal or "") == meant["refusal"]
    made = [(call.id, call.name, call.arguments) for call in _calls(reply)]
    assert openai_sdk.functions(completion) == made


def _calls(reply: Reply) -> list[ToolCall]:
    return [part for part in reply.choice.parts if isinstance(part, ToolCall)]


_INDEX = st.integers(0, 3)
_CHOICE = st.sampled_from([0, 0, 0, 1])
_EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(Start, st.sampled_from([None, "x1"]), st.none(), st.none()),
    st.builds(PartStart, _INDEX, _PARTS, _CHOICE),
    st.builds(TextDelta, _INDEX, _TEXT, _CHOICE),
    st.builds(ArgumentsDelta, _INDEX, _TEXT, _CHOICE),
    st.builds(SignatureDelta, _INDEX, _TEXT, st.sampled_from(["gemini", "anthropic"]), _CHOICE),
    st.builds(CitationDelta, _INDEX, st.just(_WEB), _CHOICE),
    st.builds(MediaDelta, _INDEX, _TEXT, _TEXT, _CHOICE),
    st.builds(PartEnd, _INDEX, st.one_of(st.none(), _PARTS), _CHOICE),
    st.builds(Finish, st.just(Stop(reason="end")), _CHOICE),
    st.just(End()),
)


@given(st.lists(_EVENTS, max_size=12))
def test_any_events_make_a_stream_that_ends_once(events: list[Event]) -> None:
    data = laws.write_stream(CHAT, events)
    assert data.count(DONE) == 1 and data.endswith(DONE)
    again = laws.read_stream(CHAT, data)
    assert sum(isinstance(event, End) for event in again) == 1
    assert not any(isinstance(event, Failure) for event in again)
    assert any(isinstance(event, Finish) and event.choice == 0 for event in again) or any(
        getattr(event, "choice", 0) for event in again
    )


_ANY = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-1, 3), st.floats(-1, 2), _TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(_TEXT, inner, max_size=2)),
    max_leaves=4,
)


def _some(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly what belongs there, now and then anything."""
    return st.one_of(strategy, strategy, strategy, _ANY)


def _object(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={k: _some(v) for k, v in members.items()})


_FUNCTION = _object(name=st.sampled_from(["look", "find", ""]), arguments=_TEXT, input=_TEXT)
_CALL = _object(
    index=st.integers(0, 2),
    id=st.sampled_from(["a", "b", ""]),
    type=st.sampled_from(["function", "custom"]),
    function=_FUNCTION,
    custom=_FUNCTION,
    extra_content=_object(google=_object(thought_signature=_TEXT)),
)
_DETAIL = _object(
    type=st.sampled_from(["reasoning.text", "reasoning.encrypted", "reasoning.summary"]),
    text=_TEXT,
    summary=_TEXT,
    data=_TEXT,
    signature=_TEXT,
    format=st.sampled_from(["anthropic-claude-v1", "openai-responses-v1", "unknown"]),
    index=st.integers(0, 1),
)
_PIECE = _object(
    type=st.sampled_from(["text", "thinking", "image_url", "refusal", "reference"]),
    text=_TEXT,
    thinking=st.one_of(_TEXT, st.lists(_object(text=_TEXT), max_size=2)),
    image_url=_object(
        url=st.sampled_from(["data:image/png;base64,AA", "https://a.test", "data:,"])
    ),
)
_DELTA = _object(
    role=st.just("assistant"),
    content=st.one_of(_TEXT, st.lists(_some(_PIECE), max_size=2)),
    reasoning=_TEXT,
    reasoning_content=_TEXT,
    reasoning_details=st.lists(_some(_DETAIL), max_size=2),
    refusal=_TEXT,
    tool_calls=st.lists(_some(_CALL), max_size=2),
    function_call=_FUNCTION,
    audio=_object(id=_TEXT, data=_TEXT, transcript=_TEXT),
    images=st.lists(_some(_PIECE), max_size=1),
    annotations=st.lists(_object(url_citation=_object(url=_TEXT, title=_TEXT)), max_size=1),
)
_CHUNK = _object(
    id=st.just("c1"),
    model=st.just("m"),
    created=st.just(5),
    choices=st.lists(
        _some(
            _object(
                index=st.integers(0, 1),
                delta=_DELTA,
                message=_DELTA,
                text=_TEXT,
                finish_reason=st.sampled_from(["stop", "tool_calls", "length", ""]),
                logprobs=_object(content=st.lists(st.integers(), max_size=1)),
            )
        ),
        max_size=2,
    ),
    usage=_object(
        prompt_tokens=st.integers(0, 9),
        completion_tokens=st.integers(0, 9),
        prompt_tokens_details=_object(cached_tokens=st.integers(0, 9)),
    ),
    citations=st.lists(_TEXT, max_size=1),
)


def _told_apart(chunk: Any) -> str:
    """A chunk as text. No two of its choices have the same index: that would say nothing clear."""
    choices = chunk.get("choices") if isinstance(chunk, dict) else None
    for place, choice in enumerate(choices if isinstance(choices, list) else ()):
        if isinstance(choice, dict) and isinstance(choice.get("index"), int | float):
            choice["index"] = place
    return json.dumps(chunk)


_CHUNKS = _CHUNK.map(_told_apart)
_STREAMS = st.lists(
    st.one_of(_CHUNKS, _CHUNKS, st.sampled_from(["[DONE]", "{", "5", '"x"'])),
    max_size=8,
).map(lambda lines: "".join(f"data: {line}\n\n" for line in lines).encode())


@settings(max_examples=300)
@given(_STREAMS, st.booleans())
def test_damaged_streams_are_read_written_and_mended(data: bytes, done: bool) -> None:
    if done:
        data += DONE
    events = laws.read_stream(CHAT, data)

    ends = [i for i, e in enumerate(events) if isinstance(e, End | Failure)]
    assert len(ends) <= 1 and (not ends or ends[0] == len(events) - 1)
    assert not done or ends
    _assert_grammar(events)

    written = laws.write_stream(CHAT, events)
    assert written.count(DONE) == 1 and written.endswith(DONE)

    mended = laws.mend_stream(CHAT, data)
    again = laws.read_stream(CHAT, mended)
    assert mended.count(DONE) == len(ends)
    if ends and isinstance(events[-1], End):
        meant, said = _without_ids(events), _without_ids(again)
        if meant["stop"] is None:
            # Another choice ended the stream; the end that is put in ends this one as well.
            said["stop"] = None
        laws.assert_same(meant, said)


def _without_ids(events: list[Event]) -> dict[str, Any]:
    """What a stream means, calls without their ids, which the mender may have to make up."""
    meant = reply_meaning(fold("openai-chat", events))
    return meant | {"calls": [said[:-1] for said in meant["calls"]]}


def _assert_grammar(events: list[Event]) -> None:
    """Parts begin in order, nothing is added to a part that has ended, and none is left open."""
    begun: dict[int, int] = {}
    open_parts: set[tuple[int, int]] = set()
    finished: set[int] = set()
    for event in events:
        match event:
            case PartStart(index=index, choice=choice):
                assert index == begun.get(choice, -1) + 1
                begun[choice] = index
                open_parts.add((choice, index))
            case PartEnd(index=index, choice=choice):
                open_parts.remove((choice, index))
            case Finish(choice=choice):
                assert choice not in finished and not open_parts
                finished.add(choice)
            case TextDelta() | ArgumentsDelta() | SignatureDelta() | CitationDelta() | MediaDelta():
                assert (event.choice, event.index) in open_parts
    assert not open_parts or isinstance(events[-1], Failure)


@settings(max_examples=200)
@given(_DELTA, st.sampled_from(["stop", "tool_calls", None]))
def test_damaged_answers_are_read_and_written(message: dict[str, Any], finish: str | None) -> None:
    body = {"id": "c1", "choices": [{"index": 0, "message": message, "finish_reason": finish}]}
    before = json.dumps(body)
    reply = CHAT.read_reply(body)
    assert json.dumps(body) == before
    again = CHAT.read_reply(CHAT.write_reply(reply, ASKED))
    laws.assert_same(reply_meaning(reply), reply_meaning(again))


@settings(max_examples=200)
@given(_ANY)
def test_anything_can_be_asked_for_its_error(body: Any) -> None:
    error = CHAT.find_error(body)
    if error is not None:
        status, told = CHAT.write_error(error)
        assert 400 <= status < 600
        found = CHAT.find_error(told)
        assert found is not None and found.message == error.message

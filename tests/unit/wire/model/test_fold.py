"""Events add up to a reply, and a reply comes apart into events that add up to it again."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Citation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Reply
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
from switchyard.wire.model.events import is_output
from switchyard.wire.model.fold import Fold
from switchyard.wire.model.fold import fold
from switchyard.wire.model.fold import merge
from switchyard.wire.model.fold import merge_usage
from switchyard.wire.model.fold import says_something
from switchyard.wire.model.fold import unfold

CITATION = Citation(url="https://a.test", title="A", format="x", raw={})


def parts(*events: Event) -> tuple[Part, ...]:
    return fold("x", events).choice.parts


def test_each_kind_of_delta_adds_to_its_part() -> None:
    assert parts(
        PartStart(0, Thinking(text="a")),
        TextDelta(0, "b"),
        SignatureDelta(0, "s", "anthropic"),
        SignatureDelta(0, "t", "anthropic"),
        PartStart(1, Text(text="")),
        TextDelta(1, "c"),
        CitationDelta(1, CITATION),
        PartStart(2, ToolCall(id="1", name="look")),
        ArgumentsDelta(2, "{"),
        ArgumentsDelta(2, "}"),
        PartStart(3, Refusal(text="n")),
        TextDelta(3, "o"),
        PartStart(4, Media(kind="audio")),
        MediaDelta(4, "AA", "hel"),
        MediaDelta(4, "BB", "lo"),
    ) == (
        Thinking(text="ab", signature="st", signer="anthropic"),
        Text(text="c", citations=(CITATION,)),
        ToolCall(id="1", name="look", arguments="{}"),
        Refusal(text="no"),
        Media(kind="audio", data="AABB", transcript="hello"),
    )


def test_parts_come_in_the_order_of_their_indexes() -> None:
    events = [PartStart(1, Text(text="b")), PartStart(0, Text(text="a"))]
    assert parts(*events) == (Text(text="a"), Text(text="b"))


def test_a_part_told_at_its_end_replaces_what_was_gathered() -> None:
    whole = Thinking(text="all of it", redacted="blob", signer="openai-responses")
    assert parts(PartStart(0, Thinking()), TextDelta(0, "all"), PartEnd(0, whole)) == (whole,)


def test_usage_is_completed_and_replaced_but_never_forgotten() -> None:
    first = Usage(input=5, output=1, extra={"a": {"b": 1}})
    second = Usage(output=7, reasoning=2, extra={"a": {"c": 2}})
    assert merge_usage(first, second) == Usage(
        input=5, output=7, reasoning=2, extra={"a": {"b": 1, "c": 2}}
    )
    assert first.extra == {"a": {"b": 1}}
    assert fold("x", [UsageUpdate(first), UsageUpdate(second)]).usage == merge_usage(first, second)


@pytest.mark.parametrize(
    ("old", "new", "both"),
    [
        ({}, {"a": None}, {"a": None}),
        ({"a": 1}, {"a": None}, {"a": 1}),
        ({"a": 1}, {"a": 2}, {"a": 2}),
        ({"a": [1]}, {"a": [2]}, {"a": [1, 2]}),
        ({"a": {"b": [1]}}, {"a": {"b": [2], "c": 3}}, {"a": {"b": [1, 2], "c": 3}}),
        ({"a": "text"}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    ],
)
def test_merging(old: dict[str, Any], new: dict[str, Any], both: dict[str, Any]) -> None:
    before = repr(new)
    merge(old, new)
    assert old == both
    assert repr(new) == before


def test_merging_shares_nothing_that_could_be_changed_later() -> None:
    source: dict[str, Any] = {"a": {"b": 1}}
    into: dict[str, Any] = {}
    merge(into, source)
    merge(into, {"a": {"b": 2}})
    assert source == {"a": {"b": 1}}


def test_extras_of_choice_and_answer() -> None:
    reply = fold(
        "x",
        [
            Start("id", "model", 5, {"a": 1}),
            Extra({"logprobs": [1]}),
            Extra({"logprobs": [2]}),
            Finish(Stop(reason="end"), extra={"b": 2}),
            End({"c": 3}),
        ],
    )
    assert (reply.id, reply.model, reply.created) == ("id", "model", 5)
    assert reply.extra == {"a": 1, "c": 3}
    assert reply.choice.extra == {"logprobs": [1, 2], "b": 2}


def test_what_a_fold_knows_on_the_way() -> None:
    folded = Fold("x")
    assert folded.is_empty and not folded.finished and not folded.ended and folded.stop is None
    folded.add(PartStart(0, Text(text="")))
    assert folded.is_empty
    folded.add(TextDelta(0, "word"))
    assert not folded.is_empty
    folded.add(PartStart(0, Text(text="other"), choice=1))
    folded.add(Finish(Stop(reason="end")))
    assert not folded.finished
    folded.add(Finish(Stop(reason="length"), choice=1))
    assert folded.finished and folded.stop == Stop(reason="end")
    folded.add(End())
    assert folded.ended
    folded.add(Failure(ApiError(message="late")))
    assert folded.failure == ApiError(message="late")


@pytest.mark.parametrize(
    ("part", "says"),
    [
        (Text(text=""), False),
        (Refusal(text=""), False),
        (Thinking(), False),
        (Thinking(redacted="blob"), True),
        (Thinking(signature="s"), True),
        (ToolCall(id="1", name="look"), True),
        (Media(kind="image", data="AA"), True),
    ],
)
def test_what_counts_as_saying_something(part: Part, says: bool) -> None:
    folded = Fold("x")
    folded.add(PartStart(0, part))
    assert folded.is_empty is not says


_TEXT = st.text(max_size=8)
_PARTS = st.one_of(
    st.builds(Text, text=_TEXT, citations=st.sampled_from([(), (CITATION,)])),
    st.builds(Refusal, text=_TEXT),
    st.builds(
        Thinking,
        text=_TEXT,
        signature=st.sampled_from([None, "s"]),
        signer=st.just("anthropic"),
        redacted=st.sampled_from([None, "blob"]),
    ),
    st.builds(ToolCall, id=_TEXT, name=_TEXT, arguments=_TEXT),
    st.builds(Media, kind=st.just("image"), data=st.just("AA")),
    st.builds(Opaque, format=st.just("x"), kind=_TEXT, raw=st.just({"a": 1})),
)
REPLIES = st.builds(
    Reply,
    format=st.just("x"),
    id=st.sampled_from([None, "id"]),
    model=st.sampled_from([None, "model"]),
    created=st.sampled_from([None, 5]),
    choices=st.lists(
        st.builds(
            Choice,
            parts=st.lists(_PARTS, max_size=4).map(tuple),
            stop=st.just(Stop(reason="end")),
            extra=st.sampled_from([{}, {"logprobs": {"content": [1]}}]),
        ),
        max_size=2,
    ).map(lambda choices: tuple(_numbered(choices))),
    usage=st.sampled_from([None, Usage(input=3, output=4)]),
    extra=st.sampled_from([{}, {"a": 1}]),
)


def _numbered(choices: list[Choice]) -> list[Choice]:
    return [
        Choice(index=i, parts=c.parts, stop=c.stop, extra=c.extra) for i, c in enumerate(choices)
    ]


@given(REPLIES)
def test_a_reply_survives_being_unfolded(reply: Reply) -> None:
    assert fold("x", unfold(reply)) == reply


@pytest.mark.parametrize(
    "part",
    [
        Text(text=""),
        Text(text="a"),
        Text(text="", citations=(CITATION,)),
        Thinking(),
        Thinking(text="a"),
        Thinking(redacted="a"),
        Thinking(signature="a"),
        Refusal(text=""),
        Refusal(text="a"),
        ToolCall(id="", name=""),
        ToolCall(id="", name="", arguments="{}"),
        Media(kind="image"),
        Opaque(format="x", kind="reasoning", raw={}),
        Opaque(format="x", kind="search", raw={}),
    ],
)
def test_an_answer_says_something_if_an_event_of_it_does(part: Part) -> None:
    reply = Reply(format="x", choices=(Choice(), Choice(index=1, parts=(part,))))
    assert says_something(reply) is any(is_output(event) for event in unfold(reply))

"""Summaries that stand for the beginning of a conversation."""

from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.conversation import Turn
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.events import ArgumentsDelta
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.events import UsageUpdate
from switchyard.wire.shared.compaction import TRIGGER
from switchyard.wire.shared.compaction import SummaryStage
from switchyard.wire.shared.compaction import compacted
from switchyard.wire.shared.compaction import open_summary
from switchyard.wire.shared.compaction import seal_summary
from switchyard.wire.shared.compaction import summarising

WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)
FORMATS = st.sampled_from(["openai-responses", "anthropic"])


def summary(text: str, *, ours: bool = False) -> Opaque:
    raw = {"type": "compaction", "encrypted_content": seal_summary(text) if ours else "theirs"}
    return Opaque(format="anthropic", kind="compaction", raw=raw, text=text)


PARTS = st.one_of(
    st.builds(lambda text: Text(text=text), WORDS),
    st.builds(lambda text, ours: summary(text, ours=ours), WORDS, st.booleans()),
    st.just(ToolCall(id="c", name="f")),
    st.just(ToolResult(call_id="c", parts=(Text(text="r"),))),
    st.just(Opaque(format="openai-responses", kind=TRIGGER, raw={"type": TRIGGER})),
)
TURNS = st.lists(
    st.builds(
        lambda role, parts: Turn(role=role, parts=tuple(parts)),
        st.sampled_from(["system", "user", "assistant"]),
        st.lists(PARTS, min_size=1, max_size=3),
    ),
    max_size=6,
)
CONVERSATIONS = st.builds(
    lambda format, turns: Conversation(format=format, model="m", turns=tuple(turns)),
    FORMATS,
    TURNS,
)


def summaries(conversation: Conversation) -> list[Opaque]:
    found = [p for t in conversation.turns for p in t.parts if isinstance(p, Opaque)]
    return [part for part in found if part.kind == "compaction"]


@given(WORDS)
def test_a_sealed_summary_can_be_opened(text: str) -> None:
    assert open_summary(seal_summary(text)) == text


def test_anything_else_cannot() -> None:
    sealed = seal_summary("words")
    assert [open_summary(x) for x in (sealed[:-8], "gAAAA", "", None, 7)] == [None] * 5


@given(CONVERSATIONS)
def test_the_last_summary_and_what_follows_it_are_left(conversation: Conversation) -> None:
    told = compacted(conversation)
    found = summaries(conversation)
    if not found:
        assert told is conversation
        return
    assert not any(part is found[-1] for part in summaries(told))
    (at,) = [
        index
        for index, turn in enumerate(told.turns)
        if turn.role == "user" and any(_tells(part, found[-1]) for part in turn.parts)
    ][-1:]
    place = next(i for i, part in enumerate(told.turns[at].parts) if _tells(part, found[-1]))
    after: list[object] = list(told.turns[at].parts[place + 1 :])
    after += [part for turn in told.turns[at + 1 :] for part in turn.parts]
    assert after == _after_last(conversation)
    assert all(turn.role != "assistant" for turn in told.turns[:at])
    assert not any(isinstance(p, ToolResult) for t in told.turns[:at] for p in t.parts
                   if t.role == "user")  # fmt: skip


@given(CONVERSATIONS)
def test_compacting_once_is_enough(conversation: Conversation) -> None:
    once = compacted(conversation)
    assert compacted(once) is once


@given(CONVERSATIONS)
def test_only_those_of_the_router_count_where_asked_so(conversation: Conversation) -> None:
    told = compacted(conversation, ours=True)
    ours = [p for p in summaries(conversation) if p.raw["encrypted_content"] != "theirs"]
    assert (told is conversation) is (not ours)
    assert not any(part is one for part in summaries(told) for one in ours)


@given(CONVERSATIONS)
def test_the_question_comes_last_and_no_trigger_is_left(conversation: Conversation) -> None:
    asking = summarising(conversation, "Only the boat.")
    assert asking.turns[-1].parts == (Text(text="Only the boat."),)
    kinds = [p.kind for t in asking.turns for p in t.parts if isinstance(p, Opaque)]
    assert TRIGGER not in kinds
    assert all(turn.parts for turn in asking.turns)


def staged(*events: Event) -> list[Event]:
    stage = SummaryStage(lambda text: summary(text))
    return [out for event in events for out in stage.feed([event])]


def test_words_become_one_part_at_the_end() -> None:
    usage = UsageUpdate(Usage(output=3))
    told = staged(
        PartStart(0, Text(text="")),
        TextDelta(0, "One. "),
        PartEnd(0),
        PartStart(1, ToolCall(id="c", name="f")),
        ArgumentsDelta(1, "{}"),
        PartEnd(1),
        PartStart(2, Text(text="Two.")),
        PartEnd(2),
        usage,
        Finish(Stop(reason="tool_calls", raw="tool_use")),
    )
    finish = Finish(Stop(reason="compaction"))
    assert told == [usage, PartStart(0, summary("One. \n\nTwo.")), PartEnd(0), finish]


def test_no_words_and_a_refusal_are_failures() -> None:
    for events in (
        [Finish(Stop(reason="end"))],
        [PartStart(0, Text(text=" ")), Finish(Stop(reason="end"))],
        [PartStart(0, Text(text="No.")), Finish(Stop(reason="refusal"))],
    ):
        (failure,) = staged(*events)
        assert isinstance(failure, Failure) and "no summary" in failure.error.message


def _tells(part: object, found: Opaque) -> bool:
    return isinstance(part, Text) and f"<summary>\n{found.text}\n</summary>" in part.text


def _after_last(conversation: Conversation) -> list[object]:
    parts = [part for turn in conversation.turns for part in turn.parts]
    last = max(i for i, p in enumerate(parts) if isinstance(p, Opaque) and p.kind == "compaction")
    return [*parts[last + 1 :]]

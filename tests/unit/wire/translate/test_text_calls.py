"""Tool calls that models write into their text are tool calls for clients."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.format import Asked
from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import Start
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.fold import fold
from switchyard.wire.model.fold import unfold
from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.relay import Relay
from switchyard.wire.translate.call_forms import OPENINGS
from switchyard.wire.translate.text_calls import TextCalls

TOOLS = {
    "get_weather": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    },
    "write": {"type": "object", "properties": {"path": {"type": "string"}, "text": {}}},
}
PARIS: Any = ("get_weather", {"city": "Paris", "days": 2})
ROME: Any = ("get_weather", {"city": "Rome"})
P = '{"city": "Paris", "days": 2}'
R = '{"city": "Rome"}'
BEGIN, SEP, END = "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>"
ALL, ALL_END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
QWEN = (
    "<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n"
    "<parameter=days>\n2\n</parameter>\n</function>"
)


def hermes(arguments: str) -> str:
    return f'{{"name": "get_weather", "arguments": {arguments}}}'


def fenced(arguments: str) -> str:
    return f"{BEGIN}function{SEP}get_weather\n```json\n{arguments}\n```{END}"


def bare(arguments: str) -> str:
    return f"{BEGIN}get_weather{SEP}{arguments}{END}"


FORMS: dict[str, tuple[str, list[Any]]] = {
    "hermes": (f"<tool_call>\n{hermes(P)}\n</tool_call>", [PARIS]),
    "hermes twice": (
        f"<tool_call>{hermes(P)}</tool_call>\n<tool_call>{hermes(R)}</tool_call>",
        [PARIS, ROME],
    ),
    "hermes list": (f"<tool_call>[{hermes(P)}, {hermes(R)}]</tool_call>", [PARIS, ROME]),
    "hermes in Python's quotes": (
        "<tool_call>{'name': 'get_weather', 'arguments': {'city': 'Rome'}}</tool_call>",
        [ROME],
    ),
    "hermes with the tag in a text": (
        '<tool_call>{"name": "write", "arguments": {"path": "a", "text": "</tool_call> x"}}'
        "</tool_call>",
        [("write", {"path": "a", "text": "</tool_call> x"})],
    ),
    "hermes without its end": (f"<tool_call>{hermes(R)}", [ROME]),
    "hermes without arguments": (
        '<tool_call>{"name": "get_weather", "arguments": null}</tool_call>',
        [("get_weather", {})],
    ),
    "qwen": (f"<tool_call>\n{QWEN}\n</tool_call>", [PARIS]),
    "qwen without its tag": (QWEN, [PARIS]),
    "qwen with lines": (
        "<tool_call>\n<function=write>\n<parameter=path>\n1\n</parameter>\n<parameter=text>\n"
        "a\n<b>\n\n</parameter>\n</function>\n</tool_call>",
        [("write", {"path": "1", "text": "a\n<b>\n"})],
    ),
    "deepseek": (f"{ALL}{fenced(P)}\n{fenced(R)}{ALL_END}", [PARIS, ROME]),
    "deepseek 3.1": (f"{ALL}{bare(P)}{bare(R)}{ALL_END}", [PARIS, ROME]),
    "deepseek without the outer mark": (bare(R), [ROME]),
    "llama": (f'<|python_tag|>{{"name": "get_weather", "parameters": {P}}}<|eom_id|>', [PARIS]),
    "llama twice": (
        f'<|python_tag|>{{"name": "get_weather", "parameters": {P}}}; '
        f'{{"name": "get_weather", "parameters": {R}}}',
        [PARIS, ROME],
    ),
    "llama's own": ('<|python_tag|>get_weather.call(city="Rome")', [ROME]),
    "llama's function": (f"<function=get_weather>{P}</function>", [PARIS]),
    "llama's object": (f'{{"name": "get_weather", "parameters": {P}}}', [PARIS]),
    "llama's object with a type": (
        f'{{"type": "function", "name": "get_weather", "parameters": {R}}}',
        [ROME],
    ),
    "pythonic": ('[get_weather(city="Paris", days=2), get_weather(city="Rome")]', [PARIS, ROME]),
    "mistral": (f'[TOOL_CALLS] [{{"name": "get_weather", "arguments": {P}}}]', [PARIS]),
    "mistral's object": (f'[TOOL_CALLS]{{"name": "get_weather", "arguments": {P}}}', [PARIS]),
    "mistral 11": (
        f"[TOOL_CALLS]get_weather[ARGS]{P}[TOOL_CALLS]get_weather[CALL_ID]9a[ARGS]{R}",
        [PARIS, ROME],
    ),
    "mistral without the second mark": (f"[TOOL_CALLS]get_weather{P}", [PARIS]),
}  # fmt: skip
WHOLE_REPLIES = {"llama's object", "llama's object with a type", "pythonic"}
LOOKALIKES = [
    "Models write <tool_call> before a call.",
    "<tool_call>{not json}</tool_call>",
    '<tool_call>{"name": "unknown", "arguments": {}}</tool_call>',
    "<tool_call>",
    "<tool_call",
    "a < b and <function=3",
    "<function=unknown>{}</function>",
    "<function=get_weather> is how Llama begins",
    "[TOOL_CALLS] is a token",
    "[TOOL_CALLS]",
    "[1, 2, 3]",
    '[get_weather(city="Rome")] would be the call',
    '[get_weather(city=__import__("os"))]',
    '{"name": "Anna", "age": 3}',
    '{"name": "get_weather", "parameters": "none"} and more',
    "<｜tool▁calls▁begin｜>nothing<｜tool▁calls▁end｜>",
    "<|python_tag|>print(1)",
    "  \n ",
    "\n\nHello",
    "",
    "Hello [TOOL",
]


def streamed(text: str, cuts: list[int]) -> list[Event]:
    """A text as a stream cut at these places."""
    edges = [0, *sorted(cuts), len(text)]
    deltas = [TextDelta(0, text[a:b]) for a, b in pairwise(edges)]
    return [Start(), PartStart(0, Text(text="")), *deltas, PartEnd(0), Finish(Stop(reason="end")),
            End()]  # fmt: skip


def staged(events: list[Event]) -> Reply:
    """What clients read of a stream, an event a time."""
    stage = TextCalls(TOOLS, "seed")
    return fold("openai-chat", [out for event in events for out in stage.feed([event])])


def said(reply: Reply) -> tuple[list[str], list[Any]]:
    parts = reply.choices[0].parts
    words = [part.text for part in parts if isinstance(part, Text)]
    calls = [
        (part.name, json.loads(part.arguments)) for part in parts if isinstance(part, ToolCall)
    ]
    return words, calls


@pytest.mark.parametrize("form", FORMS)
@given(data=st.data())
def test_every_form_is_a_call_however_it_is_cut(form: str, data: st.DataObject) -> None:
    text, calls = FORMS[form]
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=8) | st.just(range(len(text))))
    reply = staged(streamed(text, list(cuts)))
    assert said(reply) == ([], calls)
    assert reply.choices[0].stop == Stop(reason="tool_calls")
    ids = [part.id for part in reply.choices[0].parts if isinstance(part, ToolCall)]
    assert len(set(ids)) == len(ids) and ids == [
        part.id
        for part in staged(streamed(text, [])).choices[0].parts
        if isinstance(part, ToolCall)
    ]


@pytest.mark.parametrize("form", [form for form in FORMS if form not in WHOLE_REPLIES])
@given(data=st.data())
def test_words_before_a_call_stay(form: str, data: st.DataObject) -> None:
    text, calls = FORMS[form]
    whole = f"I look.\n{text}"
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=8))
    words, found = said(staged(streamed(whole, cuts)))
    assert ("".join(words), found) == ("I look.\n", calls)


@pytest.mark.parametrize("form", ["hermes", "qwen", "deepseek", "llama's function", "mistral"])
@given(data=st.data())
def test_words_behind_a_call_stay(form: str, data: st.DataObject) -> None:
    text, calls = FORMS[form]
    whole = f"{text}\nDone, <b>."
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=8))
    words, found = said(staged(streamed(whole, cuts)))
    assert ("".join(words).strip(), found) == ("Done, <b>.", calls)


@pytest.mark.parametrize("text", LOOKALIKES)
@given(data=st.data())
def test_what_only_looks_like_a_call_stays_text(text: str, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=8))
    reply = staged(streamed(text, cuts))
    assert said(reply) == ([text], [])
    assert reply.choices[0].stop == Stop(reason="end")


PIECES = st.lists(
    st.sampled_from([*OPENINGS, "</tool_call>", "</function>", "{", "}", '"name"', "[", "x", " ",
                     "get_weather(", "<parameter=a>", "[ARGS]", "\n", ":"]) | st.text(max_size=4),
    max_size=12,
).map("".join)  # fmt: skip


@given(PIECES, st.data())
def test_no_words_are_lost_of_any_text(text: str, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=6))
    reply = staged(streamed(text, cuts))
    words, calls = said(reply)
    whole, also = said(staged(streamed(text, [])))
    assert ("".join(words), calls) == ("".join(whole), also)
    assert calls or "".join(words) == text


def test_whole_answers_too() -> None:
    text, calls = FORMS["hermes twice"]
    choice = Choice(parts=(Text(text=f"Hm. {text}"),), stop=Stop(reason="end"))
    stage = TextCalls(TOOLS, "seed")
    events = stage.feed(unfold(Reply(format="openai-chat", choices=(choice,))))
    assert said(fold("openai-chat", events)) == (["Hm. "], calls)
    assert stage.changed


def test_calls_and_parts_of_the_answers_own_stay_in_order() -> None:
    text, calls = FORMS["hermes"]
    own = ToolCall(id="c1", name="write", arguments="{}")
    choice = Choice(parts=(Text(text=text), own), stop=Stop(reason="tool_calls"))
    events = TextCalls(TOOLS, "s").feed(unfold(Reply(format="openai-chat", choices=(choice,))))
    starts = [event.index for event in events if isinstance(event, PartStart)]
    assert starts == sorted(set(starts))
    assert said(fold("openai-chat", events))[1] == [*calls, ("write", {})]


def test_a_long_call_costs_no_more_than_its_size_in_turns() -> None:
    value = json.dumps({"path": "a", "text": "}" * 200_000})
    text = f"[TOOL_CALLS]write[ARGS]{value}"
    assert said(staged(streamed(text, list(range(0, len(text), 50)))))[1][0][0] == "write"


@pytest.mark.parametrize("client", [name for name in FORMATS if name != "openai-completions"])
@pytest.mark.parametrize("streams", [True, False])
def test_every_client_gets_calls(client: str, streams: bool) -> None:
    text, _ = FORMS["hermes"]
    asked = Asked(model="m", id="0123456789abcdef", created=1)
    stages = [TextCalls(TOOLS, asked.id)]
    relay = Relay(FORMATS["openai-chat"], FORMATS[client], streams, asked, stages=stages)
    message = {"role": "assistant", "content": text}
    body = {"id": "x", "object": "chat.completion", "model": "m",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}  # fmt: skip
    relay.start(200, "application/json")
    out = relay.feed(json.dumps(body).encode()) + relay.end()
    shown = (out if streams else relay.body).decode()
    assert "get_weather" in shown and "tool_call>" not in shown

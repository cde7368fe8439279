"""The official SDK reads what clients of Chat Completions are sent for recorded answers."""

from collections.abc import Callable
from typing import Any

import openai
import pytest

from switchyard.wire.format import Format
from switchyard.wire.model.events import Failure
from switchyard.wire.model.fold import fold
from switchyard.wire.model.fold import unfold
from switchyard.wire.registry import FORMATS
from tests.unit.wire import laws
from tests.unit.wire import openai_sdk
from tests.unit.wire.chat_chunks import CHAT
from tests.unit.wire.corpus import needs_corpus
from tests.unit.wire.corpus import replies
from tests.unit.wire.corpus import streams
from tests.unit.wire.laws import ASKED

# The helper that adds up a stream raises where the answer was cut short, on purpose.
_SHORT = (openai.LengthFinishReasonError, openai.ContentFilterFinishReasonError)

FOREIGN = [format for name, format in FORMATS.items() if name != CHAT.name]
pytestmark = needs_corpus


def broken(cases: list[tuple[str, Callable[[], Any]]]) -> list[str]:
    """The cases that raise, with what."""
    found: list[str] = []
    for name, check in cases:
        try:
            check()
        except _SHORT:
            continue
        except Exception as e:
            found.append(f"{name}: {type(e).__name__}: {str(e)[:300]}")
    return found


def has_custom_calls(data: bytes) -> bool:
    """The SDK has no type for a custom tool's call in a stream, though the API streams them."""
    return b'"type":"custom"' in data


@pytest.mark.parametrize("format", FOREIGN, ids=lambda format: format.name)
def test_whole_answers(format: Format) -> None:
    cases: list[tuple[str, Callable[[], Any]]] = []
    for record in replies(format.name):
        if format.find_error(record.response) is None:
            reply = format.read_reply(record.response)
            body = CHAT.write_reply(reply, ASKED)
            cases.append((record.id, lambda body=body: openai_sdk.whole(body)))
            data = laws.write_stream(CHAT, unfold(reply))
            if not has_custom_calls(data):
                cases.append((record.id, lambda data=data: openai_sdk.chunks(data)))
                cases.append((record.id, lambda data=data: openai_sdk.streamed(data)))
    assert cases and broken(cases) == []


@pytest.mark.parametrize("format", FOREIGN, ids=lambda format: format.name)
def test_streams(format: Format) -> None:
    cases: list[tuple[str, Callable[[], Any]]] = []
    for record in streams(format.name):
        events = laws.read_stream(format, (record.sse or "").encode())
        if any(isinstance(event, Failure) for event in events) or not laws.is_answer(events):
            continue
        data = laws.write_stream(CHAT, events)
        body = CHAT.write_reply(fold(format.name, events), ASKED)
        cases.append((record.id, lambda body=body: openai_sdk.whole(body)))
        if not has_custom_calls(data):
            cases.append((record.id, lambda data=data: openai_sdk.chunks(data)))
            cases.append((record.id, lambda data=data: openai_sdk.streamed(data)))
    assert cases and broken(cases) == []


def test_a_stream_that_needs_no_mending_keeps_its_bytes() -> None:
    """Of the recorded streams, only those that break a rule are changed at all."""
    changed: list[str] = []
    for record in streams(CHAT.name):
        data = (record.sse or "").encode()
        if laws.mend_stream(CHAT, data) != data:
            changed.append(record.id)
            assert _needs_mending(data), record.id
    assert len(changed) < len(streams(CHAT.name)) / 4


def _needs_mending(data: bytes) -> bool:
    has_comments = b"\n:" in data or data.startswith(b":")
    lacks_finish = b'"finish_reason":"' not in data.replace(b": ", b":")
    return has_comments or lacks_finish or b"[DONE]" not in data or b"text_completion" in data

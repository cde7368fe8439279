"""What is left of Chat Completions in formats for one side alone."""

import pytest

from switchyard.wire.formats.openai_chat import OpenAIChat
from switchyard.wire.formats.openai_chat.one_sided import OneSided
from switchyard.wire.registry import CLIENT_FORMATS
from switchyard.wire.registry import PROVIDER_FORMATS


@pytest.mark.parametrize("name", ["codewhisperer", "cohere", "converse"])
def test_nobody_takes_it_for_chat_completions(name: str) -> None:
    format = (CLIENT_FORMATS | PROVIDER_FORMATS)[name]
    assert isinstance(format, OneSided) and format.name == name
    assert not set(format.endpoints) & set(OpenAIChat.endpoints)
    assert not set(format.own_endpoints) & set(OpenAIChat.own_endpoints)
    assert not format.request_marks and not format.reply_marks and format.services is None


@pytest.mark.parametrize("name", ["converse", "codewhisperer"])
def test_a_stream_of_a_provider_gets_no_option_of_chat(name: str) -> None:
    body = {"messages": []}
    assert PROVIDER_FORMATS[name].with_usage(body) is body

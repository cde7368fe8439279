import pytest

from addons.sending import endpoint_url
from addons.wire.registry import FORMATS

CHAT, ANTHROPIC = FORMATS["openai-chat"], FORMATS["anthropic"]


@pytest.mark.parametrize(
    ("format", "base", "url"),
    [
        (CHAT, "https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"),
        (CHAT, "https://api.openai.com", "https://api.openai.com/v1/chat/completions"),
        (CHAT, "https://openrouter.ai/api/v1/", "https://openrouter.ai/api/v1/chat/completions"),
        (
            CHAT,
            "https://api.z.ai/api/paas/v4",
            "https://api.z.ai/api/paas/v4/chat/completions",
        ),
        (
            CHAT,
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
        ),
        (CHAT, "https://host/openai", "https://host/openai/chat/completions"),
        (ANTHROPIC, "https://api.anthropic.com", "https://api.anthropic.com/v1/messages"),
        (ANTHROPIC, "https://api.anthropic.com/v1", "https://api.anthropic.com/v1/messages"),
        (
            ANTHROPIC,
            "https://api.z.ai/api/anthropic",
            "https://api.z.ai/api/anthropic/v1/messages",
        ),
    ],
)
def test_a_base_url_is_taken_as_the_sdk_takes_it(format, base: str, url: str) -> None:
    assert endpoint_url(base, format, format.path("model", False)) == url

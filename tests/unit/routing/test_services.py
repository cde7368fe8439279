"""Which provider is asked for what names no model."""

from pathlib import Path
from textwrap import dedent

import pytest

from switchyard.config.load import parse_config
from switchyard.config.schema import Config
from switchyard.routing.services import NoSuchProvider
from switchyard.routing.services import service_plan

CHAT = {"openai-chat", "openai-responses"}


def config(more: str = "") -> Config:
    text = """
    providers:
      - {name: anth, format: anthropic, base-url: "http://a.example", api-key: k}
      - {name: one, base-url: "http://b.example/v1", api-key: k}
      - {name: two, prefix: zwei, base-url: "http://c.example/v1", api-key: k}
    """
    return parse_config((dedent(text) + more).encode(), Path("test.yaml"), {})


@pytest.mark.parametrize(
    ("named", "provider"),
    [
        ((), "one"),
        (("", ""), "one"),
        (("two", ""), "two"),
        (("", "zwei"), "two"),
        (("two", "one"), "two"),
        (("", "openai"), "one"),
    ],
)
def test_the_first_that_is_named_or_can(named: tuple[str, ...], provider: str) -> None:
    plan = service_plan(config(), "files", CHAT, named)
    (target,) = plan.targets
    assert (target.provider.name, target.model) == (provider, "")


def test_the_configured_one_goes_before_the_first() -> None:
    plan = service_plan(config("service-provider: two\n"), "audio", CHAT, (), "whisper")
    (target,) = plan.targets
    assert (target.provider.name, target.model) == ("two", "whisper")


@pytest.mark.parametrize("named", ["none", "anth"])
def test_one_that_cannot_is_refused(named: str) -> None:
    with pytest.raises(NoSuchProvider, match=named):
        service_plan(config(), "files", CHAT, (named,))


def test_nobody_can() -> None:
    with pytest.raises(NoSuchProvider, match="gemini"):
        service_plan(config(), "files", {"gemini"}, ())


def test_an_unknown_default_is_an_error_of_the_file() -> None:
    with pytest.raises(Exception, match="unknown provider"):
        config("service-provider: tow\n")

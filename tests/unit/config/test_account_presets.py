from pathlib import Path

import pytest

from switchyard.config.account_presets import account_names
from switchyard.config.account_presets import shipped_account
from switchyard.config.load import parse_config
from switchyard.config.presets import preset_names
from switchyard.config.problems import ConfigError
from switchyard.config.schema import Config

OWN = """
accounts:
  corp:
    client-id: c
    device: {url: "https://id.example/device"}
    token: {url: "https://id.example/token"}
"""


def parsed(ref: str, more: str = "") -> Config:
    provider = f"{{name: p, base-url: 'https://p.example', api-key: {{oauth: {ref}}}}}"
    text = f"{more}\nproviders: [{provider}]"
    return parse_config(text.encode(), Path("/c.yaml"), {})


def wrong(ref: str, more: str = "") -> str:
    with pytest.raises(ConfigError) as caught:
        parsed(ref, more)
    return str(caught.value)


@pytest.mark.parametrize("name", account_names())
def test_every_shipped_account_says_what_its_provider_permits(name: str) -> None:
    flow = shipped_account(name)
    assert flow.title and flow.position and flow.source and flow.read
    assert flow.is_usable or flow.instead
    assert not flow.client_id, "no other program's client is used"


@pytest.mark.parametrize("name", account_names())
def test_presets_that_are_named_exist(name: str) -> None:
    words = shipped_account(name).instead.replace(",", " ").split()
    for place, word in enumerate(words):
        if word == "preset:":
            assert words[place + 1] in preset_names()


@pytest.mark.parametrize("name", ["claude", "chatgpt", "gemini-cli"])
def test_subscriptions_whose_providers_forbid_it_have_no_login(name: str) -> None:
    assert shipped_account(name).status == "unsupported"
    assert "does not allow other programs" in wrong(name)


def test_an_account_of_the_file() -> None:
    assert list(parsed("corp/work", OWN).accounts) == ["corp"]


def test_a_preview_is_the_users_to_choose() -> None:
    assert "set preview: true" in wrong("copilot")
    account = "accounts: {copilot: {preset: copilot, client-id: Ov23own, preview: true}}"
    flow = parsed("copilot", account).accounts["copilot"]
    assert flow.client_id == "Ov23own" and flow.scopes == ("read:user",)
    with pytest.raises(ConfigError, match="set preview: true"):
        parse_config(b"providers: [{preset: copilot}]", Path("/c.yaml"), {})
    without = "accounts: {copilot: {preset: copilot, preview: true}}"
    assert "client-id" in wrong("copilot", without)


def test_a_providers_preset_may_name_a_preview() -> None:
    text = "providers: [{preset: kiro}]"
    with pytest.raises(ConfigError, match="set preview: true"):
        parse_config(text.encode(), Path("/c.yaml"), {})
    chosen = f"accounts: {{kiro: {{preset: kiro, preview: true}}}}\n{text}"
    flow = parse_config(chosen.encode(), Path("/c.yaml"), {}).accounts["kiro"]
    assert flow.register_ is not None and flow.device is not None and not flow.why_closed


@pytest.mark.parametrize(
    ("ref", "more", "cause"),
    [
        ("qwen", "", "has ended such logins"),
        ("kimi", "", "without a login. Hint: Use preset: kimi-code"),
        ("corpp", OWN, "did you mean 'corp'"),
        ("a/b/c", OWN, "NAME/LABEL"),
        ("x", "accounts: {x: {preset: copilott}}", "unknown account preset"),
        ("corp", OWN.replace("device:", "devise:"), "did you mean 'device'"),
    ],
)
def test_wrong_accounts(ref: str, more: str, cause: str) -> None:
    assert cause in wrong(ref, more)

"""Providers of a draft have valid names and the presets that fit."""

from switchyard.importers.draft import Draft
from switchyard.importers.draft import headers_of
from switchyard.importers.draft import key_entry
from switchyard.importers.members import ImportReport
from switchyard.importers.secret_names import DraftSecret

KEY = key_entry(DraftSecret("x", "x"))


def test_names_are_valid_and_unique() -> None:
    draft = Draft(ImportReport())
    assert draft.add_provider("my models", "a", url="https://a.example") == "my-models"
    assert draft.add_provider("my/models", "b", url="https://b.example") == "my-models-2"
    assert draft.add_provider("passthrough", "c", url="https://c.example") != "passthrough"
    assert draft.add_provider("模型", "d", url="https://d.example", prefix="zh") == "provider"
    assert draft.free_name("zh") == "zh-2"
    assert draft.renamed["my models"] == "my-models"


def test_a_preset_stands_for_its_address() -> None:
    draft = Draft(ImportReport())
    draft.add_provider("one", "a", url="https://openrouter.ai/api/v1", keys=[KEY])
    assert draft.provider("one") == {
        "name": "one", "preset": "openrouter", "api-key": KEY["api-key"],
    }  # fmt: skip


def test_without_a_key_the_presets_own_is_not_asked_for() -> None:
    draft = Draft(ImportReport())
    draft.add_provider("one", "a", url="https://openrouter.ai/api/v1")
    provider = draft.provider("one")
    assert "preset" not in provider
    assert provider["base-url"] == "https://openrouter.ai/api/v1"
    assert provider["profile"] == "openrouter"


def test_a_format_that_the_preset_lacks() -> None:
    draft = Draft(ImportReport())
    draft.add_provider("one", "a", preset="groq", format="anthropic", keys=[KEY])
    provider = draft.provider("one")
    assert provider["format"] == "anthropic"
    assert provider["base-url"] == "https://api.groq.com/openai/v1"


def test_headers_with_credentials_are_secrets() -> None:
    report = ImportReport()
    given = {"X-Api-Key": "hidden", "X-Title": "me", "Host": "x", "X-Token": "$X-Token"}
    headers = headers_of(given, "one", report, "headers")
    assert headers["X-Api-Key"] == DraftSecret("hidden", "one X-Api-Key")
    assert headers["X-Title"] == "me"
    assert headers["X-Token"] == "$X-Token"
    assert [line.path for line in report.left_out] == ["headers.Host"]


def test_combos_have_members_once_and_at_least_one() -> None:
    draft = Draft(ImportReport())
    draft.add_combo("empty", [])
    draft.add_combo("one", ["a", "b", "a"], fallback_on_refusal=True)
    assert draft.combos == {"one": {"members": ["a", "b"], "fallback-on-refusal": True}}

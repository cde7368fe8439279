"""Drafts are checked before anything is written, and no secret is in their diff."""

from pathlib import Path

import pytest

from switchyard.config.editing.config_file import Stale
from switchyard.config.editing.editor import ConfigEditor
from switchyard.config.editing.editor import masked_diff
from switchyard.config.problems import ConfigError

TEXT = (
    "# mine\nproviders:\n  - {name: a, base-url: https://a.example/v1, api-key: sk-aaaaaaaaaa1}\n"
)


@pytest.fixture
def editor(tmp_path: Path) -> ConfigEditor:
    path = tmp_path / "config.yaml"
    path.write_text(TEXT)
    return ConfigEditor(path, {})


def test_a_change_is_made_of_masked_values(editor: ConfigEditor) -> None:
    seen: list[object] = []

    def change(given) -> None:
        seen.append(given["providers"][0]["api-key"])
        given["aliases"] = {"fast": "a/m"}

    draft = editor.draft(change)
    assert seen == ["sk-...aaa1"]
    assert draft.after.decode() == f"{TEXT}\naliases:\n  fast: a/m\n"
    assert "sk-aaaaaaaaaa1" not in draft.diff and "+  fast: a/m" in draft.diff
    assert editor.content().decode() == TEXT, "a draft writes nothing"
    editor.write(draft)
    assert editor.content() == draft.after


def test_all_problems_are_reported_at_once(editor: ConfigEditor) -> None:
    with pytest.raises(ConfigError) as caught:
        editor.draft(lambda given: given.update(aliasez={}, retry={"request-retry": "x"}))
    assert len(caught.value.problems) == 2
    assert all(one.line for one in caught.value.problems)


def test_a_mask_of_nothing_is_a_problem(editor: ConfigEditor) -> None:
    with pytest.raises(ConfigError, match="masked value of no key"):
        editor.draft(lambda given: given["providers"][0].update({"api-key": "sk-...zzzz"}))


def test_of_two_editors_one_is_stale(editor: ConfigEditor) -> None:
    first = editor.draft(lambda given: given.update(aliases={"x": "a/m"}))
    second = editor.draft(lambda given: given.update(aliases={"y": "a/m"}))
    editor.write(first)
    with pytest.raises(Stale):
        editor.write(second)
    editor.write(second, forced=True)
    assert b"y: a/m" in editor.content()


def test_a_version_comes_back(editor: ConfigEditor) -> None:
    editor.write(editor.draft(lambda given: given.update(aliases={"x": "a/m"})))
    oldest = editor.file.versions()[-1]
    draft = editor.draft_version(oldest.id)
    assert draft is not None and draft.after.decode() == TEXT
    assert editor.draft_version("0000000000000-0000000000000000") is None


def test_the_first_change_makes_a_file_of_the_default(tmp_path: Path) -> None:
    template, path = tmp_path / "default.yaml", tmp_path / "own" / "config.yaml"
    template.write_text(TEXT)
    editor = ConfigEditor(path, {}, template)
    editor.write(editor.draft(lambda given: given.update(aliases={"x": "a/m"})))
    assert template.read_text() == TEXT
    assert path.read_text().startswith("# mine\n")


def test_a_key_alone_that_changes_is_seen_in_the_diff() -> None:
    assert "masked" in masked_diff("management: {key: abc}\n", "management: {key: abd}\n")


@pytest.mark.parametrize("broken", [b"providers: [", b"\xff\xfe", b"a: &a [*a]\n", b"- 1\n"])
def test_a_file_that_an_editor_broke_is_mended(editor: ConfigEditor, broken: bytes) -> None:
    editor.write(editor.draft(lambda given: given.update(aliases={"x": "a/m"})))
    oldest = editor.file.versions()[-1]
    editor.file.path.write_bytes(broken)
    draft = editor.draft_text(TEXT)
    assert f"+{TEXT.splitlines()[0]}" in draft.diff and "sk-aaaaaaaaaa1" not in draft.diff
    restored = editor.draft_version(oldest.id)
    assert restored is not None and restored.diff == draft.diff
    editor.write(restored)
    assert editor.content().decode() == TEXT


def test_a_text_that_is_no_yaml_is_refused_with_its_line(editor: ConfigEditor) -> None:
    with pytest.raises(ConfigError) as caught:
        editor.draft_text(TEXT + "combos: [\n")
    assert [one.line for one in caught.value.problems] == [5]

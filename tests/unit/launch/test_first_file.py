"""The first configuration of a user's own."""

import re
import stat
from pathlib import Path

import pytest

from switchyard.config.load import parse_config
from switchyard.config.presets import PRESETS
from switchyard.config.presets import preset_names
from switchyard.launch.check import check
from switchyard.launch.first_file import STACK
from switchyard.launch.first_file import first_file
from switchyard.launch.first_file import providers_with_keys
from switchyard.launch.first_file import write_first_file


def _text(preset: str) -> str:
    return (PRESETS / f"{preset}.yaml").read_text()


KEY = "sk-some-very-long-key-0123"
VARIABLES = set(re.findall(r"\$\{([A-Z_]+)\}", "".join(map(_text, preset_names()))))
EVERY = providers_with_keys(dict.fromkeys(VARIABLES, KEY))


def test_it_is_written_where_a_start_looks_and_has_no_key(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "ANTHROPIC_API_KEY": KEY, "GROQ_API_KEY": KEY}
    status, said = write_first_file(None, environ)
    file = tmp_path / "switchyard" / "config.yaml"
    assert status == 0 and f"wrote {file}" in said
    assert "anthropic (ANTHROPIC_API_KEY), groq (GROQ_API_KEY)" in said
    text = file.read_text()
    assert KEY not in text + said
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    config = parse_config(text.encode(), file, environ)
    assert [provider.name for provider in config.providers] == ["anthropic", "groq", "demo"]
    assert config.combos[STACK].members == ("anthropic/claude-sonnet-4-5",)
    assert check(None, environ)[0] == 0


def test_an_existing_file_stays(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("mine")
    status, said = write_first_file(str(file), {})
    assert status == 1 and "is there already and stays as it is" in said
    assert file.read_text() == "mine"
    (tmp_path / "link.yaml").symlink_to(tmp_path / "nowhere")
    assert write_first_file(str(tmp_path / "link.yaml"), {})[0] == 1
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    status, said = write_first_file(str(tmp_path / "file" / "a.yaml"), {})
    assert status == 1 and said.startswith("cannot write ")


def test_without_any_key_the_demo_answers(tmp_path: Path) -> None:
    config = parse_config(first_file({}).encode(), tmp_path / "a.yaml", {})
    assert [provider.builtin for provider in config.providers] == ["demo"]
    assert config.combos[STACK].members == ("demo/echo",)


def test_keys_beside_it_count(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"ZAI_API_KEY={KEY}\n")
    status, said = write_first_file(str(tmp_path / "my.yaml"), {})
    assert status == 0 and "zai (ZAI_API_KEY)" in said and "my.yaml, then" in said


def test_presets_that_need_more_than_a_key_are_not_offered() -> None:
    assert "azure" in preset_names()
    assert not {"azure", "cloudflare"} & {*EVERY}
    assert "bedrock" in EVERY, "its address has a default"


@pytest.mark.parametrize("preset", preset_names())
def test_every_preset_with_a_key_is_live_or_stands_as_a_comment(
    preset: str, tmp_path: Path
) -> None:
    if preset not in EVERY:
        return  # it needs no key, or reads the variable of another one
    every = EVERY
    alone = {preset: every[preset]}
    text = first_file(alone)
    config = parse_config(text.encode(), tmp_path / "a.yaml", {every[preset]: KEY})
    assert config.providers[0].name == preset
    others = [f"# - preset: {name} # {variable}" for name, variable in every.items()]
    assert all(line in text for line in others if f": {preset} " not in line)

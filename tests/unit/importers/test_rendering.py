"""The text of a new file and of its variables."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from switchyard.config.dotenv import read_dotenv
from switchyard.importers.draft import Draft
from switchyard.importers.members import ImportReport
from switchyard.importers.members import ReportLine
from switchyard.importers.rendering import Heading
from switchyard.importers.rendering import plain_data
from switchyard.importers.rendering import render
from switchyard.importers.rendering import render_variables
from switchyard.importers.secret_names import DraftSecret
from switchyard.importers.secret_names import SecretNames

HEADING = Heading("other (file.json)", "2026-11-29")


def draft() -> Draft:
    made = Draft(ImportReport())
    secret = DraftSecret("hidden", "one api key")
    made.add_provider("one", "list[0]", url="https://one.example", keys=[{"api-key": secret}])
    made.add_combo("stack", ["one/a", "one/b"])
    made.aliases["fast"] = ["one/a"]
    return made


def test_secrets_are_variables_or_inline() -> None:
    names = SecretNames({})
    data = plain_data(draft(), names, inline=False)
    assert "hidden" not in str(data)
    assert names.values == {"ONE_API_KEY": "hidden"}
    assert "hidden" in str(plain_data(draft(), SecretNames({}), inline=True))


def test_short_forms_and_comments() -> None:
    data = plain_data(draft(), SecretNames({}), inline=False)
    left_out = [ReportLine("a.b\nproviders: []", "is\tstrange")]
    text = render(data, HEADING, left_out, [], {"one": "list[0]"})
    assert text.startswith("# Imported from other (file.json) on 2026-11-29 by scripts/import.")
    assert "#   a.b providers: []: is strange" in text
    assert "  # list[0]\n  - name: one" in text
    loaded = YAML(typ="safe").load(text)
    assert loaded["combos"] == {"stack": ["one/a", "one/b"]}
    assert loaded["aliases"] == {"fast": "one/a"}


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_text_is_loaded_as_it_was(text: str) -> None:
    made = Draft(ImportReport())
    made.sections["payload"] = {"default": [{"params": {"a": text}}]}
    data = plain_data(made, SecretNames({}), inline=False)
    loaded = YAML(typ="safe").load(render(data, HEADING, [], [], {}))
    found = loaded["payload"]["default"][0]["params"]["a"]
    assert found.replace("$${", "${") == text


@pytest.mark.parametrize(
    "value",
    ["plain", "with 'quotes'", "with \"both\" and 'one'", "back\\slash'", "# $X ${Y} =", "a\nb"],
)
def test_variables_are_read_as_they_were(value: str, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(render_variables({"A": "first", "B": value}, "config.yaml"))
    assert read_dotenv(file) == {"A": "first", "B": value}

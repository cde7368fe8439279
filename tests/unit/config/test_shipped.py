"""Tables that each start reads come parsed, as long as they are what their YAML says."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from scripts import parsed_tables
from switchyard.config import shipped


@pytest.mark.parametrize("name", parsed_tables.TABLES)
def test_a_parsed_table_says_what_its_yaml_says(name: str):
    assert shipped.read_table(name) == YAML(typ="safe").load(shipped.SHIPPED / name)


def test_the_committed_tables_are_those_of_the_files():
    assert shipped.PARSED.read_text() == parsed_tables.document(), "run: scripts/docs"


def test_no_yaml_is_read_of_a_parsed_table(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shipped, "YAML", None)
    assert all(map(shipped.read_table, parsed_tables.TABLES))


def test_a_file_that_was_changed_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    changed = tmp_path / "hosts.yaml"
    changed.write_text("hosts: {example.com: }\n")
    monkeypatch.setattr(shipped, "SHIPPED", tmp_path)
    assert shipped.read_table("hosts.yaml") == {"hosts": {"example.com": None}}

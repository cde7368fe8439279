"""Where the files of other routers are looked for."""

from pathlib import Path

from switchyard.importers.sources import SOURCES
from switchyard.importers.sources import found_sources


def test_files_of_this_machine(tmp_path: Path) -> None:
    assert found_sources(tmp_path, {}) == []
    file = tmp_path / ".claude-code-router" / "config.json"
    file.parent.mkdir()
    file.write_text("{}")
    assert found_sources(tmp_path, {}) == [("claude-code-router", file)]


def test_places_are_below_the_home_or_a_folder_of_the_environment() -> None:
    for source in SOURCES.values():
        assert source.places
        assert all(place.startswith(("~/", "$")) for place in source.places)

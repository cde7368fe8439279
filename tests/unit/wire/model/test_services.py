"""Paths that a provider serves besides calls to models."""

import pytest

from switchyard.wire.model.services import Services

SERVICES = Services(frozenset({"/files", "/files/", "/audio/"}))


@pytest.mark.parametrize(
    ("path", "has"),
    [("/files", True), ("/files/f-1/content", True), ("/audio/speech", True), ("/audio", False),
     ("/filesx", False), ("/v1/files", False), ("", False)],
)  # fmt: skip
def test_what_ends_in_a_slash_stands_for_all_below(path: str, has: bool) -> None:
    assert SERVICES.has(path) == has

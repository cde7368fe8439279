"""A provider's address that cannot be one is told without its secrets."""

import pytest

from tests.unit.config.loading import problems

URL_HINT = "Hint: write https://host/path."
SOCKET_HINT = "Hint: write https://host/path, or unix:/path/to.sock."
_SOCKET = "names no Unix socket by its whole path. Hint: write unix:/path/to.sock."


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("one.example/v1", f"must be an http:// or https:// URL. {SOCKET_HINT}"),
        ("ftp://one.example", f"must be an http:// or https:// URL. {SOCKET_HINT}"),
        ("https://", f"is not a URL with a host. {URL_HINT}"),
        ("https://one.example:port/", "is not a URL."),
        ("unix:", _SOCKET),
        ("unix:here.sock", _SOCKET),
        ("http+unix:///run/x.sock", _SOCKET),
        ("https://[::1", "is not a URL."),
        ("https://one .example", f"is not a URL with a host. {URL_HINT}"),
        (
            "https://user:sk-secret@one.example",
            "has a user name or password in it. Hint: put the key into api-key-entries.",
        ),
        (
            "https://one.example/v1?key=sk-secret",
            "has a ? or # in it. Hint: leave out what comes after the path.",
        ),
    ],
)
def test_addresses(url: str, said: str) -> None:
    found = problems(f'providers:\n  - name: one\n    base-url: "{url}"\n')
    assert found == [f"test.yaml:3: providers[0].base-url: {said}"]

"""Origins of web pages and addresses of reverse proxies, as a file has them."""

import pytest
from pydantic import TypeAdapter
from pydantic import ValidationError

from switchyard.config.web_access import Origins
from switchyard.config.web_access import ProxyNetworks

origins = TypeAdapter(Origins).validate_python
proxies = TypeAdapter(ProxyNetworks).validate_python


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("https://app.example", "https://app.example"),
        ("HTTPS://App.Example:443/", "https://app.example"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[::1]:80", "http://[::1]"),
        ("http://app.example:443", "http://app.example:443"),
        ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
        ("*", "*"),
    ],
)
def test_an_origin_is_what_a_browser_sends(written: str, meant: str) -> None:
    assert origins(written) == origins([written]) == (meant,)


@pytest.mark.parametrize(
    "wrong",
    ["app.example", "https://app.example/path", "https://*.example", "null", "", 7, "https://"],
)
def test_what_is_no_origin(wrong: object) -> None:
    with pytest.raises(ValidationError, match="is no origin of web pages"):
        origins([wrong])


def test_proxies_are_address_ranges() -> None:
    assert [str(one) for one in proxies(["127.0.0.1", "10.0.0.0/8", "fd00::/8"])] == [
        "127.0.0.1/32",
        "10.0.0.0/8",
        "fd00::/8",
    ]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("nginx", "no address range"),
        ("0.0.0.0/0", "holds every address"),
        ("::/0", "holds every address"),
    ],
)
def test_who_is_no_proxy(wrong: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        proxies([wrong])

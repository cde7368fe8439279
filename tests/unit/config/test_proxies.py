"""Which proxy the environment means for a URL, and which URLs are proxies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.config.proxies import EnvironmentProxies
from switchyard.config.proxies import Proxy
from switchyard.config.proxies import ProxyError
from switchyard.config.proxies import parse_proxy

PROXY = {"HTTPS_PROXY": "http://secure:1", "HTTP_PROXY": "http://plain:2"}


def host_for(url: str, **environment: str) -> str | None:
    found = EnvironmentProxies.read(environment).find(url)
    return found[1].host if found else None


def test_the_schemes_have_variables_of_their_own() -> None:
    assert host_for("https://a.example", **PROXY) == "secure"
    assert host_for("http://a.example", **PROXY) == "plain"
    assert host_for("http://a.example", HTTPS_PROXY="http://x") is None
    assert host_for("https://a.example") is None


def test_all_proxy_is_for_what_has_none() -> None:
    environment = {"HTTPS_PROXY": "http://secure:1", "ALL_PROXY": "socks5h://all"}
    assert host_for("https://a.example", **environment) == "secure"
    assert host_for("http://a.example", **environment) == "all"


def test_lower_case_goes_first_and_empty_is_none() -> None:
    assert host_for("http://a.example", http_proxy="http://low", HTTP_PROXY="http://up") == "low"
    assert host_for("http://a.example", http_proxy="", HTTP_PROXY="http://up") == "up"
    assert host_for("http://a.example", HTTP_PROXY=" ") is None


def test_the_variable_is_told() -> None:
    found = EnvironmentProxies.read({"all_proxy": "socks5://u:p@h"}).find("https://a.example")
    assert found is not None and found[0] == "all_proxy"
    assert found[1].label == "socks5://h:1080"


def test_a_url_without_scheme_is_an_http_proxy() -> None:
    proxies = EnvironmentProxies.read({"HTTP_PROXY": "corp:3128"})
    assert proxies.find("http://a.example") == ("HTTP_PROXY", Proxy("http", "corp", 3128))


@pytest.mark.parametrize(
    ("entry", "spared", "not_spared"),
    [
        ("*", ["https://any.example", "https://10.0.0.1"], []),
        (
            "corp.example",
            ["https://corp.example", "https://API.corp.example", "https://corp.example.:8443"],
            ["https://mycorp.example", "https://corp.example.org"],
        ),
        (".corp.example", ["https://a.corp.example", "https://corp.example"], ["https://xcorp.example"]),
        ("*.corp.example", ["https://a.corp.example"], ["https://xcorp.example"]),
        ("Corp.Example:8443", ["https://corp.example:8443"], ["https://corp.example"]),
        ("corp.example:443", ["https://corp.example"], ["https://corp.example:8443"]),
        ("10.1.2.3", ["https://10.1.2.3", "https://10.1.2.3:9"], ["https://10.1.2.30"]),
        ("10.1.2.3:9", ["https://10.1.2.3:9"], ["https://10.1.2.3"]),
        ("10.0.0.0/8", ["https://10.200.1.1"], ["https://11.0.0.1", "https://ten.example"]),
        ("fd00::/8", ["https://[fd12::1]"], ["https://[fe80::1]", "https://10.0.0.1"]),
        ("fd12::1", ["https://[fd12::1]:77"], ["https://[fd12::2]"]),
        ("[fd12::1]:77", ["https://[fd12::1]:77"], ["https://[fd12::1]"]),
        ("a.example, b.example c.example", ["https://b.example", "https://c.example"], ["https://d.example"]),
        ("", [], ["https://a.example"]),
        (".", [], ["https://a.example"]),
        ("10.0.0.0/99", [], ["https://10.0.0.1"]),
    ],
)  # fmt: skip
def test_no_proxy(entry: str, spared: list[str], not_spared: list[str]) -> None:
    for url in spared:
        assert host_for(url, HTTPS_PROXY="http://p", no_proxy=entry) is None, url
    for url in not_spared:
        assert host_for(url, HTTPS_PROXY="http://p", no_proxy=entry) == "p", url


@pytest.mark.parametrize("host", ["localhost", "api.localhost", "127.0.0.1", "127.9.9.9", "[::1]"])
def test_this_machine_is_reached_directly(host: str) -> None:
    assert host_for(f"http://{host}:11434", ALL_PROXY="http://p") is None


@pytest.mark.parametrize(
    "text",
    [
        "socks4://h:1", "ftp://h", "h:1", "http://", "http://h:99999", "http://h:0", "http://h/path",
        "http://h?x=1", "socks5://user@h", f"socks5://u:{'p' * 256}@h", "http://ho st", "",
    ],
)  # fmt: skip
def test_what_is_no_proxy(text: str) -> None:
    with pytest.raises(ProxyError):
        parse_proxy(text)


def test_parts_are_unquoted_and_ports_known() -> None:
    proxy = parse_proxy("https://us%40er:p%3Aw@[::1]/")
    assert (proxy.username, proxy.password.get_secret_value()) == ("us@er", "p:w")
    assert proxy.label == "https://[::1]:443"
    assert parse_proxy("socks5://h").port == 1080 and parse_proxy("http://h").port == 80


def test_the_variable_and_not_its_value_is_named_where_it_is_wrong() -> None:
    with pytest.raises(ProxyError) as caught:
        EnvironmentProxies.read({"ALL_PROXY": "socks9://user:hidden@h"})
    assert "ALL_PROXY" in str(caught.value) and "hidden" not in str(caught.value)


@given(st.text(), st.text())
def test_nothing_but_a_proxy_error_is_raised(value: str, spared: str) -> None:
    try:
        proxies = EnvironmentProxies.read({"ALL_PROXY": value, "NO_PROXY": spared})
    except ProxyError as e:
        assert len(value) < 12 or value not in str(e)
    else:
        proxies.find("https://a.example:8443/v1")

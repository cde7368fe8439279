import pytest
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.test import taddons

from switchyard.egress.surroundings import SurroundingsError
from switchyard.egress.surroundings import read_surroundings


def test_proxies_and_own_addresses() -> None:
    with taddons.context(Proxyserver()) as context:
        context.options.update(listen_host="127.0.0.1", listen_port=8787)
        found = read_surroundings({"HTTPS_PROXY": "http://proxy.example:3128"})
    assert found.own == {("127.0.0.1", 8787)}
    way = found.proxies.find("https://a.example/v1")
    assert way is not None and (way[1].host, way[1].port) == ("proxy.example", 3128)


def test_the_proxy_of_upstream_mode_leads_everywhere_else() -> None:
    with taddons.context(Proxyserver()) as context:
        context.options.update(mode=["upstream:http://corp.example:8080"], listen_port=8787)
        context.options.add_option("upstream_auth", str | None, "me:pw", "")
        found = read_surroundings({})
    way = found.proxies.find("https://a.example/v1")
    assert way is not None
    assert (way[1].host, way[1].username) == ("corp.example", "me")
    assert way[1].password.get_secret_value() == "pw"


@pytest.mark.parametrize(
    ("mode", "variables", "says"),
    [
        ("regular", {"HTTPS_PROXY": "nonsense://x"}, "the environment variable HTTPS_PROXY"),
        ("upstream:http://127.0.0.1:8787", {}, "as its own upstream proxy"),
    ],
)
def test_what_cannot_be_understood(mode: str, variables: dict[str, str], says: str) -> None:
    with taddons.context(Proxyserver()) as context:
        context.options.update(mode=[mode], listen_host="127.0.0.1", listen_port=8787)
        context.options.add_option("upstream_auth", str | None, None, "")
        with pytest.raises(SurroundingsError, match=says):
            read_surroundings(variables)

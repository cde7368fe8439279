"""Which addresses receivers may have."""

import socket
from collections.abc import Callable

import pytest

from switchyard.webhooks.public_addresses import AddressRefused
from switchyard.webhooks.public_addresses import address_of_host
from switchyard.webhooks.public_addresses import is_public


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.3.4", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "192.0.0.8", "198.18.0.1", "192.0.2.1"),
        *("224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "fec0::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1"),
        *("64:ff9b::a00:1", "2002:7f00:1::1", "2002:a00:1::1", "64:ff9b:1::a00:1"),
        *("2001:0:0:0:0:0:80ff:fffe", "localhost", ""),
    ],
)
def test_addresses_inside(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["9.9.9.9", "2620:fe::fe", "::ffff:9.9.9.9", "64:ff9b::909:909"]
)
def test_addresses_of_the_public_internet(address: str) -> None:
    assert is_public(address)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Has every name lead to these addresses; returns the names that were looked up."""
    asked: list[str] = []

    def lead_to(*addresses: str) -> list[str]:
        def look_up(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
            asked.append(host)
            return [(0, 0, 0, "", (address, port)) for address in addresses]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        return asked

    return lead_to


def test_a_name_is_looked_up_once(found: Callable[..., list[str]]) -> None:
    asked = found("2620:fe::fe", "9.9.9.9")
    assert address_of_host("hooks.example", 443, False) == "9.9.9.9"
    assert asked == ["hooks.example"]


def test_a_name_that_leads_inside_is_refused(found: Callable[..., list[str]]) -> None:
    found("127.0.0.1", "fd00::1")
    with pytest.raises(AddressRefused, match="not of the public internet"):
        address_of_host("hooks.example", 443, False)
    assert address_of_host("hooks.example", 443, True) == "127.0.0.1"


def test_of_several_addresses_a_public_one_is_called(found: Callable[..., list[str]]) -> None:
    found("10.0.0.1", "2620:fe::fe")
    assert address_of_host("hooks.example", 443, False) == "2620:fe::fe"

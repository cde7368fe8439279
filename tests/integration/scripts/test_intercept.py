"""The rules of `scripts/intercept` as text, and its command line."""

import subprocess
import sys

import pytest

from switchyard.commands import intercept
from switchyard.commands.redirect import CgroupRule
from switchyard.commands.redirect import Redirect
from tests.support.router import ROOT


def rules(**about: object) -> list[str]:
    text = Redirect(port=8788, **about).rules  # pyright: ignore[reportArgumentType]
    return [line.strip() for line in text.splitlines()]


def test_a_users_rules() -> None:
    told = rules(users=(1000,))
    assert told[:3] == [
        "table inet switchyard",
        "delete table inet switchyard",
        "table inet switchyard {",
    ], "made if it is not there, and replaced in one step"
    assert "meta skuid 1000 meta nfproto ipv4 tcp dport { 80, 443 } redirect to :8788" in told
    assert "meta skuid 1000 udp dport 443 reject with icmpx type port-unreachable" in told
    assert "meta skuid 1000 meta nfproto ipv6 tcp dport { 80, 443 } reject with tcp reset" in told


def test_where_the_router_has_ipv6_it_gets_that_too() -> None:
    told = rules(users=(1000,), ipv6=True)
    assert "meta skuid 1000 meta nfproto ipv6 tcp dport { 80, 443 } redirect to :8788" in told
    assert not any("tcp reset" in line for line in told)


@pytest.mark.parametrize("about", [{"users": (7, 8)}, {"everybody": True}])
@pytest.mark.parametrize("router", [CgroupRule("unified/switchyard-router", 1), 42])
def test_the_routers_own_connections_come_first(about, router) -> None:
    told = rules(router=router, **about)
    own = router.match if isinstance(router, CgroupRule) else f"meta skuid {router}"
    for chain in "".join(f"{line}\n" for line in told).split("chain ")[1:]:
        lines = chain.splitlines()[2:]
        assert lines[:2] == ["fib daddr type local return", f"{own} return"]


def test_a_namespaces_rules_leave_the_loopback_address_shut() -> None:
    told = rules(interface="veth7", ports=(443,))
    assert 'iifname "veth7" ip daddr 127.0.0.0/8 drop' in told
    assert 'iifname "veth7" meta nfproto ipv4 tcp dport { 443 } dnat ip to 127.0.0.1:8788' in told
    assert all(line.startswith("iifname") for line in told if "dport" in line)


@pytest.mark.parametrize(
    "arguments",
    [["up"], ["up", "--user", "a", "--netns", "b"], ["up", "--user", "a", "--inside"], ["sideways"],
     ["up", "--user", "a", "--ports", "80,x"], ["up", "--user", "a", "--on-exit", "ajar"]],
)  # fmt: skip
def test_what_is_not_understood(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        intercept.main(arguments)
    assert end.value.code == 2
    assert "usage: scripts/intercept" in capsys.readouterr().err


def test_whoever_is_not_root_is_told(monkeypatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(intercept.machine.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(intercept.machine.shutil, "which", lambda _: "/there")
    assert intercept.main(["up", "--user", "root"]) == 1
    assert "use sudo" in capsys.readouterr().err


def test_a_missing_nft_is_told(monkeypatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(intercept.machine.shutil, "which", lambda tool: None)
    assert intercept.main(["down"]) == 1
    assert "nft is missing: install the package nftables" in capsys.readouterr().err


def test_the_script_by_itself() -> None:
    command = [sys.executable, "-I", str(ROOT / "scripts" / "launch.py"), "intercept", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert "--on-exit" in done.stdout

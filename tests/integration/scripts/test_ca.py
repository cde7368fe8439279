"""`scripts/ca`: what it would do where, and that it does it, in a copy of the system's store."""

import builtins
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from switchyard.commands import ca
from tests.support.router import ROOT

DEBIAN, FEDORA = ca.STORES


@pytest.fixture
def confdir(tmp_path: Path) -> Path:
    """An authority as mitmproxy makes one."""
    authority = trustme.CA()
    place = tmp_path / "confdir"
    place.mkdir()
    authority.cert_pem.write_to_path(str(place / ca.CERTIFICATE))
    issued = authority.issue_cert("api.example.com")
    issued.cert_chain_pems[0].write_to_path(str(place / "site.pem"))
    return place


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ca.TrustStore:
    """A store that is no system's."""
    monkeypatch.setattr(ca.platform, "system", lambda: "Linux")
    made = ca.TrustStore(tmp_path / "anchor.crt", ("true",), ("true", "--fresh"))
    monkeypatch.setattr(ca, "find_store", lambda: made)
    return made


def test_the_steps_of_each_system(confdir: Path) -> None:
    certificate = confdir / ca.CERTIFICATE
    authority = ca.read_authority(certificate, [os.getuid()])
    steps = {
        (action, name): ca.plan(action, authority, system, store).steps
        for action in ("install", "remove")
        for name, system, store in (
            ("debian", "Linux", DEBIAN), ("fedora", "Linux", FEDORA), ("mac", "Darwin", None),
        )
    }  # fmt: skip
    anchor = "/usr/local/share/ca-certificates/switchyard-ca.crt"
    assert steps["install", "debian"] == [f"cp {certificate} {anchor}", "update-ca-certificates"]
    assert steps["remove", "debian"] == [f"rm {anchor}", "update-ca-certificates --fresh"]
    anchor = "/etc/pki/ca-trust/source/anchors/switchyard-ca.pem"
    assert steps["install", "fedora"] == [f"cp {certificate} {anchor}", "update-ca-trust extract"]
    assert steps["remove", "fedora"] == [f"rm {anchor}", "update-ca-trust extract"]
    (step,) = steps["install", "mac"]
    assert step.startswith("security add-trusted-cert -d -r trustRoot -k /Library/Keychains/")
    (step,) = steps["remove", "mac"]
    assert ca.fingerprint(authority) in step
    with pytest.raises(ca.TrustError, match="no store of a known kind"):
        ca.plan("install", authority, "Linux", None)


@pytest.mark.parametrize("answer", ["", "n", "no", "anything"])
def test_nothing_is_done_without_consent(
    confdir: Path, store: ca.TrustStore, monkeypatch: pytest.MonkeyPatch, capsys, answer: str
) -> None:
    monkeypatch.setattr(builtins, "input", lambda _: answer)
    assert ca.main(["install", "--confdir", str(confdir)]) == 1
    assert not store.anchor.exists()
    said = capsys.readouterr().out
    assert f"cp {confdir / ca.CERTIFICATE} {store.anchor}" in said
    assert "nothing was done" in said


def test_printing_does_nothing(confdir: Path, store: ca.TrustStore, capsys) -> None:
    assert ca.main(["install", "--print", "--confdir", str(confdir)]) == 0
    assert "To be done, as root:" in capsys.readouterr().out
    assert not store.anchor.exists()


def test_there_and_back(confdir: Path, store: ca.TrustStore, monkeypatch, capsys) -> None:
    where = ["--confdir", str(confdir)]
    monkeypatch.setattr(builtins, "input", lambda _: "y")
    assert ca.main(["status", *where]) == 3
    assert ca.main(["install", *where]) == 0
    assert store.anchor.read_bytes() == (confdir / ca.CERTIFICATE).read_bytes()
    assert ca.main(["status", *where]) == 0
    assert ca.main(["install", *where]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert ca.main(["remove", "--yes", *where]) == 0
    assert not store.anchor.exists()


def test_an_authority_that_is_not_there_is_told(tmp_path: Path, capsys) -> None:
    assert ca.main(["install", "--yes", "--confdir", str(tmp_path)]) == 1
    assert "the router makes it when it first starts" in capsys.readouterr().err


ODD = ("link", "dangling link", "fifo", "folder", "key", "two", "key beside", "site", "text",
       "empty", "huge", "latin", "writable", "writable folder")  # fmt: skip


@pytest.mark.parametrize("kind", ODD)
def test_only_one_authority_in_a_file_of_its_own_is_installed(
    confdir: Path, store: ca.TrustStore, capsys, kind: str
) -> None:
    file, secret = confdir / ca.CERTIFICATE, confdir / "secret"
    good = file.read_bytes()
    key = b"-----BEGIN PRIVATE KEY-----\nMC4CAQ==\n-----END PRIVATE KEY-----\n"
    if kind not in ("writable", "writable folder"):
        file.unlink()
    match kind:
        case "link":
            secret.write_bytes(good)
            file.symlink_to(secret)
        case "dangling link":
            file.symlink_to(secret)
        case "fifo":
            os.mkfifo(file)
        case "folder":
            file.mkdir()
        case "key":
            file.write_bytes(key)
        case "two":
            file.write_bytes(good + trustme.CA().cert_pem.bytes())
        case "key beside":
            file.write_bytes(good + key)
        case "site":
            file.write_bytes((confdir / "site.pem").read_bytes())
        case "text" | "empty":
            file.write_bytes(b"root:x:0:0::/root:/bin/sh\n" if kind == "text" else b"")
        case "huge":
            file.write_bytes(good + b"\n" * 10**6)
        case "latin":
            file.write_bytes(good.replace(b"M", b"\xff", 1))
        case "writable":
            file.chmod(0o666)
        case "writable folder":
            confdir.chmod(0o777)
    assert ca.main(["install", "--yes", "--confdir", str(confdir)]) == 1
    assert capsys.readouterr().err.startswith("scripts/ca: ")
    assert not store.anchor.exists()


def test_a_strangers_authority_is_refused_unless_it_is_named(
    confdir: Path, store: ca.TrustStore, monkeypatch, capsys
) -> None:
    if os.geteuid() != 0:
        pytest.skip("NOT TRIED: only root gives files away")
    stranger = 54_321
    arguments = ["install", "--yes", "--confdir", str(confdir)]
    os.chown(confdir / ca.CERTIFICATE, stranger, -1)
    assert ca.main(arguments) == 1
    assert f"belongs to user {stranger}" in capsys.readouterr().err
    os.chown(confdir / ca.CERTIFICATE, 0, -1)
    os.chown(confdir, stranger, -1)
    assert ca.main(arguments) == 1, "its folder's owner can put another one there"
    assert not store.anchor.exists()
    assert ca.main([*arguments, "--owner", str(stranger)]) == 0
    assert ca.main(["remove", *arguments[1:], "--owner", str(stranger)]) == 0
    monkeypatch.setenv("SUDO_UID", str(stranger))
    assert ca.main(arguments) == 0
    assert ca.main([*arguments, "--owner", "nobody-of-that-name"]) == 1


def test_what_was_looked_at_is_what_is_installed(
    confdir: Path, store: ca.TrustStore, tmp_path
) -> None:
    file = confdir / ca.CERTIFICATE
    authority = ca.read_authority(file, [os.getuid()])
    file.unlink()
    file.symlink_to(tmp_path / "secret")
    (tmp_path / "precious").write_text("precious")
    store.anchor.symlink_to(tmp_path / "precious")
    ca.carry_out(ca.plan("install", authority, "Linux", store))
    assert store.anchor.read_bytes() == authority.pem and not store.anchor.is_symlink()
    assert store.anchor.stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "precious").read_text() == "precious"


def test_in_a_copy_of_this_systems_store(confdir: Path, tmp_path: Path) -> None:
    """What the system's own programs then believe, in a mount namespace that ends with the test."""
    if os.geteuid() != 0 or shutil.which("update-ca-certificates") is None:
        pytest.skip("NOT TRIED: needs root and update-ca-certificates (Debian)")
    script = f"""
    set -e
    for place in etc/ssl usr/local/share/ca-certificates; do
        mkdir -p {tmp_path}/copy/$place
        cp -a /$place/. {tmp_path}/copy/$place
        mount --bind {tmp_path}/copy/$place /$place
    done
    believes() {{ openssl verify -CApath /etc/ssl/certs {confdir}/site.pem; }}
    ca() {{ {sys.executable} -I {ROOT}/scripts/launch.py ca "$@" --yes --confdir {confdir}; }}
    believes && exit 10
    ca install
    believes || exit 11
    ca remove
    believes && exit 12
    cmp /etc/ssl/certs/ca-certificates.crt {tmp_path}/before || exit 13
    """
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", tmp_path / "before")
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, timeout=120
    )
    if "unshare" in done.stderr:
        pytest.skip(f"NOT TRIED: {done.stderr.strip()}")
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)

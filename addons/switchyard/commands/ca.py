"""Puts the router's certificate authority into the system's store, and takes it out again.

The command `ca` runs this. Nothing is done before it was shown and agreed to.
"""

import argparse
import errno
import hashlib
import os
import platform
import pwd
import re
import shlex
import shutil
import ssl
import stat
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from switchyard.egress.system_roots import CERTIFICATE
from switchyard.programs import program_of

NAME = "switchyard-ca"
_KEYCHAIN = "/Library/Keychains/System.keychain"
_NOT_THERE = 3

_LONGEST_CERTIFICATE = 64 * 1024
_ONE_CERTIFICATE = re.compile(
    rb"\s*-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*"
)

EPILOG = f"""\
Tools that bring certificates of their own do not look into the system's store: most Python and
Node tools are among them. {program_of("run-with")} sets the variables that they read.
"""


class TrustError(Exception):
    """What is wrong, in words for the user."""


@dataclass(frozen=True, slots=True)
class TrustStore:
    """Where a family of systems keeps the authorities that its owner adds."""

    anchor: Path
    """The file for ours."""
    refresh: tuple[str, ...]
    """Has the system read its files anew after one was added."""
    forget: tuple[str, ...]
    """The same after one was removed."""


STORES = (
    # Debian, Ubuntu, Alpine: update-ca-certificates(8)
    TrustStore(
        Path("/usr/local/share/ca-certificates") / f"{NAME}.crt",
        ("update-ca-certificates",),
        ("update-ca-certificates", "--fresh"),
    ),
    # Fedora, RHEL: update-ca-trust(8)
    TrustStore(
        Path("/etc/pki/ca-trust/source/anchors") / f"{NAME}.pem",
        ("update-ca-trust", "extract"),
        ("update-ca-trust", "extract"),
    ),
)


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate that was looked at; what is installed is this, whatever its file becomes."""

    path: Path
    pem: bytes


@dataclass(frozen=True, slots=True)
class TrustPlan:
    """What there is to do, and what it comes to in words."""

    copy: tuple[Authority, Path] | None = None
    delete: Path | None = None
    run: tuple[str, ...] = ()

    @property
    def steps(self) -> list[str]:
        told: list[str] = []
        if self.copy:
            told.append(shlex.join(["cp", str(self.copy[0].path), str(self.copy[1])]))
        if self.delete:
            told.append(shlex.join(["rm", str(self.delete)]))
        return [*told, shlex.join(self.run)]


def plan(action: str, authority: Authority, system: str, store: TrustStore | None) -> TrustPlan:
    """The steps of `install` or `remove` on a system. Raises TrustError where none are known."""
    if system == "Darwin":
        if action == "install":
            words = ("security", "add-trusted-cert", "-d", "-r", "trustRoot", "-k", _KEYCHAIN)
            return TrustPlan(run=(*words, str(authority.path)))
        words = ("security", "delete-certificate", "-Z", fingerprint(authority), "-t")
        return TrustPlan(run=(*words, _KEYCHAIN))
    if store is None:
        raise TrustError(
            f"no store of a known kind is here. Add {authority.path} to the certificates that your "
            "system trusts, in its own way."
        )
    if action == "install":
        return TrustPlan(copy=(authority, store.anchor), run=store.refresh)
    return TrustPlan(delete=store.anchor, run=store.forget)


def find_store() -> TrustStore | None:
    """The store of this system."""
    return next((store for store in STORES if shutil.which(store.refresh[0])), None)


def read_authority(certificate: Path, owners: Sequence[int]) -> Authority:
    """The authority in a file.

    Raises TrustError unless it is a regular file of one of `owners` (user ids) that no other user
    can write to, and holds the certificate of one authority and no more.

    Root copies it to where everybody can read it: by a link it would publish any file.
    """
    try:
        opened = open(certificate, "rb", opener=_not_through_a_link)
    except FileNotFoundError:
        said = f"{certificate} is not there; the router makes it when it first starts."
        raise TrustError(said) from None
    except OSError as error:
        said = "is a symbolic link" if error.errno == errno.ELOOP else str(error.strerror)
        remedy = "name the folder of the authority itself."
        raise TrustError(f"{certificate}: {said}; {remedy}") from None
    with opened as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise TrustError(f"{certificate} is not a regular file.")
        _check_owner(certificate, about, owners)
        _check_owner(certificate.parent, os.stat(certificate.parent), owners)
        pem = file.read(_LONGEST_CERTIFICATE + 1)
    if not _is_one_authority(pem):
        raise TrustError(f"{certificate} is not the certificate of one authority, and no more.")
    return Authority(certificate, pem)


def _not_through_a_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _check_owner(path: Path, about: os.stat_result, owners: Sequence[int]) -> None:
    if about.st_uid not in owners:
        raise TrustError(
            f"{path} belongs to user {about.st_uid}, who could be any site to this machine. "
            f"Where that is meant: --owner {about.st_uid}."
        )
    if about.st_mode & stat.S_IWOTH:
        raise TrustError(f"{path} can be written to by every user: chmod o-w {path}.")


def _is_one_authority(pem: bytes) -> bool:
    match = _ONE_CERTIFICATE.fullmatch(pem) if len(pem) <= _LONGEST_CERTIFICATE else None
    if match is None:
        return False
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=pem.decode("ascii"))
    except (ssl.SSLError, ValueError):
        return False
    return context.cert_store_stats()["x509_ca"] == 1


def fingerprint(authority: Authority) -> str:
    """SHA-1 of the certificate, as `security` calls it by."""
    der = ssl.PEM_cert_to_DER_cert(authority.pem.decode("ascii"))
    return hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()


def is_installed(authority: Authority, system: str, store: TrustStore | None) -> bool:
    """Whether the very authority of this router is in the store."""
    if system == "Darwin":
        listed = subprocess.run(
            ["security", "find-certificate", "-a", "-Z", _KEYCHAIN], capture_output=True, text=True
        )
        return fingerprint(authority) in listed.stdout
    try:
        return store is not None and store.anchor.read_bytes() == authority.pem
    except OSError:
        return False


def carry_out(todo: TrustPlan) -> None:
    """Raises TrustError if a step fails."""
    try:
        if todo.copy:
            _write(todo.copy[0].pem, todo.copy[1])
        if todo.delete:
            todo.delete.unlink(missing_ok=True)
        subprocess.run(todo.run, check=True, stdout=subprocess.DEVNULL)
    except PermissionError as error:
        raise TrustError(f"{error.filename}: only root may do this; use sudo.") from None
    except (OSError, subprocess.CalledProcessError) as error:
        raise TrustError(str(error)) from None


def _write(content: bytes, path: Path) -> None:
    """Has `path` hold `content`, for everybody to read, whatever was there. Raises OSError."""
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), 0o644)
        os.replace(partial, path)
    except BaseException:
        os.unlink(partial)
        raise


def owners_of(named: str | None) -> list[int]:
    """The ids of the users whose authority may be installed.

    Root's, that of whoever asks, under sudo too, and of the one named. Raises TrustError if there
    is no such user.
    """
    sudo = os.environ.get("SUDO_UID", "")
    owners = [0, os.getuid(), *([int(sudo)] if sudo.isdecimal() else [])]
    if named is None:
        return owners
    try:
        return [*owners, int(named) if named.isdecimal() else pwd.getpwnam(named).pw_uid]
    except KeyError:
        raise TrustError(f"there is no user {named!r}.") from None


def default_confdir() -> Path:
    """Where the router of whoever asked has its authority, under sudo too."""
    user = os.environ.get("SUDO_USER")
    home = Path(pwd.getpwnam(user).pw_dir) if user else Path.home()
    return home / ".mitmproxy"


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog=program_of("ca"),
        description="Has this machine trust the certificates that the router makes, or no longer.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("action", choices=["install", "remove", "status"])
    parser.add_argument("--print", action="store_true", help="only print what would be done")
    parser.add_argument("--yes", action="store_true", help="do it without asking")
    parser.add_argument(
        "--confdir", type=Path, metavar="DIR", default=None,
        help="where the router keeps its authority (default ~/.mitmproxy)",
    )  # fmt: skip
    parser.add_argument(
        "--owner", metavar="USER", default=None,
        help="owner of the authority, besides root and you: the user that runs the router",
    )  # fmt: skip
    return parser


def _main(options: argparse.Namespace) -> int:
    certificate: Path = (options.confdir or default_confdir()).resolve() / CERTIFICATE
    authority = read_authority(certificate, owners_of(options.owner))
    system, store = platform.system(), find_store()
    there = is_installed(authority, system, store)
    if options.action == "status":
        print(f"{certificate} is {'' if there else 'not '}among what this machine trusts.")
        return 0 if there else _NOT_THERE
    if there == (options.action == "install") and not options.print:
        print("nothing to do: it is already so.")
        return 0
    todo = plan(options.action, authority, system, store)
    if options.action == "install":
        print(
            "This machine would trust every certificate that the router makes. Whoever has the\n"
            f"key beside {certificate} could then be any site to it."
        )
    print("To be done, as root:", *(f"  {step}" for step in todo.steps), sep="\n")
    if options.print:
        return 0
    if not options.yes and input("Do it? [y/N] ").strip().lower() not in ("y", "yes"):
        print("nothing was done.")
        return 1
    carry_out(todo)
    undo = program_of("ca remove")
    print("done." if options.action == "remove" else f"done; {undo} undoes it.")
    return 0


def main(arguments: Sequence[str]) -> int:
    """The exit status: 0 done, 1 not done, 2 not understood, 3 status: it is not there."""
    options = make_parser().parse_args(arguments)
    try:
        return _main(options)
    except TrustError as e:
        print(f"{program_of('ca')}: {e}", file=sys.stderr)
    except EOFError:
        message = "not confirmed; --yes skips the question."
        print(f"\n{program_of('ca')}: {message}", file=sys.stderr)
    return 1

"""Puts the router's certificate authority into the system's store, and takes it out again.

`scripts/ca` runs this. Nothing is done before it was shown and agreed to.
"""

import argparse
import hashlib
import os
import platform
import pwd
import shlex
import shutil
import ssl
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CERTIFICATE = "mitmproxy-ca-cert.pem"
NAME = "switchyard-ca"
_KEYCHAIN = "/Library/Keychains/System.keychain"
_NOT_THERE = 3

EPILOG = """\
Tools that bring certificates of their own do not look into the system's store: most Python and
Node tools are among them. scripts/run-with sets the variables that they read.
"""


class Trouble(Exception):
    """What is wrong, in words for the user."""


@dataclass(frozen=True, slots=True)
class Store:
    """Where a family of systems keeps the authorities that its owner adds."""

    anchor: Path
    """The file for ours."""
    refresh: tuple[str, ...]
    """Has the system read its files anew after one was added."""
    forget: tuple[str, ...]
    """The same after one was removed."""


STORES = (
    # Debian, Ubuntu, Alpine: update-ca-certificates(8)
    Store(
        Path("/usr/local/share/ca-certificates") / f"{NAME}.crt",
        ("update-ca-certificates",),
        ("update-ca-certificates", "--fresh"),
    ),
    # Fedora, RHEL: update-ca-trust(8)
    Store(
        Path("/etc/pki/ca-trust/source/anchors") / f"{NAME}.pem",
        ("update-ca-trust", "extract"),
        ("update-ca-trust", "extract"),
    ),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What there is to do, and what it comes to in words."""

    copy: tuple[Path, Path] | None = None
    delete: Path | None = None
    run: tuple[str, ...] = ()

    @property
    def steps(self) -> list[str]:
        told: list[str] = []
        if self.copy:
            told.append(shlex.join(["cp", *map(str, self.copy)]))
        if self.delete:
            told.append(shlex.join(["rm", str(self.delete)]))
        return [*told, shlex.join(self.run)]


def plan(action: str, certificate: Path, system: str, store: Store | None) -> Plan:
    """The steps of `install` or `remove` on a system. Raises Trouble where none are known."""
    if system == "Darwin":
        if action == "install":
            words = ("security", "add-trusted-cert", "-d", "-r", "trustRoot", "-k", _KEYCHAIN)
            return Plan(run=(*words, str(certificate)))
        words = ("security", "delete-certificate", "-Z", fingerprint(certificate), "-t")
        return Plan(run=(*words, _KEYCHAIN))
    if store is None:
        raise Trouble(
            f"no store of a known kind is here. Add {certificate} to the certificates that your "
            "system trusts, in its own way."
        )
    if action == "install":
        return Plan(copy=(certificate, store.anchor), run=store.refresh)
    return Plan(delete=store.anchor, run=store.forget)


def find_store() -> Store | None:
    """The store of this system."""
    return next((store for store in STORES if shutil.which(store.refresh[0])), None)


def fingerprint(certificate: Path) -> str:
    """SHA-1 of the certificate, as `security` calls it by."""
    der = ssl.PEM_cert_to_DER_cert(certificate.read_text())
    return hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()


def is_installed(certificate: Path, system: str, store: Store | None) -> bool:
    """Whether the very authority of this router is in the store."""
    if system == "Darwin":
        listed = subprocess.run(
            ["security", "find-certificate", "-a", "-Z", _KEYCHAIN], capture_output=True, text=True
        )
        return fingerprint(certificate) in listed.stdout
    try:
        return store is not None and store.anchor.read_bytes() == certificate.read_bytes()
    except OSError:
        return False


def carry_out(todo: Plan) -> None:
    """Raises Trouble if a step fails."""
    try:
        if todo.copy:
            shutil.copyfile(*todo.copy)
            todo.copy[1].chmod(0o644)
        if todo.delete:
            todo.delete.unlink(missing_ok=True)
        subprocess.run(todo.run, check=True, stdout=subprocess.DEVNULL)
    except PermissionError as error:
        raise Trouble(f"{error.filename}: only root may do this; use sudo.") from None
    except (OSError, subprocess.CalledProcessError) as error:
        raise Trouble(str(error)) from None


def default_confdir() -> Path:
    """Where the router of whoever asked has its authority, under sudo too."""
    user = os.environ.get("SUDO_USER")
    home = Path(pwd.getpwnam(user).pw_dir) if user else Path.home()
    return home / ".mitmproxy"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/ca",
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
    return parser


def _main(options: argparse.Namespace) -> int:
    certificate: Path = (options.confdir or default_confdir()).resolve() / CERTIFICATE
    if not certificate.is_file():
        raise Trouble(f"{certificate} is not there; the router makes it when it first starts.")
    system, store = platform.system(), find_store()
    there = is_installed(certificate, system, store)
    if options.action == "status":
        print(f"{certificate} is {'' if there else 'not '}among what this machine trusts.")
        return 0 if there else _NOT_THERE
    if there == (options.action == "install") and not options.print:
        print("nothing to do: it is already so.")
        return 0
    todo = plan(options.action, certificate, system, store)
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
    print("done." if options.action == "remove" else "done; scripts/ca remove undoes it.")
    return 0


def main(arguments: Sequence[str]) -> int:
    """The exit status: 0 done, 1 not done, 2 not understood, 3 status: it is not there."""
    options = _parser().parse_args(arguments)
    try:
        return _main(options)
    except Trouble as e:
        print(f"scripts/ca: {e}", file=sys.stderr)
    except EOFError:
        print("\nscripts/ca: nobody agreed; --yes does it without asking.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

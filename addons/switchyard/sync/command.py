"""The command `sync`: keeps configuration and secrets of several devices in step."""

import argparse
import getpass
import hashlib
import os
import re
import socket
import sys
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

from switchyard.config.dotenv import with_dotenv
from switchyard.config.editing.pieces import NotEditable
from switchyard.config.problems import ConfigError
from switchyard.config.problems import dotted
from switchyard.config.sealed_secrets import NAME_OF_SECRET
from switchyard.config.sealed_secrets import SECRETS_FILE
from switchyard.config.sealed_secrets import SealedError
from switchyard.config.sealed_secrets import device_key_file
from switchyard.files import DEFAULT_CONFIG
from switchyard.files import choose_config
from switchyard.files import dotenv_of
from switchyard.files import user_config
from switchyard.programs import program_of
from switchyard.sync.addresses import absolute_address
from switchyard.sync.addresses import remote_of
from switchyard.sync.addresses import shown_address
from switchyard.sync.config_place import ConfigPlace
from switchyard.sync.config_place import LocalCopy
from switchyard.sync.device_folder import DeviceFolder
from switchyard.sync.device_folder import SyncLink
from switchyard.sync.device_keys import DeviceCard
from switchyard.sync.device_keys import load_keys
from switchyard.sync.device_keys import make_keys
from switchyard.sync.errors import SyncError
from switchyard.sync.membership import allow
from switchyard.sync.membership import begin
from switchyard.sync.membership import link_to
from switchyard.sync.membership import put_secret
from switchyard.sync.membership import remove
from switchyard.sync.merging import ABSENT
from switchyard.sync.merging import Decide
from switchyard.sync.merging import Decision
from switchyard.sync.merging import KeyConflict
from switchyard.sync.syncing import DeviceSync
from switchyard.sync.syncing import SyncConflicts

ALL = "all"
EPILOG = """\
ADDRESS is a folder, a git repository (git@host:me/router.git, git+https://..., each with
#FOLDER for a folder in it), a WebDAV folder (https://...) or s3://BUCKET/PREFIX.
"""


def main(arguments: Sequence[str]) -> int:
    """Carry out a command; return the exit status: 1 for problems, 2 for wrong use."""
    asked = make_parser().parse_args(arguments)
    try:
        return _COMMANDS[asked.command](asked)
    except SyncConflicts as e:
        print(f"sync: {e}:", file=sys.stderr)
        _print_conflicts(e.conflicts)
        print("choose for each: --mine KEY or --theirs KEY; all for all", file=sys.stderr)
    except ConfigError as e:
        print(f"sync: nothing was written; the configuration has problems:\n{e}", file=sys.stderr)
    except (SyncError, SealedError) as e:
        print(f"sync: {e}", file=sys.stderr)
    except NotEditable as e:
        print(f"sync: the configuration cannot be merged: {e}", file=sys.stderr)
    except OSError as e:
        print(f"sync: {e.filename or ''}: {e.strerror or e}", file=sys.stderr)
    return 1


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog=program_of("sync"),
        description="Keeps configuration and secrets of your devices in step.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", metavar="FILE", help="the configuration; default: the router's")
    commands = parser.add_subparsers(dest="command", required=True)
    init = commands.add_parser("init", help="begin with a remote, or join the devices there")
    init.add_argument("address", metavar="ADDRESS")
    init.add_argument("--name", help="what this device is called; default: its host name")
    init.add_argument("--new-keys", action="store_true", help="as after a removal; joins anew")
    pull = commands.add_parser("pull", help="bring what other devices pushed to this one")
    pull.add_argument("--trust", default="", metavar="FINGERPRINT", help="of a device, at first")
    for side in ("mine", "theirs"):
        pull.add_argument(
            f"--{side}", action="append", default=[], metavar="KEY", help="decide a conflict"
        )
    commands.add_parser("push", help="bring what this device has to the remote")
    commands.add_parser("status", help="show devices, changes and conflicts; writes nothing")
    let = commands.add_parser("allow", help="let a device in by the card that its init shows")
    let.add_argument("card", metavar="CARD")
    out = commands.add_parser("remove", help="shut a device out, such as a lost one")
    out.add_argument("device", metavar="NAME")
    put = commands.add_parser("set", help="set a secret; its value is read from the terminal")
    put.add_argument("name", metavar="NAME")
    put.add_argument(
        "--from-environment", action="store_true", help="take the value that NAME has there"
    )
    unset = commands.add_parser("unset", help="remove a secret")
    unset.add_argument("name", metavar="NAME")
    return parser


def _init(asked: argparse.Namespace) -> int:
    path, dotenv = _config_of(asked)
    folder = _folder_of(path)
    name = asked.name or _host_name()
    address = absolute_address(asked.address)
    # An address that does not work takes the place of none that does.
    remote_of(address, folder.path, name, with_dotenv(dotenv, os.environ)).read()
    make_keys(device_key_file().parent, name, asked.new_keys)
    link_to(folder, address, name, asked.new_keys)
    if asked.new_keys:
        path.with_name(SECRETS_FILE).unlink(missing_ok=True)
    sync = _sync_of(asked)
    with folder.alone():
        if (local := begin(sync)) is not None:
            _print_notes(local)
            print(f"{shown_address(address)} now has the configuration and secrets of {name}.")
            print(f"On another device: {program_of('sync')} init ADDRESS")
            return 0
        if sync.keys.card.id in sync.folder.link().devices:
            print(f"now in step by {shown_address(address)}; pull and push as before")
            return 0
    print("The remote has devices already. On one of these, let this one in:")
    print(f"  {program_of('sync')} allow {sync.keys.card}")
    print("It then shows how to go on here.")
    return 0


def _pull(asked: argparse.Namespace) -> int:
    sync = _sync_of(asked)
    with sync.folder.alone():
        before = sync.folder.link().head
        done = sync.pull(_decider(asked.mine, asked.theirs), asked.trust)
    assert done.fetched is not None
    if done.fetched.state.head == before:
        print("up to date")
    else:
        print(f"pulled state {done.fetched.state.serial} of {done.fetched.writer}")
        _print_keys("changed by others", done.theirs)
    _print_keys("not pushed yet", done.own)
    _print_notes(done.local)
    return 0


def _push(asked: argparse.Namespace) -> int:
    sync = _sync_of(asked)
    with sync.folder.alone():
        done = sync.push()
    if done is None:
        print("up to date")
        return 0
    print(f"pushed state {sync.folder.link().serial}")
    _print_keys("changed", done.own)
    _print_notes(done.local)
    return 0


def _status(asked: argparse.Namespace) -> int:
    sync = _sync_of(asked)
    link, card = sync.folder.link(), sync.keys.card
    print(f"remote: {shown_address(link.address)}")
    print(f"this device: {link.name}, fingerprint {card.id}")
    for id, one in sorted(link.devices.items(), key=lambda entry: entry[1].name):
        print(f"device: {one.name}, fingerprint {id}")
    if not link.devices:
        print(f"card: {card}")
    compared = sync.compare()
    if compared.fetched is not None and compared.fetched.state.head != link.head:
        print(f"state {compared.fetched.state.serial} of {compared.fetched.writer} can be pulled")
    else:
        print(f"last state in common: {link.serial}")
    _print_keys("changed here", compared.own)
    _print_keys("changed by others", compared.theirs)
    if compared.conflicts:
        print("in conflict:")
        _print_conflicts(compared.conflicts)
    _print_notes(compared.local)
    return 0


def _allow(asked: argparse.Namespace) -> int:
    sync, card = _sync_of(asked), DeviceCard.parse(asked.card)
    with sync.folder.alone():
        allow(sync, card)
    print(f"{card.name} (fingerprint {card.id}) may read the secrets now. On it:")
    print(f"  {program_of('sync')} pull --trust {sync.keys.card.id}")
    return 0


def _remove(asked: argparse.Namespace) -> int:
    sync = _sync_of(asked)
    with sync.folder.alone():
        names = remove(sync, asked.device)
    print(f"{asked.device} cannot read what is pushed from now on, nor push.")
    print("It has read the secrets until now, and may have kept them. Replace these keys:")
    for name in names:
        print(f"  {name}: revoke it at its provider, then {program_of('sync')} set {name}")
    print(f"At last: {program_of('sync')} push. Change the access to the remote too.")
    return 0


def _set(asked: argparse.Namespace) -> int:
    name = asked.name
    if not NAME_OF_SECRET.fullmatch(name):
        raise SyncError("a secret is named by letters, digits and _, as a variable is")
    sync = _sync_of(asked)
    if asked.from_environment:
        path, _ = _config_of(asked)
        value = with_dotenv(dotenv_of(path, os.environ), os.environ).get(name, "")
    elif sys.stdin.isatty():
        value = getpass.getpass(f"{name}: ")
    else:
        value = sys.stdin.read().rstrip("\r\n")
    if not value:
        raise SyncError(f"there is no value for {name}; nothing was changed")
    with sync.folder.alone():
        put_secret(sync, name, value)
    print(f"{name} is set on this device; push brings it to the others")
    return 0


def _unset(asked: argparse.Namespace) -> int:
    sync = _sync_of(asked)
    with sync.folder.alone():
        put_secret(sync, asked.name, None)
    print(f"{asked.name} is removed on this device; push removes it on the others")
    return 0


_COMMANDS = {
    "init": _init,
    "pull": _pull,
    "push": _push,
    "status": _status,
    "allow": _allow,
    "remove": _remove,
    "set": _set,
    "unset": _unset,
}


def _config_of(asked: argparse.Namespace) -> tuple[Path, Path]:
    """Return the configuration and its `.env`; for the shipped one, the user's own."""
    path = choose_config(asked.config, os.environ)
    if path == DEFAULT_CONFIG:
        path = user_config(os.environ)
    return path.absolute(), dotenv_of(path, os.environ)


def _folder_of(config: Path) -> DeviceFolder:
    name = hashlib.sha256(os.fsencode(config)).hexdigest()[:12]
    return DeviceFolder(device_key_file().parent / name)


def _sync_of(asked: argparse.Namespace) -> DeviceSync:
    path, dotenv = _config_of(asked)
    folder = _folder_of(path)
    link: SyncLink = folder.link()
    keys = load_keys(device_key_file().parent, link.name)
    environ = with_dotenv(dotenv, os.environ)
    remote = remote_of(link.address, folder.path, link.name, environ)
    return DeviceSync(ConfigPlace(path, dotenv, dict(os.environ)), folder, keys, remote)


def _host_name() -> str:
    return (
        re.sub(r"[^A-Za-z0-9.-]+", "-", socket.gethostname().split(".")[0]).strip("-.") or "device"
    )


def _decider(mine: Sequence[str], theirs: Sequence[str]) -> Decide:
    def decide(conflict: KeyConflict) -> Decision:
        key = dotted(conflict.path).removeprefix("configuration.")
        if key in mine or (ALL in mine and key not in theirs):
            return "mine"
        return "theirs" if key in theirs or ALL in theirs else ""

    return decide


def _print_conflicts(conflicts: Sequence[KeyConflict]) -> None:
    for one in conflicts:
        print(dotted(one.path))
        sides: Mapping[str, object] = {"was": one.base, "mine": one.mine, "theirs": one.theirs}
        for side, value in sides.items():
            print(f"  {side:<7}{_shown(value)}")


def _shown(value: object) -> str:
    from switchyard.config.editing.rendering import render_flow

    return str(value) if value is ABSENT else render_flow(value)


def _print_keys(title: str, keys: Sequence[str]) -> None:
    if keys:
        print(f"{title}: {', '.join(keys)}")


def _print_notes(local: LocalCopy) -> None:
    for name, place in local.moved.items():
        print(f"note: the key at {place} is the secret {name}, encrypted in secrets.age")
    for name in local.taken:
        print(f"note: {name} of .env is synced as a secret")
    for name in local.unsynced:
        words = f"{program_of('sync')} set {name} --from-environment"
        print(f"note: {name} is in this device's environment alone; to sync it: {words}")
    for name in local.shadowed:
        print(f"note: {name} has another value in this device's environment or .env, which holds")

"""`scripts/login`: logs in to accounts, and shows how they are."""

import argparse
import io
import os
import shutil
import sys
import textwrap
import time
import webbrowser
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from datetime import datetime

from switchyard.accounts.login import LoginError
from switchyard.accounts.login import log_in
from switchyard.accounts.record import AccountRecord
from switchyard.accounts.store import AccountStore
from switchyard.accounts.store import AccountStoreError
from switchyard.accounts.store import accounts_folder
from switchyard.accounts.store import login_words
from switchyard.accounts.store import split_ref
from switchyard.config.account_flows import AccountFlow
from switchyard.config.account_presets import account_names
from switchyard.config.account_presets import shipped_account
from switchyard.config.problems import ConfigError
from switchyard.config.problems import did_you_mean

type FlowsOf = Callable[[str | None], Mapping[str, AccountFlow]]
"""Reads the accounts of a configuration, which is named or the one in use."""

_LEAST_TEXT = 24
"""Columns of a table's last cell, however narrow the terminal is."""
_WORDS = {
    "ok": "logged in",
    "refreshing": "logged in",
    "uncertain": "logged in; the last refresh got no answer",
    "log-in-again": "must log in again",
    "suspended": "suspended by its provider",
}


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog=login_words("").strip(),
        description="Log in to an account of accounts:, or show how accounts are.",
        epilog="NAME/LABEL keeps several accounts of one provider apart.",
    )
    parser.add_argument("account", help="NAME or NAME/LABEL; or list, status, logout")
    parser.add_argument("which", nargs="?", help="the account to log out")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--device", action="store_true", help="by a code, typed on any device")
    way.add_argument(
        "--paste", action="store_true", help="paste the callback's address: for a remote host"
    )
    parser.add_argument("--no-browser", action="store_true", help="show the address alone")
    parser.add_argument("--config", help="configuration with the accounts")
    return parser


def read_login_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; exits as argparse does on a wrong one."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    if (options.account == "logout") != (options.which is not None):
        parser.error("logout NAME ends an account; nothing else takes a second name")
    return options


def main(
    flows_of: FlowsOf,
    arguments: Sequence[str] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> int:
    """Run the command; return its exit status."""
    options = read_login_options(arguments)
    store = AccountStore(accounts_folder(environ))
    try:
        flows = flows_of(options.config)
        match options.account:
            case "list":
                _print_table(("account", "status", "position"), _listed(flows))
            case "status":
                _print_table(("account", "state", "expires"), _states(store, time.time()))
            case "logout":
                return _log_out(store, options.which)
            case ref:
                return _log_in(store, flows, ref, options)
    except ConfigError as error:
        print(f"login: the configuration has errors:\n{error}", file=sys.stderr)
        return 1
    except (LoginError, AccountStoreError, ValueError) as error:
        print(f"login: {options.account}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nlogin: ended; nothing has changed", file=sys.stderr)
        return 130
    return 0


def _log_in(
    store: AccountStore, flows: Mapping[str, AccountFlow], ref: str, options: argparse.Namespace
) -> int:
    name, _ = split_ref(ref)
    flow = flows.get(name) or (shipped_account(name) if name in account_names() else None)
    if flow is None:
        hint = did_you_mean(name, (*flows, *account_names())) or "add it to accounts:"
        raise LoginError(f"is no account of the configuration. Hint: {hint}")
    if why := flow.why_closed:
        raise LoginError(why)
    if flow.position:
        print(f"{flow.title or name}: {flow.position} ({flow.source}, {flow.read})")
    by = "device" if options.device else "paste" if options.paste else ""
    screen = Terminal(opens=not options.no_browser)
    record = log_in(ref, flow, store, screen, by=by)
    known = f" as {record.subject}" if record.subject else ""
    print(f"Logged in{known}. Providers use it by api-key: {{oauth: {ref}}}")
    return 0


def _log_out(store: AccountStore, ref: str) -> int:
    split_ref(ref)
    with store.lock(ref):
        gone = store.delete(ref)
    print(f"{ref}: {'its tokens are removed' if gone else 'was not logged in'}")
    return 0 if gone else 1


def _listed(flows: Mapping[str, AccountFlow]) -> Iterable[tuple[str, ...]]:
    whole = {**{name: shipped_account(name) for name in account_names()}, **flows}
    for name, flow in sorted(whole.items()):
        read = f" ({flow.read})" if flow.read else ""
        yield name, flow.status, f"{flow.position} {flow.instead}".strip() + read


def _states(store: AccountStore, now: float) -> Iterable[tuple[str, ...]]:
    for ref in store.refs():
        try:
            record = store.load(ref)
        except AccountStoreError as error:
            yield ref, str(error), ""
            continue
        if record is not None:
            yield ref, _state(record), _expiry(record, now)


def _state(record: AccountRecord) -> str:
    why = f" ({record.error})" if record.error else ""
    remedy = f": {login_words(record.ref)}" if record.state == "log-in-again" else ""
    return f"{_WORDS[record.state]}{why}{remedy}"


def _expiry(record: AccountRecord, now: float) -> str:
    if record.expires_at == float("inf"):
        return "never"
    if record.expires_at <= now:
        return "refreshed when it is next used" if record.refresh_token else "expired"
    return datetime.fromtimestamp(record.expires_at).strftime("%Y-%m-%d %H:%M")


def _print_table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    lines = [head, *rows]
    if len(lines) == 1:
        print("no account is logged in")
        return
    widths = [max(len(line[place]) for line in lines) for place in range(len(head) - 1)]
    begin = sum(widths) + 2 * len(widths)
    # What is no terminal, a pipe for example, gets a line for each.
    room = max(shutil.get_terminal_size((10_000, 24)).columns - begin, _LEAST_TEXT)
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=False)]
        first, *more = textwrap.wrap(line[-1], room) or [""]
        print("  ".join((*cells, first)).rstrip())
        for text in more:
            print(" " * begin + text)


class Terminal:
    """Shows a login on the terminal."""

    def __init__(self, *, opens: bool, out: Callable[[str], None] = print) -> None:
        """`opens`: whether pages are opened in this machine's browser."""
        self._opens = opens
        self._out = out

    def show_page(self, url: str) -> None:
        self._out(f"Open this page to log in:\n\n  {url}\n")
        if self._opens:
            webbrowser.open(url)

    def show_code(self, url: str, code: str, whole_url: str) -> None:
        self._out(f"Open {url} and type the code:\n\n  {code}\n")
        if target := whole_url or url:
            self._out(_qr(target))

    def wait(self, seconds: float) -> None:
        if seconds and sys.stdout.isatty():
            print("waiting for the login ...", end="\r", flush=True)
        time.sleep(seconds)

    def ask(self, question: str) -> str:
        return input(question)


def _qr(url: str) -> str:
    """A QR code for a terminal, as text."""
    import segno

    out = io.StringIO()
    segno.make(url, error="l").terminal(out, compact=True)
    return out.getvalue()

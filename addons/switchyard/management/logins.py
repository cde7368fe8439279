"""Logins to accounts that were begun from a page: each runs in a thread, and is asked how it is."""

import queue
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from switchyard.accounts.login import WITHIN
from switchyard.accounts.login import LoginError
from switchyard.accounts.login import log_in
from switchyard.accounts.store import AccountStore
from switchyard.accounts.store import AccountStoreError
from switchyard.config.account_flows import AccountFlow

type LoginState = Literal["beginning", "waiting", "done", "failed"]
type LoginWay = Literal["device", "paste"]

MOST_LOGINS = 8
"""Logins that are kept at a time, those that ended included."""


class LoginsBusy(Exception):
    """Too many logins are under way."""


@dataclass(slots=True)
class LoginStatus:
    """How a login is, without anything secret."""

    ref: str
    state: LoginState = "beginning"
    url: str = ""
    """The page to open."""
    code: str = ""
    """What to type there; empty where a callback's address is pasted instead."""
    whole_url: str = ""
    """The page with the code in it; empty where there is none."""
    asks: bool = False
    """Whether the address of the callback is waited for."""
    error: str = ""
    subject: str = ""
    """Whose account it is, where the provider says so."""


class Login:
    """One login, and what its user sees of it. Its thread ends with it."""

    def __init__(self, ref: str) -> None:
        self.id = secrets.token_urlsafe(16)
        self.status = LoginStatus(ref)
        self.begun = time.monotonic()
        self._pasted: queue.Queue[str] = queue.Queue(1)
        self._ended = threading.Event()
        self._moved = threading.Event()

    @property
    def is_over(self) -> bool:
        return self.status.state in ("done", "failed")

    def start(self, flow: AccountFlow, store: AccountStore, by: LoginWay) -> None:
        """Log in, in a thread."""
        work = threading.Thread(
            target=self._run, args=(flow, store, by), name="switchyard login", daemon=True
        )
        work.start()

    def wait_until_shown(self, seconds: float) -> None:
        """Wait until there is something to show, or the login has failed. Blocks."""
        self._moved.wait(seconds)

    def paste(self, text: str) -> bool:
        """Hand over what the user pasted; return whether it was waited for."""
        if not self.status.asks:
            return False
        try:
            self._pasted.put_nowait(text)
        except queue.Full:
            return False
        self.status.asks = False
        return True

    def end(self) -> None:
        """Give the login up."""
        self._ended.set()

    def show_page(self, url: str) -> None:
        self.status.url = url

    def show_code(self, url: str, code: str, whole_url: str) -> None:
        self.status.url, self.status.code, self.status.whole_url = url, code, whole_url
        self._waits()

    def wait(self, seconds: float) -> None:
        if self._ended.wait(seconds):
            raise LoginError("it was given up")

    def ask(self, question: str) -> str:
        self.status.asks = True
        self._waits()
        until = time.monotonic() + WITHIN
        while time.monotonic() < until:
            self.wait(0.0)
            try:
                return self._pasted.get(timeout=0.2)
            except queue.Empty:
                continue
        raise LoginError("nothing was pasted within 10 minutes. Begin anew")

    def _waits(self) -> None:
        self.status.state = "waiting"
        self._moved.set()

    def _run(self, flow: AccountFlow, store: AccountStore, by: LoginWay) -> None:
        status = self.status
        try:
            status.subject = log_in(status.ref, flow, store, self, by=by).subject
            status.state = "done"
        except (LoginError, AccountStoreError) as e:
            status.error, status.state = str(e), "failed"
        except Exception as e:
            status.error, status.state = f"the login failed ({type(e).__name__})", "failed"
            raise
        finally:
            status.asks = False
            self._moved.set()


class Logins:
    """The logins of this process. For one thread; each login has another."""

    def __init__(self, store: Callable[[], AccountStore]) -> None:
        self._store = store
        self._logins: dict[str, Login] = {}

    def begin(self, ref: str, flow: AccountFlow, by: LoginWay) -> Login:
        """Begin a login. Raises LoginsBusy."""
        over = [id for id, one in self._logins.items() if one.is_over]
        for id in over[: max(0, len(self._logins) - MOST_LOGINS + 1)]:
            del self._logins[id]
        if len(self._logins) >= MOST_LOGINS:
            raise LoginsBusy(f"{MOST_LOGINS} logins are under way; end one of them first")
        login = Login(ref)
        self._logins[login.id] = login
        login.start(flow, self._store(), by)
        return login

    def find(self, id: str) -> Login | None:
        """Return a login by its id."""
        return self._logins.get(id)

    def end_all(self) -> None:
        """Give all logins up: the router stops."""
        for one in self._logins.values():
            one.end()

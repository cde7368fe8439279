"""What the tests of logins have in common: a user, and the server of one provider."""

from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2

from switchyard.accounts.login import log_in
from switchyard.accounts.oauth_account import OAuthAccount
from switchyard.accounts.record import AccountRecord
from switchyard.accounts.store import AccountStore
from switchyard.config.account_flows import AccountFlow
from tests.support.authority import Asked
from tests.support.authority import Authority
from tests.support.authority import Reply


class Browser:
    """A user who does what is asked at once; waits take no time."""

    def __init__(self) -> None:
        self.pages: list[str] = []
        self.codes: list[tuple[str, str, str]] = []
        self.waits: list[float] = []
        self.now = 0.0
        self.pastes: Callable[[str], str] = lambda address: address

    def show_page(self, url: str) -> None:
        self.pages.append(url)
        self.answer = httpx2.get(url, timeout=60, trust_env=False)
        to = self.answer.headers["location"]
        if "paste.example" not in to and "127.0.0.1:8400" not in to:
            httpx2.get(to, timeout=60, trust_env=False)

    def show_code(self, url: str, code: str, whole_url: str) -> None:
        self.codes.append((url, code, whole_url))

    def wait(self, seconds: float) -> None:
        if seconds:
            self.waits.append(seconds)
        self.now += seconds

    def ask(self, question: str) -> str:
        return self.pastes(self.answer.headers["location"])


class Provider:
    """The authorization server of one provider."""

    def __init__(self, authority: Authority, folder: Path) -> None:
        self.authority = authority
        self.store = AccountStore(folder)
        self.browser = Browser()
        self.challenge = ""
        self.bodies: dict[str, list[Asked]] = {}

    @property
    def url(self) -> str:
        return self.authority.url

    def on(self, path: str, *answers: Reply | Callable[[Asked], Reply]) -> str:
        """Answer a path; the last answer stays. Returns the URL."""
        left = list(answers)
        seen = self.bodies.setdefault(path, [])

        def reply(asked: Asked) -> Reply:
            seen.append(asked)
            answer = left.pop(0) if len(left) > 1 else left[0]
            return answer(asked) if callable(answer) else answer

        self.authority.paths[path] = reply
        return f"{self.url}{path}"

    def authorizes(self, path: str = "/authorize", code: str = "co-1") -> str:
        """A page that sends the browser back with a code, and keeps the challenge."""

        def page(asked: Asked) -> Reply:
            assert asked.query["response_type"] == "code"
            assert asked.query["code_challenge_method"] == "S256"
            self.challenge = asked.query["code_challenge"]
            found = {"code": code, "state": asked.query["state"], "scope": "more"}
            location = f"{asked.query['redirect_uri']}?{urlencode(found)}"
            return 302, "", {"location": location}

        return self.on(path, page)

    def proves(self, verifier: str) -> bool:
        digest = urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
        return digest == self.challenge

    def log_in(self, flow: dict[str, Any], by: str = "") -> AccountRecord:
        self.flow = AccountFlow.model_validate(flow)
        return log_in(
            "p/work", self.flow, self.store, self.browser, by=by, clock=lambda: self.browser.now
        )

    def refreshed(self) -> AccountRecord:
        """The account after its access token has been refused."""
        record = self.store.load("p/work")
        assert record
        account = OAuthAccount("p/work", self.flow, self.store, lambda secret: None)
        account.read(record.access_token)
        found = self.store.load("p/work")
        assert found
        return found

    def last(self, path: str) -> dict[str, Any]:
        return self.bodies[path][-1].body


def tokens(number: int, **more: Any) -> Reply:
    return 200, {"access_token": f"tok-{number}", "refresh_token": f"ref-{number}",
                 "expires_in": 3600, **more}  # fmt: skip


PENDING: Reply = (400, {"error": "authorization_pending"})

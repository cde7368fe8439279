import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace

import pytest
from pydantic import SecretStr

from switchyard.accounts.token import SourceError
from switchyard.accounts.token import Token
from switchyard.accounts.token_keeper import TokenKeeper


class Reader:
    """Gives what it is fed, one after another."""

    def __init__(self, *given: Token | Exception) -> None:
        self.given = list(given)
        self.refused: list[str] = []
        self.changed = False

    def read(self, refused: str) -> Token:
        self.refused.append(refused)
        found = self.given.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def has_changed(self) -> bool:
        return self.changed


class Threads:
    """Work that waits until it is run."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Callable[[], Token | None], Future[Token | None]]] = []

    def submit(self, work: Callable[[], Token | None]) -> Future[Token | None]:
        future: Future[Token | None] = Future()
        self.waiting.append((work, future))
        return future

    def run(self) -> None:
        work, future = self.waiting.pop(0)
        try:
            future.set_result(work())
        except Exception as error:
            future.set_exception(error)


class Kept:
    def __init__(self, *given: Token | Exception) -> None:
        self.reader, self.threads = Reader(*given), Threads()
        self.learned: list[str] = []
        self.recoveries = 0
        self.keeper = TokenKeeper(
            "the file x",
            self.reader,
            self.threads.submit,
            learn=self.learned.append,
            recovered=self._recovered,
        )

    def _recovered(self) -> None:
        self.recoveries += 1

    def value(self, now: float) -> str | None:
        found = self.keeper.value(now)
        return found.get_secret_value() if isinstance(found, SecretStr) else found and str(found)


def token(text: str, expires_at: float = 1000.0, renew_at: float = 900.0) -> Token:
    return Token(SecretStr(text), expires_at, renew_at)


def test_many_requests_wait_for_one_reading() -> None:
    kept = Kept(token("tok-1"))
    assert [kept.value(0.0) for _ in range(50)] == [None] * 50
    assert len(kept.threads.waiting) == 1
    kept.threads.run()
    assert [kept.value(0.1) for _ in range(50)] == ["tok-1"] * 50
    assert kept.learned == ["tok-1"] and not kept.threads.waiting


def test_a_token_is_used_while_the_next_one_is_read() -> None:
    kept = Kept(token("tok-1"), token("tok-2", 2000.0, 1900.0))
    kept.value(0.0)
    kept.threads.run()
    assert kept.value(899.0) == "tok-1" and not kept.threads.waiting
    assert kept.value(901.0) == "tok-1" and len(kept.threads.waiting) == 1
    kept.threads.run()
    assert kept.value(902.0) == "tok-2"


def test_a_failure_ahead_of_time_loses_no_token(caplog: pytest.LogCaptureFixture) -> None:
    kept = Kept(token("tok-1"), SourceError("is away"), SourceError("is away"))
    kept.value(0.0)
    kept.threads.run()
    kept.value(901.0)
    kept.threads.run()
    with caplog.at_level(logging.WARNING):
        assert kept.value(902.0) == "tok-1"
        assert not kept.threads.waiting, "it is left alone for a while"
        assert kept.value(920.0) == "tok-1"
        kept.threads.run()
        assert kept.value(921.0) == "tok-1"
    assert caplog.text.count("the file x is away") == 1
    assert kept.value(995.0) is None, "expired: now requests wait"


def test_a_source_that_fails_is_left_alone_and_recovers() -> None:
    kept = Kept(SourceError("is away"), token("tok-1"))
    kept.value(0.0)
    kept.threads.run()
    assert kept.value(0.1) == "is away"
    assert kept.value(1.0) == "is away" and not kept.threads.waiting
    assert kept.value(6.0) is None
    kept.threads.run()
    assert kept.value(6.1) == "tok-1"
    assert kept.recoveries == 1 and kept.keeper.problem is None


def test_a_refused_token_is_read_again_once_for_all() -> None:
    kept = Kept(token("tok-1"), token("tok-2"))
    kept.value(0.0)
    kept.threads.run()
    assert kept.value(0.1) == "tok-1"
    for _ in range(3):
        kept.keeper.refuse("tok-1")
        assert kept.value(0.2) is None
    kept.threads.run()
    assert kept.value(0.3) == "tok-2"
    kept.keeper.refuse("tok-1")  # by a request that was slower
    assert kept.value(0.4) == "tok-2"
    assert kept.reader.refused == ["", "tok-1"]


def test_a_source_without_another_token_is_out() -> None:
    kept = Kept(token("tok-1"), token("tok-1"))
    kept.value(0.0)
    kept.threads.run()
    kept.value(0.1)
    kept.keeper.refuse("tok-1")
    kept.value(0.2)
    kept.threads.run()
    assert kept.value(0.3) == "gives only the token that the provider refuses"
    assert kept.keeper.problem is not None and kept.keeper.problem.lasting


def test_what_was_read_before_the_refusal_says_nothing() -> None:
    kept = Kept(token("tok-1"), token("tok-1"), token("tok-2"))
    kept.value(0.0)
    kept.threads.run()
    kept.value(0.1)
    kept.reader.changed = True
    kept.keeper.tend(0.2)
    kept.keeper.refuse("tok-1")
    kept.threads.run()
    assert kept.value(0.3) is None
    kept.threads.run()
    assert kept.value(0.4) == "tok-2"


def test_a_change_is_followed_without_a_request() -> None:
    kept = Kept(token("tok-1"), token("tok-2"))
    kept.reader.changed = True
    kept.keeper.tend(0.0)
    kept.threads.run()
    kept.reader.changed = False
    kept.keeper.tend(1.0)
    kept.threads.run()
    assert kept.value(1.5) == "tok-1"
    kept.reader.changed = True
    kept.keeper.tend(2.0)
    kept.threads.run()
    assert kept.value(2.5) == "tok-2"


def test_an_unforeseen_failure_names_its_kind(caplog: pytest.LogCaptureFixture) -> None:
    kept = Kept(ZeroDivisionError("secret-in-text"))
    kept.value(0.0)
    kept.threads.run()
    with caplog.at_level(logging.ERROR):
        assert kept.value(0.1) == "fails with ZeroDivisionError; see the log"


def test_a_token_that_is_left_is_read_again_after_it_was_marked() -> None:
    kept = Kept(Token(SecretStr("a")), SourceError("is suspended", lasting=True))
    assert kept.keeper.value(1.0) is None
    kept.threads.run()
    marked: list[int] = []

    def mark() -> None:
        marked.append(len(kept.reader.refused))

    assert kept.keeper.value(1.0) == SecretStr("a")
    kept.keeper.leave("b", mark)
    assert kept.keeper.value(1.0) == SecretStr("a")
    kept.keeper.leave("a", mark)
    assert kept.keeper.value(2.0) is None
    kept.threads.run()
    assert str(kept.keeper.value(2.0)) == "is suspended"
    assert marked == [1], "before the source was read again"


def test_a_token_that_lives_for_seconds_is_used() -> None:
    kept = Kept(replace(token("a", 103.0, 102.0), life=3.0), token("b"))
    assert kept.value(100.0) is None
    kept.threads.run()
    assert (kept.value(100.1), kept.value(102.3)) == ("a", "a")
    assert len(kept.threads.waiting) == 1, "the next one is read ahead"
    kept.threads.run()
    assert kept.value(102.4) == "b"


def test_a_token_that_is_dead_at_birth_is_not_read_over_and_over() -> None:
    kept = Kept(token("a", 105.0), token("b", 2000.0))
    assert kept.value(100.0) is None
    kept.threads.run()
    assert kept.value(100.1) == "gives an expired token"
    assert kept.value(101.0) == "gives an expired token" and not kept.threads.waiting
    assert kept.value(106.0) is None
    kept.threads.run()
    assert kept.value(106.1) == "b"

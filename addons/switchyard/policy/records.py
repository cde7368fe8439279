"""Records the outcome of a request's attempts, for the client and for people."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from switchyard.policy.failures import FailureClass
from switchyard.policy.failures import Seen
from switchyard.redaction.text import redact

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
"""How providers' codes look."""

KEPT = "what is left of its windows is kept for other client keys"
"""The reason of a target that was not tried since `keep` spares the rest of it."""

_TELLING: dict[FailureClass, int] = {
    "request": 0,
    "context-length": 1,
    "quota": 2,
    "credential": 3,
    "model": 4,
    "overload": 5,
    "history": 6,
    "empty": 7,
    "network": 8,
}
"""Most relevant first: what the client can fix, when to retry, what the user can fix."""


@dataclass(slots=True, kw_only=True)
class AttemptRecord:
    """One attempt, or a target that was not tried because it is shut. Holds no secret.

    Nothing changes it; it is not frozen since making a frozen one takes three times as long.
    """

    provider: str
    model: str
    credential: str
    """The key's id, not the key."""
    cls: FailureClass | None
    """None: it succeeded."""
    status: int | None = None
    reason: str = ""
    seconds: float = 0.0
    """From its begin to its failure or its first output."""
    retry_at: float | None = None
    """The provider's time to retry, in monotonic seconds; None if it named none."""
    of_model: bool = False
    """Whether a refusal is of one model alone, not of the key."""
    tried: bool = True
    after_output: bool = False
    remedy: str | None = None
    """What the conversation was changed in for this attempt's request, if it was."""

    @property
    def wants_money(self) -> bool:
        """Whether the provider asks for payment: 402, and no time at which it would serve again."""
        return self.cls == "quota" and self.status == 402 and self.retry_at is None

    def as_json(self) -> dict[str, object]:
        """The record as the client may see it."""
        return {
            "provider": self.provider,
            "model": self.model,
            "status": self.status,
            "class": self.cls or "ok",
            "reason": self.reason,
            "seconds": round(self.seconds, 3),
            **({} if self.tried else {"tried": False}),
            **({"remedy": self.remedy} if self.remedy else {}),
        }


def reason_of(seen: Seen) -> str:
    """What was seen, in few words and without secrets."""
    if text := redact(seen.message):
        return text
    return _what(seen)


def brief_of(seen: Seen) -> str:
    """Summarise a failure for clients that it did not happen to.

    The provider's status and code, and nothing of its text, which may quote another client's
    request.
    """
    if seen.kind in _OWN_WORDS and (text := redact(seen.message)):
        return text
    what = _what(seen)
    for word in (seen.code, seen.type):
        if word and _CODE.fullmatch(word) and redact(word) == word and word != str(seen.status):
            if seen.client is None or not seen.client.is_value(word):
                return f"{what} ({word})"
    return what


_OWN_WORDS = ("connect", "timeout")
"""Kinds of failures that the router itself words: no client and no upstream wrote that text."""


def _what(seen: Seen) -> str:
    if seen.kind == "status" or (seen.status or 0) >= 400:
        return f"HTTP status {seen.status}"
    return {
        "body": "an error instead of an answer",
        "event": "an error event in the stream",
        "connect": "no connection",
        "timeout": "no answer in time",
        "reset": "the connection broke",
        "empty": "an answer without content",
        "cut": "the response broke off",
        "malformed": "an answer that cannot be read",
    }[seen.kind]


def most_telling(records: Iterable[AttemptRecord]) -> AttemptRecord | None:
    """Return the failure that is most relevant to the client, not merely the last.

    Of equals, the one with the soonest return that was named; then one that was tried and has an
    HTTP status; then the last.
    """
    failures = [record for record in records if record.cls is not None]
    if not failures:
        return None
    _, best = min(enumerate(failures), key=lambda one: (_rank(one[1]), -one[0]))
    return best


def _rank(record: AttemptRecord) -> tuple[int, float, bool, bool]:
    assert record.cls is not None
    soonest = float("inf") if record.retry_at is None else record.retry_at
    return _TELLING[record.cls], soonest, not record.tried, record.status is None

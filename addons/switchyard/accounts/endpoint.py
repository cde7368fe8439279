"""Sends the steps of a flow, and sorts their answers.

httpx2 sends them; it is imported with the first one. Answers are JSON under any status; an error
may also stand inside a 200. Nothing of an answer but codes of errors appears in a text.
"""

import json
import re
import time
from base64 import b64encode
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import Literal

from switchyard.accounts.expiry import jwt_expiry
from switchyard.accounts.expiry import seconds_from_now
from switchyard.accounts.expiry import unix_seconds
from switchyard.accounts.places import value_at
from switchyard.config.account_flows import LOG_IN_AGAIN
from switchyard.config.account_flows import AccountFlow
from switchyard.config.account_flows import FlowStep
from switchyard.config.account_flows import fill

AnswerKind = Literal[
    "good",
    "pending",
    "slow-down",
    "log-in-again",
    "suspended",
    "configuration",
    "refused",
    "passing",
]
"""`refused`: the user or the provider says no; `passing`: another try may succeed."""

_STANDARD = (
    "access_token refresh_token id_token scope device_code user_code verification_uri"
    " verification_uri_complete interval expires_in code client_id client_secret"
).split()
_PLACES_OF_ERRORS = "error error.code error.type detail.error_code error_code __type".split()
_PENDING = {"authorization_pending", "AuthorizationPendingException"}
_SLOW_DOWN = {"slow_down", "SlowDownException"}
_CONFIGURATION = {"invalid_client", "unauthorized_client", "InvalidClientException"}
_TRY_LATER = {408, 425, 429}
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", re.ASCII)
"""How codes of errors look; whatever else stands there is not shown."""
_CONNECT_WITHIN, _READ_WITHIN = 10.0, 30.0
_MOST_BYTES = 1_000_000
_AT_LEAST = 60.0
"""Seconds for which a token that was just given is taken for valid, whatever the clocks say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointAnswer:
    """What a provider answered to a step."""

    kind: AnswerKind
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    expires_at: float | None = None
    """Unix seconds; None if the answer gives no token that expires."""
    error: str = ""
    """What went wrong, in a few words without secrets."""
    retry_after: float = 0.0
    reached: bool = True
    """Whether the provider may have acted upon the request."""


def send_step(
    step: FlowStep, flow: AccountFlow, values: Mapping[str, str], standard: Mapping[str, str]
) -> EndpointAnswer:
    """Send a step, and sort its answer.

    In: what templates may name, and the standard's templates for the body. Does not raise for
    whatever the network or the provider does.
    """
    import httpx2

    known = {"basic": _basic(values), **values}
    timeout = httpx2.Timeout(_READ_WITHIN, connect=_CONNECT_WITHIN)
    url = fill(step.url, known) or step.url
    headers, sent = _headers(step, known), _content(step, known, standard)
    try:
        with (
            httpx2.Client(timeout=timeout, follow_redirects=False) as client,
            client.stream(step.method, url, headers=headers, **sent) as answer,
        ):
            content = b""
            for piece in answer.iter_bytes():
                content += piece
                if len(content) > _MOST_BYTES:
                    return EndpointAnswer(kind="passing", error="its answer is too long")
            retry_after = answer.headers.get("retry-after")
            return sort_answer(step, flow, answer.status_code, content, retry_after)
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
        why = f"no connection ({type(error).__name__})"
        return EndpointAnswer(kind="passing", error=why, reached=False)
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        return EndpointAnswer(kind="passing", error=f"no answer ({type(error).__name__})")


def _headers(step: FlowStep, known: Mapping[str, str]) -> dict[str, str]:
    headers = {"accept": "application/json", "user-agent": "switchyard"}
    for name, template in step.headers.items():
        if (text := fill(template, known)) is not None:
            headers[name.lower()] = text
    return headers


def _content(
    step: FlowStep, known: Mapping[str, str], standard: Mapping[str, str]
) -> dict[str, Any]:
    """The body of a step, as httpx2 takes it; a GET has none."""
    if step.method != "POST":
        return {}
    body = {**(standard if step.body is None else step.body), **step.extra}
    filled = {name: _filled(value, known) for name, value in body.items()}
    present = {name: value for name, value in filled.items() if value is not None}
    return {"json": present} if step.encoding == "json" else {"data": present}


def sort_answer(
    step: FlowStep, flow: AccountFlow, status: int, content: bytes, retry_after: str | None = None
) -> EndpointAnswer:
    """Return what an answer means."""
    document = _parsed(content)
    words = list(_errors_in(document))
    kind = _kind(step, flow, status, document, words)
    values = dict(_values_in(document, step)) if kind == "good" else {}
    shown = next((word for word in words if _WORD.fullmatch(word)), "")
    return EndpointAnswer(
        kind=kind,
        values=values,
        expires_at=_expiry_in(document, step, values, time.time()),
        error="" if kind == "good" else f"status {status}{f' ({shown})' if shown else ''}",
        retry_after=seconds_from_now(retry_after) or 0.0,
    )


def _kind(
    step: FlowStep, flow: AccountFlow, status: int, document: object, words: list[str]
) -> AnswerKind:
    found = {*words, str(status)} if status >= 400 else set(words)
    if found & {"access_denied", "AccessDeniedException"} and not found & set(flow.suspended):
        return "refused"
    if found & _SLOW_DOWN:
        return "slow-down"
    if found & _PENDING or status in step.pending:
        return "pending"
    if found & set(flow.suspended):
        return "suspended"
    if found & {*LOG_IN_AGAIN, *flow.log_in_again}:
        return "log-in-again"
    if found & _CONFIGURATION:
        return "configuration"
    if document is None or status in _TRY_LATER or status >= 500:
        return "passing"
    return "good" if 200 <= status < 300 and not words else "refused"


def _errors_in(document: object) -> Iterator[str]:
    for place in _PLACES_OF_ERRORS:
        value = value_at(document, place)
        if isinstance(value, str) and value:
            yield value.rpartition("#")[2]


def _values_in(document: object, step: FlowStep) -> Iterator[tuple[str, str]]:
    """The values of an answer, under their standard names and those of the step."""
    for name in _STANDARD:
        if name not in step.answer and (text := _text(value_at(document, name))):
            yield name, text
    claims = _claims_in(document, step)
    whole = {**document, "claims": claims} if isinstance(document, dict) else document
    for name, place in step.answer.items():
        if text := _text(value_at(whole, place)):
            yield name, text


def _claims_in(document: object, step: FlowStep) -> object:
    """The claims of the answer's ID token, or else of its access token."""
    for name in ("id_token", "access_token"):
        token = value_at(document, step.answer.get(name, name))
        parts = token.split(".") if isinstance(token, str) else []
        if len(parts) == 3:
            try:
                return json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
            except (ValueError, RecursionError):
                continue
    return None


def _expiry_in(
    document: object, step: FlowStep, values: Mapping[str, str], now: float
) -> float | None:
    """When the access token of an answer expires, in Unix seconds.

    A lifetime goes before a point in time, for which both clocks would have to agree.
    """
    if "access_token" not in values:
        return None
    if placed := step.answer.get("expires_at"):
        at = unix_seconds(value_at(document, placed))
    elif (life := seconds_from_now(values.get("expires_in"))) is not None:
        return now + life
    else:
        at = unix_seconds(value_at(document, "expires_at")) or jwt_expiry(values["access_token"])
    return None if at is None else max(at, now + _AT_LEAST)


def _parsed(content: bytes) -> object:
    """The JSON object of an answer; None if it is none, as a page of HTML."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value)


def _filled(value: Any, known: Mapping[str, str]) -> Any:
    return fill(value, known) if isinstance(value, str) else value


def _basic(values: Mapping[str, str]) -> str:
    """The user and password of HTTP Basic for the client (RFC 6749, 2.3.1)."""
    if not values.get("client_secret"):
        return ""
    return b64encode(f"{values.get('client_id', '')}:{values['client_secret']}".encode()).decode()

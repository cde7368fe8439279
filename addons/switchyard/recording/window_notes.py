"""Reads the windows of subscriptions and keys from the responses of an exchange's attempts."""

import re
import time
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import replace

from mitmproxy import http

from switchyard.config.fields import PASSTHROUGH
from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.exchange import Call
from switchyard.exchange.exchange import Exchange
from switchyard.exchange.http_messages import lower_items
from switchyard.usage.windows import REFUSAL
from switchyard.usage.windows import Window
from switchyard.usage.windows import has_windows
from switchyard.usage.windows import read_event
from switchyard.usage.windows import read_windows
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.relay.relay import Relay

_ACCOUNT = re.compile(r"_account_([0-9a-f-]{36})", re.ASCII)
_CODEX_ACCOUNT = "chatgpt-account-id"
_MOST_KNOWN = 512
_known: dict[tuple[bytes, ...], bool] = {}
"""Whether a head with these names tells of windows: a provider's heads are alike."""


def windows_of(
    exchange: Exchange, fingerprint: Callable[[str], str | None]
) -> Iterator[tuple[str, list[Window]]]:
    """Yield the owners of windows and what the responses to an exchange said of those.

    `fingerprint` tells logins apart; where it gives None, nothing is noted of a login.
    """
    for state in exchange.tries:
        headers = state.upstream_headers
        if headers is None:
            continue
        relay = state.relay
        event = relay.limits if isinstance(relay, Relay) else None
        refused = _refused(exchange, state)
        if event is None and refused is None:
            if state.windows_read:
                continue
            state.windows_read = True
            if not _tell(tuple([name for name, _ in headers.fields])):
                continue
        now = _seen_at(state)
        windows = [_of_model(state, one) for one in read_windows(lower_items(headers), now)]
        if event is not None:
            windows += read_event(event, now)
        if refused is not None and not any((one.used or 0) >= 1 for one in windows):
            windows.append(refused)
        if windows and (owner := owner_of(state, fingerprint)) is not None:
            yield owner, windows


def _seen_at(state: AttemptState) -> float:
    """When the figures came, in Unix seconds: of two responses, the later head is the newer."""
    now = time.time()
    return now if state.headed_at is None else now - (time.monotonic() - state.headed_at)


def owner_of(state: AttemptState, fingerprint: Callable[[str], str | None]) -> str | None:
    """Return whose windows an attempt's response tells of.

    A key by its label, a login by the provider and a fingerprint.
    """
    if not state.chosen.credential.forwarded:
        return state.chosen.credential.id
    return owner_of_login(state.call, state.target.provider.name, fingerprint)


def owner_of_login(
    call: Call, provider: str, fingerprint: Callable[[str], str | None]
) -> str | None:
    """Return the owner of the windows of a client's own login at a provider."""
    login = _login(call)
    found = fingerprint(login) if login is not None else None
    return f"{provider} login {found}" if found is not None else None


_EVENT = b"codex.rate_limits"
_LONGEST_EVENT = 65_536


def windows_in_message(message: bytes, now: float) -> list[Window]:
    """Return the windows that a message of a WebSocket reports of which the bytes pass through."""
    if _EVENT not in message[:256] or len(message) > _LONGEST_EVENT:
        return []
    event = loads_object(message)
    if event is None or event.get("type") != _EVENT.decode():
        return []
    return read_event(event, now)


def owner_of_passing(request: http.Request, fingerprint: Callable[[str], str | None]) -> str | None:
    """Return the owner of the windows of the login that a passing request has.

    It is that of calls with the same login, which `owner_of` names.
    """
    headers = request.headers
    login = headers.get(_CODEX_ACCOUNT) or headers.get("authorization", "").partition(" ")[2]
    found = fingerprint(login.strip()) if login.strip() else None
    if found is None:
        return None
    host, port = request.pretty_host.lower(), request.port
    return f"{PASSTHROUGH}:{host if port == 443 else f'{host}:{port}'} login {found}"


def _login(call: Call) -> str | None:
    """What stays the same of a login while its token is renewed.

    The account where the client names it (Claude Code in `metadata.user_id`, Codex in a header),
    else the credential.
    """
    metadata = call.body.get("metadata")
    user = metadata.get("user_id") if isinstance(metadata, dict) else None
    if isinstance(user, str) and (match := _ACCOUNT.search(user[:4096])):
        return match[1]
    if account := call.head.headers.get(_CODEX_ACCOUNT):
        return account
    return call.credential.get_secret_value() if call.credential is not None else None


def _tell(names: tuple[bytes, ...]) -> bool:
    if (told := _known.get(names)) is None:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        told = _known[names] = has_windows(name.decode("latin-1").lower() for name in names)
    return told


_PER_MODEL = ("anthropic", "x-ratelimit")
"""Families of headers that report on the model which was asked: each has limits of its own."""
_FAMILIES = ("opus", "sonnet", "haiku", "fable", "mythos")
"""Families of Claude's models, of which each may have a week of its own."""


def _of_model(state: AttemptState, window: Window) -> Window:
    """A window that concerns one model, by the name of that model or its family.

    Anthropic spells some families in words of its own (`7d_oi`), and only to requests for them.
    """
    model = state.target.model
    if window.source in _PER_MODEL:
        return replace(window, name=f"{window.name}:{model}")
    head, _, scope = window.name.partition(":")
    if window.source != "anthropic-unified" or not scope or scope in _FAMILIES:
        return window
    family = next((one for one in _FAMILIES if one in model.lower()), model)
    return replace(window, name=f"{head}:{family}")


def _refused(exchange: Exchange, state: AttemptState) -> Window | None:
    """The window of a key or model whose provider refused for want of quota, until when it said.

    None where neither its head nor its body says so.
    """
    place, trail = state.chosen.record, exchange.trail
    record = trail.records[place] if trail is not None and place is not None else None
    if record is None or record.cls != "quota" or record.retry_at is None:
        return None
    now = time.time()
    return Window(
        name=f"limit:{state.target.model}" if record.of_model else "limit",
        used=1.0,
        resets_at=now + record.retry_at - time.monotonic(),
        status="rejected",
        seen_at=_seen_at(state),
        source=REFUSAL,
    )

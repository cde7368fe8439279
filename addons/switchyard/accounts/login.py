"""Logs a user in to an account: by the browser on this machine, by pasting, or by a code.

What the user sees goes through a `Screen`, so that a terminal and a page can show it alike.
"""

import time
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import replace
from secrets import token_urlsafe
from typing import Protocol
from urllib.parse import parse_qs
from urllib.parse import parse_qsl
from urllib.parse import urlencode
from urllib.parse import urlsplit

from switchyard.accounts.callback import Callback
from switchyard.accounts.callback import CallbackError
from switchyard.accounts.callback import listen
from switchyard.accounts.endpoint import EndpointAnswer
from switchyard.accounts.endpoint import send_step
from switchyard.accounts.oauth_account import renewed_record
from switchyard.accounts.record import AccountRecord
from switchyard.accounts.store import AccountStore
from switchyard.accounts.store import split_ref
from switchyard.config.account_flows import AccountFlow
from switchyard.config.account_flows import FlowStep
from switchyard.config.account_flows import fill

WITHIN = 600.0
"""Seconds that a user has for a login in the browser."""

_INTERVAL, _SLOWER = 5.0, 5.0
"""Seconds between questions whether the user has decided (RFC 8628, 3.2 and 3.5)."""
_DEVICE_WITHIN = 900.0
_MOST_FAILURES = 5

_DEVICE_BODY = {"client_id": "{client_id}", "scope": "{scope}"}
_POLL_BODY = {
    "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
    "device_code": "{device_code}",
    "client_id": "{client_id}",
    "client_secret": "{client_secret}",
}
_CODE_BODY = {
    "grant_type": "authorization_code",
    "code": "{code}",
    "redirect_uri": "{redirect_uri}",
    "client_id": "{client_id}",
    "client_secret": "{client_secret}",
    "code_verifier": "{code_verifier}",
}


class LoginError(Exception):
    """A login did not succeed. The text gives cause and remedy, and no secret."""


class Screen(Protocol):
    """What a user sees of a login."""

    def show_page(self, url: str) -> None:
        """Open a page in the user's browser, or show its address."""
        ...

    def show_code(self, url: str, code: str, whole_url: str) -> None:
        """Show the code that the user types at `url`; `whole_url` has it already, or is empty."""
        ...

    def wait(self, seconds: float) -> None:
        """Wait, and show that the login goes on."""
        ...

    def ask(self, question: str) -> str:
        """Return what the user pastes."""
        ...


def log_in(
    ref: str,
    flow: AccountFlow,
    store: AccountStore,
    screen: Screen,
    *,
    by: str = "",
    clock: Callable[[], float] = time.monotonic,
) -> AccountRecord:
    """Log in to an account, and keep it. Returns its record.

    `by`: `browser`, `paste` or `device`; empty for the flow's own way. Raises LoginError, and
    AccountStoreError if it cannot be kept.
    """
    by = by or ("browser" if flow.authorize is not None else "device")
    if by == "device" and flow.device is None:
        raise LoginError("this provider has no device login. Leave out --device, or use --paste")
    if by in ("browser", "paste") and flow.authorize is None:
        raise LoginError("this provider has no login by the browser. Use --device")
    values = _client(flow)
    if by == "device":
        answer = _by_device(flow, values, screen, clock)
    else:
        answer = _by_browser(flow, values, screen, paste=by == "paste")
    values |= answer.values
    if flow.finish is not None:
        answer = _sent(flow.finish, flow, values, {}, "the login's last step")
        values |= answer.values
    return _keep(ref, store, values, answer)


def _keep(
    ref: str, store: AccountStore, values: Mapping[str, str], answer: EndpointAnswer
) -> AccountRecord:
    """Replace the account as a whole: its refresh token is bound to the client it was given to."""
    name, label = split_ref(ref)
    record = AccountRecord(
        name=name,
        label=label,
        client_id=values.get("client_id", ""),
        client_secret=values.get("client_secret", ""),
    )
    record = renewed_record(record, replace(answer, values=values), time.time())
    if not record.access_token and not record.refresh_token:
        raise LoginError("the provider gave no token. Check the flow's answer places")
    with store.lock(ref):
        store.save(record)
    return record


def _client(flow: AccountFlow) -> dict[str, str]:
    """The values that a login begins with; registers a client where the flow says so."""
    from authlib.oauth2.rfc7636 import create_s256_code_challenge

    verifier = token_urlsafe(32)
    values = {
        "client_id": flow.client_id,
        "client_secret": flow.client_secret.get_secret_value() if flow.client_secret else "",
        "scope": " ".join(flow.scopes),
        "code_verifier": verifier,
        "code_challenge": create_s256_code_challenge(verifier),
        "state": token_urlsafe(24),
        "nonce": token_urlsafe(24),
    }
    if flow.register_ is not None and not flow.client_id:
        answer = _sent(flow.register_, flow, values, {}, "the registration of a client")
        values |= answer.values
    return values


def _by_browser(
    flow: AccountFlow, values: dict[str, str], screen: Screen, *, paste: bool
) -> EndpointAnswer:
    assert flow.authorize is not None and flow.token is not None
    if paste:
        values["redirect_uri"] = flow.authorize.redirect.replace(":0/", ":8400/")
        screen.show_page(authorize_url(flow, values))
        pasted = screen.ask("Paste the address that the browser was sent to, or the code: ")
        found = read_pasted(pasted, values["state"])
    else:
        try:
            with listen(flow.authorize.redirect, values["state"]) as callback:
                values["redirect_uri"] = callback.url
                screen.show_page(authorize_url(flow, values))
                found = _awaited(callback, screen)
        except CallbackError as error:
            raise LoginError(str(error)) from None
    if "error" in found:
        raise LoginError(f"the provider refused the login ({found['error'][:60]})")
    values |= found
    return _sent(flow.token, flow, values, _CODE_BODY, "the exchange of the code")


def _awaited(callback: Callback, screen: Screen) -> Mapping[str, str]:
    until = time.monotonic() + WITHIN
    while (found := callback.result(0.2)) is None:
        if time.monotonic() > until:
            raise LoginError("no answer came from the browser within 10 minutes. Try --paste")
        screen.wait(0.0)
    return found


def authorize_url(flow: AccountFlow, values: Mapping[str, str]) -> str:
    """The page of a login by authorization code with PKCE (RFC 6749, 4.1.1; RFC 7636, 4.3)."""
    assert flow.authorize is not None
    parts = urlsplit(flow.authorize.url)
    params = {
        **dict(parse_qsl(parts.query)),
        "response_type": "code",
        "client_id": values["client_id"],
        "redirect_uri": values["redirect_uri"],
        "scope": values["scope"],
        "state": values["state"],
        "code_challenge": values["code_challenge"],
        "code_challenge_method": "S256",
    }
    for name, template in flow.authorize.params.items():
        params[name] = fill(template, values) or ""
    query = urlencode({name: value for name, value in params.items() if value})
    return parts._replace(query=query).geturl()


def read_pasted(text: str, state: str) -> dict[str, str]:
    """Return what a pasted callback says: an address, its query, or `code#state`, or the code.

    Raises LoginError if it belongs to another login.
    """
    text = text.strip()
    query = urlsplit(text).query if "://" in text else text.lstrip("?")
    if "=" in query:
        found = {name: values[0] for name, values in parse_qs(query).items() if len(values) == 1}
    else:
        code, _, pasted = text.partition("#")
        found = {"code": code, "state": pasted or state}
    if found.get("state") != state:
        raise LoginError("what was pasted belongs to another login. Begin anew")
    if not found.get("code") and "error" not in found:
        raise LoginError("what was pasted has no code. Paste the whole address")
    return {name: found[name] for name in ("code", "error") if name in found}


def _by_device(
    flow: AccountFlow, values: dict[str, str], screen: Screen, clock: Callable[[], float]
) -> EndpointAnswer:
    assert flow.device is not None
    begun = _sent(flow.device, flow, values, _DEVICE_BODY, "the request for a code")
    values |= begun.values
    screen.show_code(
        values.get("verification_uri", ""),
        values.get("user_code", ""),
        values.get("verification_uri_complete", ""),
    )
    answer = _polled(flow, values, screen, clock)
    if not answer.values.get("access_token") and answer.values.get("code"):
        values |= answer.values
        assert flow.token is not None
        return _sent(flow.token, flow, values, _CODE_BODY, "the exchange of the code")
    return answer


def _polled(
    flow: AccountFlow, values: Mapping[str, str], screen: Screen, clock: Callable[[], float]
) -> EndpointAnswer:
    """Ask until the user has decided."""
    step = flow.poll or flow.token
    assert step is not None
    interval = _seconds(values.get("interval"), _INTERVAL)
    until = clock() + _seconds(values.get("expires_in"), _DEVICE_WITHIN)
    failures = 0
    while clock() < until:
        screen.wait(interval)
        answer = send_step(step, flow, values, _POLL_BODY)
        match answer.kind:
            case "good":
                return answer
            case "pending":
                failures = 0
            case "slow-down":
                interval += _SLOWER
            case "passing" if failures < _MOST_FAILURES:
                failures += 1
            case "log-in-again":
                break
            case _:
                raise LoginError(f"the provider refused the login: {answer.error}")
    raise LoginError("the code has expired. Begin anew")


def _seconds(text: str | None, default: float) -> float:
    """A number of seconds, which some providers write as text."""
    try:
        return max(1.0, float(text or default))
    except ValueError:
        return default


def _sent(
    step: FlowStep,
    flow: AccountFlow,
    values: Mapping[str, str],
    standard: Mapping[str, str],
    what: str,
) -> EndpointAnswer:
    answer = send_step(step, flow, values, standard)
    if answer.kind != "good":
        raise LoginError(f"{what} failed: {answer.error}")
    return answer

"""Defines how a provider's accounts log in, as data: `accounts:` and the shipped presets.

A flow is made of steps, each one a request. What a step sends are templates: `{name}` is a value
that is known by then, and an entry without a value is left out. What a step does not say is as the
standards have it (RFC 6749 for tokens, RFC 7636 for PKCE, RFC 8628 for devices).
"""

import re
from collections.abc import Iterator
from collections.abc import Mapping
from datetime import date
from typing import Annotated
from typing import Literal
from typing import Self
from urllib.parse import urlsplit

from pydantic import AfterValidator
from pydantic import Field
from pydantic import JsonValue
from pydantic import model_validator

from switchyard.config.credentials import Place
from switchyard.config.fields import Natural
from switchyard.config.fields import PositiveDuration
from switchyard.config.fields import Secret
from switchyard.config.fields import Texts
from switchyard.config.fields import refuse
from switchyard.config.section import Section

AccountStatus = Literal["ok", "preview", "ended", "unsupported"]

VARIABLES = frozenset(
    "access_token basic client_id client_secret code code_challenge code_verifier device_code"
    " nonce redirect_uri refresh_token scope state user_code".split()
)
"""What templates may name, besides what the answers of the flow's own steps name."""

LOG_IN_AGAIN = (
    "invalid_grant",
    "invalid_refresh_token",
    "refresh_token_expired",
    "refresh_token_reused",
    "refresh_token_invalidated",
    "token_expired",
    "expired_token",
)
"""Errors after which a refresh token is of no use any more."""

_VARIABLE = re.compile(r"\{([a-z_]+)\}")
_HERE = ("127.0.0.1", "localhost", "::1")


def _endpoint(value: str) -> str:
    parts = urlsplit(value)
    is_here = parts.hostname in _HERE
    if parts.scheme != "https" and not (parts.scheme == "http" and is_here):
        raise refuse("must be an https:// URL", "plain http:// is for this machine alone")
    if not parts.hostname:
        raise refuse("is not a URL with a host", "write https://host/path")
    return value


def _redirect(value: str) -> str:
    parts = urlsplit(value)
    if parts.hostname not in _HERE and parts.scheme != "https":
        raise refuse("must be an address of this machine", "write http://127.0.0.1:0/callback")
    return value


EndpointUrl = Annotated[str, AfterValidator(_endpoint)]
RedirectUrl = Annotated[str, AfterValidator(_redirect)]


class FlowStep(Section):
    """One request of a flow."""

    url: EndpointUrl
    method: Literal["POST", "GET"] = "POST"
    encoding: Literal["form", "json"] = "form"
    headers: Mapping[str, str] = Field(default_factory=dict)
    body: Mapping[str, JsonValue] | None = None
    """All that is sent; None: as the standard has it."""
    extra: Mapping[str, JsonValue] = Field(default_factory=dict)
    """What is sent besides."""
    answer: Mapping[str, Place] = Field(default_factory=dict)
    """Where values stand that do not stand under their standard names. `claims` are those of the
    answer's JSON Web Token."""
    pending: tuple[Natural, ...] = ()
    """Statuses that mean that the user has not decided yet (device flow)."""

    @property
    def templates(self) -> Iterator[str]:
        for value in (*self.headers.values(), *(self.body or {}).values(), *self.extra.values()):
            if isinstance(value, str):
                yield value


class AuthorizeStep(Section):
    """The page of the provider that the user's browser is sent to."""

    url: EndpointUrl
    redirect: RedirectUrl = "http://127.0.0.1:0/callback"
    """Where the browser is sent back to; port 0 is any free one."""
    params: Mapping[str, str] = Field(default_factory=dict)
    """What is sent besides what RFC 6749 and RFC 7636 ask for."""


class AccountFlow(Section):
    """How accounts of one provider log in and stay logged in."""

    title: str | None = None
    status: AccountStatus = "ok"
    """What the provider leaves room for."""
    position: str = ""
    """The provider's word on other programs."""
    source: str | None = None
    """Where that is written."""
    read: date | None = None
    """When that was read."""
    instead: str = ""
    """What does the job where there is no login."""
    preview: bool = False
    """Whether the user takes the risk of a login that the provider does not document."""
    client_id: str = ""
    client_secret: Secret | None = None
    scopes: Texts = ()
    register_: FlowStep | None = Field(default=None, alias="register")
    """Registers a client of one's own; its answer has `client_id` and `client_secret`."""
    authorize: AuthorizeStep | None = None
    device: FlowStep | None = None
    poll: FlowStep | None = None
    """Asks whether the user has decided; None: as `token`."""
    token: FlowStep | None = None
    finish: FlowStep | None = None
    """A further exchange after a login, whose answer replaces the tokens."""
    refresh: FlowStep | None = None
    """None: as `token`."""
    client_credentials: FlowStep | None = None
    """Gets tokens without a user, for a client with a secret."""
    lead: PositiveDuration = 300.0
    """Seconds before its expiry from which a token is renewed; at most half its life."""
    log_in_again: Texts = ()
    """Further errors, or statuses, after which only a new login helps."""
    suspended: Texts = ()
    """Errors that mean that the account is suspended."""

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.authorize is not None and self.token is None:
            raise refuse("needs token as well", "say where codes are exchanged", at=("authorize",))
        if self.device is not None and self.poll is None and self.token is None:
            raise refuse("needs poll or token as well", "say who is asked", at=("device",))
        known = VARIABLES.union(*(step.answer for _, step in self.steps()))
        for key, step in self.steps():
            for template in step.templates:
                for name in _VARIABLE.findall(template):
                    if name not in known:
                        hint = f"known are {', '.join(sorted(known))}"
                        raise refuse(f"uses the unknown {{{name}}}", hint, at=(key,))
        return self

    @property
    def has_login(self) -> bool:
        """Whether a user logs in."""
        return self.authorize is not None or self.device is not None

    @property
    def lacks_client(self) -> bool:
        """Whether the user must name a client of their own first."""
        return not self.client_id and self.register_ is None

    @property
    def why_closed(self) -> str:
        """Why nobody logs in, as the rest of a sentence about the account; empty if one does."""
        if self.status in ("ended", "unsupported"):
            return f"has no login: {self.position} {self.instead}".strip()
        if self.status == "preview" and not self.preview:
            return f"is a preview: {self.position} Set preview: true in accounts to use it"
        if self.has_login and self.lacks_client:
            return "needs the client-id of an application of your own in accounts"
        if not self.has_login:
            return f"needs no login. {self.instead}".strip()
        return ""

    @property
    def is_usable(self) -> bool:
        return self.has_login or self.client_credentials is not None

    def steps(self) -> Iterator[tuple[str, FlowStep]]:
        """The requests of the flow, by their keys."""
        for name in ("register_", "device", "poll", "token", "finish", "refresh"):
            if (step := getattr(self, name)) is not None:
                yield name.rstrip("_"), step
        if self.client_credentials is not None:
            yield "client-credentials", self.client_credentials


def fill(template: str, values: Mapping[str, str]) -> str | None:
    """Return a template with its values filled in; None if one of them is missing or empty."""
    missing = [name for name in _VARIABLE.findall(template) if not values.get(name)]
    if missing:
        return None
    return _VARIABLE.sub(lambda found: values[found[1]], template)

"""Defines the typed configuration: every key, its default and its values.

Keys in the file are the field names with dashes. All of it is immutable. Durations are seconds and
sizes bytes here. `load_config` makes these; nothing else needs to.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from typing import Literal

from pydantic import BeforeValidator
from pydantic import Field
from pydantic import JsonValue
from pydantic import SecretStr

from switchyard.config.account_flows import AccountFlow
from switchyard.config.client_keys import ClientSettings
from switchyard.config.fields import PASSTHROUGH
from switchyard.config.fields import Duration
from switchyard.config.fields import HeaderNames
from switchyard.config.fields import Headers
from switchyard.config.fields import Host
from switchyard.config.fields import JsonPath
from switchyard.config.fields import JsonPaths
from switchyard.config.fields import ModelName
from switchyard.config.fields import ModelNames
from switchyard.config.fields import Name
from switchyard.config.fields import Natural
from switchyard.config.fields import Pattern
from switchyard.config.fields import PositiveDuration
from switchyard.config.fields import Protocol
from switchyard.config.fields import ProxyUrl
from switchyard.config.fields import Regex
from switchyard.config.fields import Size
from switchyard.config.fields import as_list
from switchyard.config.limits import Limits
from switchyard.config.management import ManagementSettings
from switchyard.config.metrics import MetricsField
from switchyard.config.metrics import MetricsSettings
from switchyard.config.problems import ConfigProblem
from switchyard.config.provider import Provider
from switchyard.config.provider import ProviderTimeouts
from switchyard.config.section import Section
from switchyard.config.section import short
from switchyard.config.state_settings import StateField
from switchyard.config.state_settings import StateSettings
from switchyard.config.tracing import TracingField
from switchyard.config.usage import PriceRule
from switchyard.config.usage import SubscriptionField
from switchyard.config.usage import UsageField
from switchyard.config.usage import UsageSettings
from switchyard.config.web_access import ProxyNetworks
from switchyard.config.webhooks import WebhookSettings
from switchyard.policy.route import Returns
from switchyard.policy.route import Strategy


class ServerTls(Section):
    """TLS of the router's own listener. Relative paths count from the file's folder."""

    cert: str
    """PEM: the certificate, and those between it and the authority."""
    key: str | None = None
    """PEM; None where `cert` holds it too."""
    client_ca: str | None = None
    """Whose certificates clients on other machines must have."""


class OnTlsFailure(Section):
    """What becomes of a client that does not take the router's certificate for a host."""

    action: Literal["fail", "tunnel"] = "fail"
    for_: PositiveDuration = Field(default=600.0, alias="for")
    """Seconds for which it is tunnelled."""


def _combo(value: object) -> object:
    return {"members": as_list(value)} if isinstance(value, str | list | tuple) else value


class Combo(Section):
    """Models to be tried in order."""

    members: Annotated[ModelNames, Field(min_length=1)]
    strategy: Strategy = "fill-first"
    hedge_after: PositiveDuration | None = None
    continue_streams: bool = False
    fallback_on_refusal: bool = False
    """Whether the next member answers where one refuses to, before any output."""
    wait_for_recovery: PositiveDuration | None = None
    return_: Returns = Field(default="when-cold", alias="return")
    """When a session goes back to the first member after another one served it."""


ComboField = Annotated[Combo, BeforeValidator(_combo)]


class Intercept(Combo):
    """What is made of calls to a provider's own host."""

    members: Annotated[ModelNames, Field(min_length=1)] = (PASSTHROUGH,)
    models: Mapping[Pattern, ComboField] = Field(default_factory=dict)
    """Other members for the models that a tool asks for by such names; the first pattern that fits
    counts. Settings that one of them does not have are those of the whole."""

    def tiers(self) -> tuple[tuple[str, Combo], ...]:
        """The patterns in order, each with its combo complete."""
        return tuple((pattern, self._completed(combo)) for pattern, combo in self.models.items())

    def _completed(self, combo: Combo) -> Combo:
        settings = self.model_fields_set - combo.model_fields_set - {"members", "models"}
        return combo.model_copy(update={name: getattr(self, name) for name in settings})


InterceptField = Annotated[Intercept, BeforeValidator(_combo)]
AliasField = Annotated[ModelNames, Field(min_length=1)]


class RouteRule(Section):
    """Names by pattern, for what nothing else claims."""

    pattern: Regex
    provider: str
    model: ModelName | None = None
    """The model to ask the provider for; the requested name where absent."""


class HeartbeatSettings(Section):
    """Keep-alives to a client that waits, in seconds of silence."""

    after: PositiveDuration = 10.0
    every: PositiveDuration = 10.0


class Retry(Section):
    """Limits on trying."""

    request_retry: Natural = 1
    """Further rounds over the keys."""
    max_retry_credentials: Natural = 0
    """Keys tried in one round; 0 is all."""
    max_retry_interval: Duration = 30.0
    """The longest wait, in seconds, for a key to recover before a further round."""
    deadline: PositiveDuration = 600.0


class Cooldown(Section):
    """How long a failing target cools down by default, in seconds."""

    base: PositiveDuration = 1.0
    cap: PositiveDuration = 300.0
    jitter: Annotated[float, Field(ge=0, le=1)] = 0.2


Matches = Annotated[tuple[Mapping[JsonPath, JsonValue], ...], BeforeValidator(as_list)]


class PayloadModel(Section):
    """The requests that a payload rule applies to; all conditions must hold."""

    name: str = "*"
    """A pattern for the model as the provider calls it, or as the client asked for it."""
    protocol: Protocol | None = None
    """The provider's format."""
    from_protocol: Protocol | None = None
    """The client's format."""
    headers: Mapping[str, str] = Field(default_factory=dict)
    """Headers of the client and patterns for their values."""
    match: Matches = ()
    """JSON paths of the provider's request, and what stands there."""
    not_match: Matches = ()
    exist: JsonPaths = ()
    """Paths where something other than null stands."""
    not_exist: JsonPaths = ()


class PayloadRule(Section):
    """Sets values at JSON paths of the upstream's request."""

    models: tuple[Annotated[PayloadModel, short("name")], ...] = (PayloadModel(),)
    params: Mapping[JsonPath, JsonValue] = Field(default_factory=dict)
    headers: Headers = ()


class PayloadFilter(Section):
    """Removes what is at JSON paths of the upstream's request."""

    models: tuple[Annotated[PayloadModel, short("name")], ...] = (PayloadModel(),)
    params: JsonPaths = ()
    headers: HeaderNames = ()


class Payload(Section):
    """Changes to what providers are sent."""

    default: tuple[PayloadRule, ...] = ()
    """Only where nothing is set."""
    override: tuple[PayloadRule, ...] = ()
    filter: tuple[PayloadFilter, ...] = ()


class ExchangeLogSettings(Section):
    """The exchange log. A relative folder counts from the working directory."""

    dir: str = "logs"
    max_size: Size = 1_000_000_000
    max_age: PositiveDuration = 604_800.0
    bodies: bool = True


CachedKinds = Annotated[
    tuple[Literal["embeddings", "count-tokens"], ...],
    Field(min_length=1),
    BeforeValidator(as_list),
]


class CacheSettings(Section):
    """Replies that are kept for requests repeated byte for byte by the same client key."""

    for_: CachedKinds = Field(default=("embeddings", "count-tokens"), alias="for")
    ttl: PositiveDuration = 3600.0
    """Seconds."""


@dataclass(frozen=True, slots=True)
class NotLive:
    """An optional provider that is left out, because a variable it needs is not set."""

    provider: Provider
    reason: str


class Config(Section):
    """A whole configuration file."""

    providers: Annotated[tuple[Provider, ...], Field(min_length=1)]
    """Once loaded: those that are live, in file order."""
    proxy_url: ProxyUrl | None = None
    """The proxy towards providers that name none, in place of the environment's."""
    accounts: Mapping[Name, AccountFlow] = Field(default_factory=dict)
    """How accounts log in; providers name them by `{oauth: NAME}`."""
    clients: ClientSettings = ClientSettings()
    trusted_proxies: ProxyNetworks = ()
    """Reverse proxies whose headers name the clients behind them."""
    combos: Mapping[ModelName, ComboField] = Field(default_factory=dict)
    aliases: Mapping[ModelName, AliasField] = Field(default_factory=dict)
    routes: tuple[RouteRule, ...] = ()
    timeouts: ProviderTimeouts = ProviderTimeouts()
    heartbeat: HeartbeatSettings = HeartbeatSettings()
    retry: Retry = Retry()
    cooldown: Cooldown = Cooldown()
    limits: Limits = Limits()
    payload: Payload = Payload()
    intercept: Mapping[Host, InterceptField] = Field(default_factory=dict)
    exchange_log: ExchangeLogSettings | None = None
    """None: nothing is logged."""
    cache: CacheSettings | None = None
    """None: every request is sent."""
    usage: UsageField = UsageSettings()
    prices: tuple[PriceRule, ...] = ()
    """The first that fits a model counts, before the built-in prices."""
    subscriptions: tuple[SubscriptionField, ...] = ()
    management: ManagementSettings = ManagementSettings()
    webhooks: tuple[WebhookSettings, ...] = ()
    """Where events are sent."""
    metrics: MetricsField = MetricsSettings()
    tracing: TracingField = None
    state: StateField = StateSettings()
    tls: ServerTls | None = None
    """None: clients connect without TLS, or trust mitmproxy's certificate."""
    service_provider: str | None = None
    """Who is asked for what names no model (files, batches); None: the first provider that can."""
    responses_websocket: bool = True
    """Whether clients may speak the Responses API over WebSockets; else a 426 sends them to
    HTTP."""
    on_tls_failure: Annotated[OnTlsFailure, short("action")] = OnTlsFailure()
    drain: Duration = 30.0
    """Seconds that running requests get to finish when the router stops; 0 ends them at once."""

    _not_live: tuple[NotLive, ...] = ()
    _notices: tuple[ConfigProblem, ...] = ()
    _fingerprint: str = ""

    def loaded(
        self,
        *,
        providers: tuple[Provider, ...],
        clients: ClientSettings,
        tls: ServerTls | None,
        not_live: tuple[NotLive, ...],
        notices: tuple[ConfigProblem, ...],
    ) -> "Config":
        """This configuration with what loading found out about it."""
        whole = self.model_copy(update={"providers": providers, "clients": clients, "tls": tls})
        whole._not_live = not_live
        whole._notices = notices
        return whole

    @property
    def not_live(self) -> tuple[NotLive, ...]:
        return self._not_live

    @property
    def notices(self) -> tuple[ConfigProblem, ...]:
        """Notices for the start, such as TLS that is not verified."""
        return self._notices

    def fingerprinted(self, content: bytes) -> "Config":
        """This configuration, read from a file's `content`."""
        self._fingerprint = hashlib.sha256(content).hexdigest()[:12]
        return self

    @property
    def fingerprint(self) -> str:
        """The beginning of its file's SHA-256: processes with the same one agree."""
        return self._fingerprint

    @property
    def client_keys(self) -> tuple[SecretStr, ...]:
        """The client keys that stand in the configuration in clear."""
        return tuple(entry.key for entry in self.clients.api_keys if entry.key is not None)

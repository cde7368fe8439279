"""Defines the configuration of a provider: keys, models, quirks, timeouts, TLS.

As with all of `schema`, it is immutable; durations are seconds.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated
from typing import Literal

from pydantic import BeforeValidator
from pydantic import Field
from pydantic import PlainValidator

from switchyard.config.credentials import ApiKey
from switchyard.config.credentials import CredentialSource
from switchyard.config.fields import BaseUrl
from switchyard.config.fields import Count
from switchyard.config.fields import Duration
from switchyard.config.fields import ErrorRules
from switchyard.config.fields import FormatName
from switchyard.config.fields import Formats
from switchyard.config.fields import GlobList
from switchyard.config.fields import Headers
from switchyard.config.fields import Host
from switchyard.config.fields import HostHeader
from switchyard.config.fields import Integer
from switchyard.config.fields import ModelName
from switchyard.config.fields import ModelNames
from switchyard.config.fields import Name
from switchyard.config.fields import Positive
from switchyard.config.fields import PositiveDuration
from switchyard.config.fields import ProxyUrl
from switchyard.config.fields import Regex
from switchyard.config.fields import Texts
from switchyard.config.fields import refuse
from switchyard.config.proxies import Proxy
from switchyard.config.section import Quota
from switchyard.config.section import Section
from switchyard.config.section import short
from switchyard.config.usage import Billing
from switchyard.policy.route import Strategy
from switchyard.values.globs import Globs
from switchyard.wire.format import AuthStyle
from switchyard.wire.registry import CLIENT_FORMATS
from switchyard.wire.registry import DEFAULT
from switchyard.wire.registry import PROVIDER_FORMATS
from switchyard.wire.translate.cache_marks import CacheMarks

_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,6})?) ?(%?)", re.ASCII)

QuotaForm = Literal["copilot", "kimi", "kiro", "openrouter"]
"""Calls of providers for the limits of a key: `accounts/quota_calls.py`."""

_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(?:-preview)?", re.ASCII)
_PROFILE = re.compile(
    r"arn:aws[a-z-]*:codewhisperer:[a-z0-9-]+:\d{12}:profile/[A-Za-z0-9]+", re.ASCII
)
Platform = Literal["bedrock", "vertex", "azure"]
"""A cloud that speaks formats in a way of its own, or one that it made itself."""

EffortLevel = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


def _share(value: object) -> float:
    """A share above 0 and below 1, written `10%` or 0.1."""
    text = str(value).strip() if isinstance(value, str | int | float) else ""
    match = _SHARE.fullmatch(text) if not isinstance(value, bool) else None
    share = float(match[1]) / (100 if match[2] else 1) if match else 0.0
    if not 0 < share < 1:
        raise refuse("must be a share between 0% and 100%", "write 10% or 0.1", kind="unit")
    return share


class Keep(Section):
    """The last share of the keys' windows, kept for some client keys."""

    share: Annotated[float, PlainValidator(_share)]
    for_: Texts = Field((), alias="for")
    """The names of client keys; empty: it is kept from all of them, for use outside."""
    windows: GlobList | None = None
    """Patterns of the windows' names; None: those of an hour or longer."""


def _keep(value: object) -> object:
    return {"share": value} if isinstance(value, str | int | float) else value


class ApiKeyEntry(Section):
    """One of a provider's own keys."""

    api_key: ApiKey
    proxy_url: ProxyUrl | None = None
    weight: Positive = 1
    priority: Integer = 0
    """Higher first."""
    max_concurrency: Positive | None = None
    quota: Quota = Quota()


class QuirkSettings(Section):
    """What an upstream needs or cannot take; None where the format's rule holds."""

    formats: Formats | None = None
    """Which of the provider's formats these models speak, the preferred one first; None: all."""
    initiator: Literal["copilot"] | None = None
    """In whose words requests say whether a user or an agent's tool call brought them about."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] | None = None
    min_max_tokens: Positive | None = None
    min_max_output_tokens: Positive | None = None
    developer_role: bool | None = None
    stream_options: bool | None = None
    parallel_tools: bool | None = None
    reasoning_field: Literal["reasoning", "reasoning_content", "none"] | None = None
    thinking_tag: str | None = None
    """The tag in which thinking stands within the text, as `think`."""
    thinking_opened: bool | None = None
    """Whether replies begin within that tag, since the model's template opens it."""
    tool_calls_as_text: bool | None = None
    """Whether its models write tool calls into their text, and nobody there reads them."""
    thinking_off: bool | None = None
    """Whether thinking can be switched off (Anthropic's format)."""
    json_schema: bool | None = None
    """Whether an answer's JSON schema can be asked for; False: it is, in words."""
    system: Literal["anywhere", "first", "none"] | None = None
    """Where instructions may stand: anywhere, in one message at the front, or in none."""
    roles_in_turn: bool | None = None
    """Whether user and assistant must take turns, the user first."""
    empty_content: bool | None = None
    """Whether messages may have no content."""
    typed_tools: bool | None = None
    """Whether it knows Anthropic's types of tools that a client runs."""
    server_tools: Literal["own", "openrouter", "none"] | None = None
    """Whose words for tools that run at the provider it knows: those of its format's maker,
    OpenRouter's, none."""
    compaction: Literal["own", "none"] | None = None
    """Whether it compacts conversations in its format's own way; None: it does."""
    tool_id_pattern: Regex | None = None
    maker: Name | None = None
    """Whose proofs of thinking its models make and take back: signatures, encrypted reasoning, ids
    of kept items. None: the model's own."""
    foreign_proofs: Regex | None = None
    """What is no proof of the maker's: the whole of one is matched."""
    chat_proofs: Literal["google", "openrouter", "copilot", "none"] | None = None
    """Chat: whose members for proofs of thinking it takes in a history; None: any."""
    thinking_back: Literal["calls", "all"] | None = None
    """The assistant's turns in which it demands its thinking back: those with calls, or all."""
    thinking_stand_in: str | None = None
    """Thinking for such a turn where none is known."""
    call_signature: str | None = None
    """What stands in where the first call of a step has no signature; empty: none is needed."""
    efforts: tuple[EffortLevel, ...] | None = None
    """The levels of reasoning effort that are taken; others become the nearest of them."""
    cache_marks: CacheMarks | None = None
    """Where prompts end that shall be cached, if the client cannot say it (Anthropic's format);
    None: `auto`."""
    cache_minimum: Positive | None = None
    """Tokens of the shortest prompt that is cached; None: unknown."""
    prompt_cache_key: bool | None = None
    """Whether it takes `prompt_cache_key`."""
    drop: Texts = ()
    """Members of the request that are refused."""
    drop_when_reasoning: Texts = ()
    """Members that are refused where the request asks for reasoning."""


class ModelQuirks(QuirkSettings):
    """Quirks of the models that a provider calls so."""

    source: str | None = Field(None, repr=False)
    """Where that is said; None: where the profile's own are."""
    read: date | None = None
    """When the source was read."""
    models: GlobList
    except_: GlobList = Field(Globs(), alias="except")


class Profile(QuirkSettings):
    """All that is known of an upstream's ways."""

    auth: AuthStyle | None = None
    source: str | None = Field(None, repr=False)
    """Where all of this is said, as far as no entry of `by_model` names another place."""
    read: date | None = None
    """When the source was read."""
    by_model: tuple[ModelQuirks, ...] = ()
    """Settings that differ for some of its models. Of several patterns that match, the last one
    that sets a key wins; the members that they drop add up."""


class Model(Section):
    """One model that a provider has."""

    name: ModelName
    """What the provider calls it."""
    alias: ModelNames = ()
    context_window: Count | None = None
    """Tokens."""
    profile: Profile | None = None
    """What it does not say is the provider's."""


class ProviderTimeouts(Section):
    """How long to wait, in seconds."""

    connect: PositiveDuration = 5.0
    first_byte: PositiveDuration = 60.0
    """What is not streamed begins when it is complete: there it holds if somebody has set it."""
    first_output: PositiveDuration = 300.0
    between_chunks: PositiveDuration = 120.0
    total: PositiveDuration = 1800.0

    def overridden(self, by: "ProviderTimeouts") -> "ProviderTimeouts":
        """These, with those that the other one's file names in their place."""
        return self.model_copy(update={name: getattr(by, name) for name in by.model_fields_set})

    @property
    def first_byte_of_whole(self) -> float:
        """Until the first byte of an answer that is not streamed."""
        if "first_byte" in self.model_fields_set:
            return self.first_byte
        return max(self.first_byte, self.first_output)


class Tls(Section):
    """TLS towards a provider. Relative paths count from the configuration's folder."""

    ca: str | None = None
    """Certificates to trust besides those that are trusted anyway."""
    client_cert: str | None = None
    """A certificate, its chain and its key in one file."""
    server_name: Host | None = None
    """The name to ask for and to find in the certificate; None: the host of the base URL."""
    verify: bool = True


def _version(value: object) -> object:
    """A version of Azure's API, which YAML may have read as a date."""
    text = str(value)
    if value is not None and not _VERSION.fullmatch(text):
        raise refuse("is no version of Azure's API", "write it like 2024-10-21")
    return text if value is not None else None


def _profile_arn(value: object) -> object:
    """The ARN of a profile of Kiro's; its fourth part is the profile's region."""
    if value is not None and not _PROFILE.fullmatch(str(value)):
        hint = "write it like arn:aws:codewhisperer:us-east-1:123456789012:profile/ABC"
        raise refuse("is no ARN of a profile", hint)
    return value


def _model_list(value: object) -> object:
    if value == "discover":
        return None
    if not isinstance(value, list | tuple):
        raise refuse("must be a list of models, or discover", "leave it out to allow any model")
    return value


class Provider(Section):
    """A provider: its address, formats, keys and models."""

    name: Name
    optional: bool = False
    builtin: Literal["demo"] | None = None
    formats: Formats = Field((DEFAULT.name,), alias="format")
    """What it speaks; the first is used where the client's own is not among them."""
    platform: Platform | None = None
    """The cloud in whose way the format is spoken there; None: in its vendor's own."""
    api_version: Annotated[str | None, BeforeValidator(_version)] = None
    """The version of Azure's API, a date; for `platform: azure` alone."""
    profile_arn: Annotated[str | None, BeforeValidator(_profile_arn)] = None
    """The profile of an organisation that an account of Kiro's belongs to."""
    base_url: BaseUrl | None = None
    base_urls: Mapping[FormatName, BaseUrl] = Field(default_factory=dict)
    """For formats that are spoken elsewhere than at `base_url`."""
    prefix: Name | None = None
    headers: Headers = ()
    credentials: Literal["own", "forward"] = "own"
    api_key: ApiKey | None = None
    """Only in the file: once loaded, it is the one entry of `api_key_entries`."""
    api_key_entries: tuple[Annotated[ApiKeyEntry, short("api-key")], ...] = ()
    strategy: Strategy = "round-robin"
    keep: Annotated[Keep | None, BeforeValidator(_keep)] = None
    models: Annotated[
        tuple[Annotated[Model, short("name")], ...] | None, BeforeValidator(_model_list)
    ] = None
    """None: any model may be asked for."""
    discover_every: Duration = 3600.0
    """Seconds between two questions for the models of a provider that lists none; 0: never."""
    excluded_models: GlobList = Globs()
    quota_call: QuotaForm | None = None
    """How it says what is left of a key's limits; None: it is not asked."""
    billing: Billing | None = None
    """What it charges for; None: nothing where it is asked on this machine or without a key, a plan
    where clients' own logins are forwarded, else each token."""
    stream: Literal["as-asked", "default-off", "force-on", "force-off"] = "as-asked"
    profile: Profile | None = None
    timeouts: ProviderTimeouts = ProviderTimeouts()
    """Once loaded: complete, the global ones included."""
    errors: ErrorRules = ()
    proxy_url: ProxyUrl | None = None
    tls: Tls = Tls()
    host_header: HostHeader | None = None
    """What requests name as their host; None: the base URL's."""

    @property
    def handle(self) -> str:
        """What stands before the slash in the names of its models."""
        return self.prefix or self.name

    @property
    def discover(self) -> bool:
        """Whether its models are to be asked of the provider itself."""
        return self.models is None and "models" in self.model_fields_set

    def auth_for(self, format: str) -> AuthStyle:
        """How this provider wants its key in one of its formats."""
        if self.profile and self.profile.auth:
            return self.profile.auth
        if self.platform == "azure":
            # A token of Entra is a Bearer (Azure OpenAI REST API reference, "Authentication").
            tokens = (isinstance(one.api_key, CredentialSource) for one in self.api_key_entries)
            return "bearer" if any(tokens) else "api-key"
        return (PROVIDER_FORMATS.get(format) or CLIENT_FORMATS[format]).auth

    def url_for(self, format: str) -> str:
        """The base URL for one of its formats; empty for a built-in that has none yet."""
        for name, url in self.base_urls.items():
            if name == format:
                return url
        return self.base_url or ""


def credentials_of(provider: Provider) -> Mapping[str, Proxy | None]:
    """Return the ids of a provider's keys, by position, with the proxies of their own.

    A provider without keys has one id of the same kind.
    """
    if provider.credentials == "forward":
        return {f"{provider.name}#client": None}
    if not provider.api_key_entries:
        return {f"{provider.name}#none": None}
    return {
        f"{provider.name}#{index}": entry.proxy_url
        for index, entry in enumerate(provider.api_key_entries)
    }

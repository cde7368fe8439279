"""Defines the kinds of values that a configuration holds, beyond pydantic's own.

A validator here raises `PydanticCustomError` with a text that completes the sentence "the value
..." and never repeats the value. The error type `unit` allows the loader to quote the value from
the file; `plain` does not, because the value may be a secret or contain one.
"""

import re
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Annotated
from typing import Literal
from urllib.parse import SplitResult
from urllib.parse import quote
from urllib.parse import unquote
from urllib.parse import urlsplit

from pydantic import AfterValidator
from pydantic import BeforeValidator
from pydantic import Field
from pydantic import InstanceOf
from pydantic import PlainValidator
from pydantic import SecretStr
from pydantic_core import PydanticCustomError

from switchyard.config.problems import KeyPath
from switchyard.config.proxies import HINT as PROXY_HINT
from switchyard.config.proxies import Proxy
from switchyard.config.proxies import ProxyError
from switchyard.config.proxies import parse_proxy
from switchyard.policy.failures import RuleError
from switchyard.policy.failures import parse_rules
from switchyard.redaction.credential_names import is_credential_name
from switchyard.values.expressions import ExpressionError
from switchyard.values.expressions import compiled
from switchyard.values.globs import Globs
from switchyard.values.json_paths import PathError
from switchyard.values.json_paths import parse_path
from switchyard.values.units import Rate
from switchyard.values.units import UnitError
from switchyard.values.units import parse_count
from switchyard.values.units import parse_duration
from switchyard.values.units import parse_money
from switchyard.values.units import parse_rate
from switchyard.values.units import parse_size
from switchyard.wire.registry import PROVIDER_FORMATS

if TYPE_CHECKING:
    FormatName = str
else:
    FormatName = Literal[tuple(PROVIDER_FORMATS)]

_PROTOCOLS = {
    "openai": "openai-chat",
    "responses": "openai-responses",
    "codex": "openai-responses",
    "claude": "anthropic",
}
"""CLIProxyAPI's words for formats, which users bring along in their payload rules."""

PASSTHROUGH = "passthrough"
"""The member name that stands for the request's own destination and the client's own key."""

SOCKET_SCHEME = "http+unix://"
"""Of base URLs whose host is the quoted path of a Unix socket, as requests-unixsocket writes it."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?", re.ASCII)
_FRAMING = frozenset({"connection", "content-length", "host", "transfer-encoding"})
_CONDITIONS = frozenset({"kind", "status", "type", "code", "word", "match", "match-regex"})


@dataclass(frozen=True, slots=True)
class HeaderRule:
    """One header that every request to a provider gets."""

    name: str
    value: SecretStr
    """Empty where the header is copied."""
    copy_of: str = ""
    """The client's header to take the value from; left out where the client sent none."""


def refuse(
    message: str,
    hint: str = "",
    *,
    kind: Literal["unit", "plain"] = "plain",
    at: KeyPath = (),
) -> PydanticCustomError:
    """The error of a validator, about the value or what stands at a path within it.

    The texts may hold no value of the file.
    """
    return PydanticCustomError(kind, "{said}", {"said": message, "hint": hint, "at": at})


def _unit[T](parse: Callable[[object], T]) -> Callable[[object], T]:
    def validate(value: object) -> T:
        try:
            return parse(value)
        except UnitError as error:
            raise refuse(str(error), kind="unit") from None

    return validate


def as_list(value: object) -> object:
    """One for a list of one."""
    return value if isinstance(value, list | tuple | frozenset) else [value]


def _positive(seconds: float) -> float:
    if seconds <= 0:
        raise refuse("must be more than 0", kind="unit")
    return seconds


def _whole(value: object) -> object:
    if isinstance(value, bool):
        raise refuse("must be a whole number")
    return value


def _secret(value: object) -> SecretStr:
    if isinstance(value, SecretStr):
        return value
    if not isinstance(value, str):
        raise refuse("must be text", "put quotes around it")
    text = value.strip()
    if not text.isascii() or not text.isprintable() or " " in text:
        raise refuse("holds white space or characters that a header cannot carry")
    return SecretStr(text)


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise refuse("must be letters, digits, dots, dashes or underscores, without a slash")
    if value == PASSTHROUGH:
        raise refuse("is reserved for the request's own destination", "choose another name")
    return value


def _model_name(value: str) -> str:
    if not value or value != value.strip() or not value.isprintable():
        raise refuse("is not a model name: it is empty or has white space around it")
    return value


def _regex(value: object) -> re.Pattern[str]:
    if isinstance(value, re.Pattern):
        return value
    if not isinstance(value, str):
        raise refuse("must be a regular expression", "put quotes around it")
    try:
        return compiled(value)
    except ExpressionError as error:
        message = f"is not a regular expression ({error})"
        raise refuse(
            message, "quote it and escape special characters with \\", kind="unit"
        ) from None


def _globs(value: object) -> Globs:
    if isinstance(value, Globs):
        return value
    patterns = as_list(value)
    if not isinstance(patterns, list) or not all(
        isinstance(pattern, str) and pattern for pattern in patterns
    ):
        raise refuse("must be a list of names, where * matches anything")
    return Globs(str(pattern) for pattern in patterns)


def _pattern(value: str) -> str:
    if not value.strip():
        raise refuse("is not a pattern: it is empty", "write a name, where * matches anything")
    return value


def _split(text: str) -> SplitResult:
    """Splits a URL that names a host; the error text has nothing of it."""
    try:
        parts = urlsplit(text)
        valid = parts.port != 0
    except ValueError:
        raise refuse("is not a URL") from None
    if not valid or not text.isprintable() or " " in text or not parts.hostname:
        raise refuse("is not a URL with a host", "write https://host/path")
    return parts


def _base_url(value: object) -> str:
    if not isinstance(value, str):
        raise refuse("must be a URL", "write https://host/path")
    text = value.strip()
    if text.startswith("unix:"):
        text = _socket_url(text.removeprefix("unix:").removeprefix("//"))
    if not text.lower().startswith(("http://", "https://", SOCKET_SCHEME)):
        hint = "write https://host/path, or unix:/path/to.sock"
        raise refuse("must be an http:// or https:// URL", hint)
    if text.lower().startswith(SOCKET_SCHEME) and not socket_of(text).startswith("/"):
        raise refuse("names no Unix socket by its whole path", "write unix:/path/to.sock")
    parts = _split(text)
    if "@" in parts.netloc:
        raise refuse("has a user name or password in it", "put the key into api-key-entries")
    if parts.query or parts.fragment:
        raise refuse("has a ? or # in it", "leave out what comes after the path")
    return text.rstrip("/")


def _socket_url(path: str) -> str:
    """The URL of a server that listens on a Unix socket."""
    return SOCKET_SCHEME + quote(path, safe="")


def socket_of(url: str) -> str:
    """The path of the Unix socket that a base URL names; empty where it names a host."""
    if not url.startswith(SOCKET_SCHEME):
        return ""
    return unquote(url.removeprefix(SOCKET_SCHEME).partition("/")[0])


def _proxy(value: object) -> Proxy:
    if isinstance(value, Proxy):
        return value
    if not isinstance(value, str):
        raise refuse("must be a proxy's URL or direct", PROXY_HINT)
    try:
        return parse_proxy(value.strip())
    except ProxyError as error:
        raise refuse(str(error), PROXY_HINT) from None


def _headers(value: object) -> tuple[HeaderRule, ...]:
    if isinstance(value, tuple):
        return value
    if not isinstance(value, dict):
        raise refuse("must be a mapping of header names to values")
    return tuple(_header(str(name), text) for name, text in value.items())


def _header(name: str, value: object) -> HeaderRule:
    if not _HEADER.fullmatch(name):
        raise refuse("has a header name with characters that HTTP does not allow")
    if name.lower() in _FRAMING:
        hint = "write host-header" if name.lower() == "host" else "remove it"
        raise refuse("is a header that the router sets itself", hint, at=(name,))
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise refuse("must be text", "put quotes around it", at=(name,))
    text = str(value).strip()
    if not text.isprintable() or not text.isascii():
        raise refuse("holds characters that a header cannot carry", at=(name,))
    copied = text[1:] if text.startswith("$") else ""
    if not copied or not _HEADER.fullmatch(copied):
        return HeaderRule(name, SecretStr(text))
    # A session may be a conversation as well: whoever writes it here knows.
    if is_credential_name(copied.lower()) and not copied.lower().endswith("session"):
        raise refuse(
            "copies the client's own credential",
            "use credentials: forward, which sends it where this provider expects it",
            at=(name,),
        )
    return HeaderRule(name, SecretStr(""), copied)


def _header_name(value: str) -> str:
    if not _HEADER.fullmatch(value):
        raise refuse("has characters that HTTP does not allow in a header's name")
    if value.lower() in _FRAMING:
        raise refuse("is a header that the router sets itself", "remove it")
    return value


def _protocol(value: object) -> object:
    return _PROTOCOLS.get(value, value) if isinstance(value, str) else value


def _json_path(value: str) -> str:
    try:
        parse_path(value)
    except PathError as error:
        hint = "write names and positions with dots between, as generationConfig.topK"
        raise refuse(f"is a path that {error}", hint) from None
    return value


def _error_rules(value: object) -> tuple[Mapping[str, object], ...]:
    if not isinstance(value, list | tuple):
        raise refuse("must be a list of rules", "write {status: 400, match: words, class: quota}")
    try:
        parse_rules(value)
    except RuleError as error:
        place = (error.index, error.key) if error.key else (error.index,)
        raise refuse(error.reason, at=place) from None
    for index, rule in enumerate(value):
        if not _CONDITIONS.intersection(rule):
            hint = f"give it one of {', '.join(sorted(_CONDITIONS))}"
            raise refuse("matches every failure", hint, at=(index,))
    return tuple(value)


def _host(value: str) -> str:
    if not _HOST.fullmatch(value):
        raise refuse("must be a host name, such as api.anthropic.com")
    return value.lower()


Duration = Annotated[float, BeforeValidator(_unit(parse_duration))]
"""Seconds, 0 or more."""
PositiveDuration = Annotated[Duration, AfterValidator(_positive)]
Size = Annotated[int, BeforeValidator(_unit(parse_size))]
Count = Annotated[int, BeforeValidator(_unit(parse_count)), Field(ge=1)]
RateField = Annotated[InstanceOf[Rate], BeforeValidator(_unit(parse_rate))]
Money = Annotated[int, BeforeValidator(_unit(parse_money))]
"""Nano-dollars."""
Rates = Annotated[tuple[RateField, ...], BeforeValidator(as_list)]
Natural = Annotated[int, BeforeValidator(_whole), Field(ge=0)]
Positive = Annotated[int, BeforeValidator(_whole), Field(ge=1)]
Places = Annotated[Positive, Field(le=1_000_000_000)]
"""Requests under way at the same time."""
Integer = Annotated[int, BeforeValidator(_whole)]
Secret = Annotated[SecretStr, PlainValidator(_secret)]
Name = Annotated[str, AfterValidator(_name)]
ModelName = Annotated[str, AfterValidator(_model_name)]
ModelNames = Annotated[tuple[ModelName, ...], BeforeValidator(as_list)]
Regex = Annotated[re.Pattern[str], PlainValidator(_regex)]
GlobList = Annotated[Globs, PlainValidator(_globs)]
BaseUrl = Annotated[str, PlainValidator(_base_url)]
ProxyUrl = Annotated[Proxy, PlainValidator(_proxy)]
Pattern = Annotated[str, AfterValidator(_pattern)]
"""A pattern of names, as `Globs` takes it."""
Headers = Annotated[tuple[HeaderRule, ...], PlainValidator(_headers)]
ErrorRules = Annotated[tuple[Mapping[str, object], ...], PlainValidator(_error_rules)]
"""Rules as the file has them, checked; `FailureTable.extended` takes them."""
Host = Annotated[str, AfterValidator(_host)]
HostHeader = Annotated[str, AfterValidator(_host)]
Texts = Annotated[tuple[str, ...], BeforeValidator(as_list)]
Formats = Annotated[tuple[FormatName, ...], BeforeValidator(as_list), Field(min_length=1)]
Protocol = Annotated[FormatName, BeforeValidator(_protocol)]
"""A wire format, in CLIProxyAPI's words too."""
JsonPath = Annotated[str, AfterValidator(_json_path)]
JsonPaths = Annotated[tuple[JsonPath, ...], BeforeValidator(as_list)]
HeaderNames = Annotated[
    tuple[Annotated[str, AfterValidator(_header_name)], ...], BeforeValidator(as_list)
]

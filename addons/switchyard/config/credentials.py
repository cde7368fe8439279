"""Defines where a provider's credential comes from when it is more than text in the file.

A source is a mapping in the place of an `api-key`. Its values are immutable; what they lead to is
read by `accounts`, off the event loop.
"""

import importlib.util
import re
import shlex
from pathlib import Path
from typing import Annotated
from typing import Literal
from typing import Self

from pydantic import AfterValidator
from pydantic import BeforeValidator
from pydantic import Discriminator
from pydantic import Field
from pydantic import Tag
from pydantic import model_validator

from switchyard.config.fields import PositiveDuration
from switchyard.config.fields import Secret
from switchyard.config.fields import Texts
from switchyard.config.fields import refuse
from switchyard.config.section import Section
from switchyard.values.json_paths import PathError
from switchyard.values.json_paths import parse_path

SourceKind = Literal["file", "command", "keyring", "oauth", "google", "azure", "aws"]

KINDS: tuple[SourceKind, ...] = ("file", "command", "keyring", "oauth", "google", "azure", "aws")
"""The keys of a source, of which it has one."""

_GOES_WITH: dict[str, tuple[SourceKind, ...]] = {
    "json": ("file", "command"),
    "expires": ("file", "command"),
    "ttl": ("command", "keyring"),
}
_NAME = "[A-Za-z0-9][A-Za-z0-9._-]*"
_REF = re.compile(f"{_NAME}(/{_NAME})?")
_LIBRARIES = {
    "keyring": ("keyring", "keyring"),
    "google": ("google.auth", "google-auth"),
    "azure": ("azure.identity", "azure-identity"),
    "aws": ("botocore", "botocore"),
}
"""Modules that a kind of source imports when it is first used, and the libraries that have them."""

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
COGNITIVE_SERVICES = "https://cognitiveservices.azure.com/.default"


def _place(value: str) -> str:
    """A path into JSON without its leading `$.`, which JSONPath (RFC 9535) has."""
    path = value.removeprefix("$").removeprefix(".") if value.startswith("$") else value
    try:
        parse_path(path)
    except PathError as error:
        raise refuse(f"is a path that {error}", "write $.tokens.access_token") from None
    return path


def _words(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return shlex.split(value)
    except ValueError:
        raise refuse("has a quote that is not closed", "write a list of words") from None


def _service(value: str) -> str:
    service, _, user = value.partition("/")
    if not service or not user:
        raise refuse("must be a service and a user", "write service/user")
    return value


def _ref(value: str) -> str:
    if not _REF.fullmatch(value):
        raise refuse("must be the name of an account", "write NAME, or NAME/LABEL")
    return value


Place = Annotated[str, AfterValidator(_place)]
"""Where a value stands in a JSON document."""


class GoogleSource(Section):
    """Google Cloud: a service account's file, or the application default credentials."""

    credentials: str | None = None
    """A JSON file of any kind that google-auth reads; None: the application default."""
    scopes: Texts = (CLOUD_PLATFORM,)


class AzureSource(Section):
    """Microsoft Entra: a client secret, or azure-identity's default chain."""

    scope: str = COGNITIVE_SERVICES
    tenant: str | None = None
    client: str | None = None
    secret: Secret | None = None


class AwsSource(Section):
    """AWS: a profile, or what botocore finds: environment, SSO, role, container, instance."""

    profile: str | None = None
    region: str | None = None
    """What requests are signed for where the host names no region; None: the profile's."""


class CredentialSource(Section):
    """Where a credential is read from; one of `KINDS` is set."""

    file: str | None = None
    """A file of another tool: followed, never written, and never refreshed."""
    json_: Place | None = Field(default=None, alias="json")
    """Where the credential stands; None: it is all the text there is."""
    expires: Place | None = None
    """Where its expiry stands; None: as a JSON Web Token has it, else none is known."""
    command: Annotated[tuple[str, ...], BeforeValidator(_words), Field(min_length=1)] | None = None
    """A program that prints the credential, with its arguments. No shell reads it."""
    ttl: PositiveDuration = 300.0
    """Seconds after which a command or the keyring is asked again."""
    keyring: Annotated[str, AfterValidator(_service)] | None = None
    oauth: Annotated[str, AfterValidator(_ref)] | None = None
    """An account of `accounts`, with its label after a slash."""
    google: GoogleSource | None = None
    azure: AzureSource | None = None
    aws: AwsSource | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        kinds: list[SourceKind] = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(kinds) != 1:
            wrong = f"needs exactly one of {', '.join(KINDS)}"
            raise refuse(wrong, "write {file: PATH}, or the key itself as text")
        for name in sorted(self.model_fields_set):
            key = name.rstrip("_")
            if (those := _GOES_WITH.get(key)) is not None and kinds[0] not in those:
                raise refuse(f"is of no use with {kinds[0]}", "remove it", at=(key,))
        if self.expires is not None and self.json_ is None:
            raise refuse("needs json as well", "say where the credential stands", at=("expires",))
        if lacking := _lacking(kinds[0]):
            hint = f"install the extra {kinds[0]}: pip install 'switchyard[{kinds[0]}]'"
            raise refuse(f"needs the library {lacking}", hint, at=(kinds[0],))
        return self

    @property
    def kind(self) -> SourceKind:
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def label(self) -> str:
        """What people see of it: no folder, no arguments and no values."""
        match self.kind:
            case "file":
                return f"the file {Path(self.file or '').name}"
            case "command":
                assert self.command
                return f"the command {Path(self.command[0]).name}"
            case "keyring":
                return f"the keyring's {self.keyring}"
            case "oauth":
                return f"the account {self.oauth}"
            case kind:
                return f"the credentials of {kind}"

    @property
    def owner(self) -> str:
        """What the secrets read from it belong to."""
        return f"{self.label} {self.file or ''} {self.command or ''}"

    def beside(self, folder: Path) -> "CredentialSource":
        """The same source, its relative paths counted from a folder."""
        if self.file is not None:
            file = folder / Path(self.file).expanduser()
            return self.model_copy(update={"file": str(file)})
        if self.google is not None and self.google.credentials is not None:
            file = folder / Path(self.google.credentials).expanduser()
            google = self.google.model_copy(update={"credentials": str(file)})
            return self.model_copy(update={"google": google})
        return self


def _lacking(kind: SourceKind) -> str:
    """The library that a kind of source needs and that is not installed; empty if none."""
    module, library = _LIBRARIES.get(kind, ("", ""))
    try:
        return "" if not module or importlib.util.find_spec(module) else library
    except ModuleNotFoundError:  # of the package around it
        return library


def _tag(value: object) -> str:
    return SOURCE_TAG if isinstance(value, dict | CredentialSource) else TEXT_TAG


TEXT_TAG = "[text]"
SOURCE_TAG = "[source]"
"""Steps that pydantic adds to the place of a problem, and that no file has."""

ApiKey = Annotated[
    Annotated[Secret, Tag(TEXT_TAG)] | Annotated[CredentialSource, Tag(SOURCE_TAG)],
    Discriminator(_tag),
]
"""A credential: text, or where to read it."""

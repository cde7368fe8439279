"""Defines the configuration of traces."""

import importlib.util
from typing import Annotated
from typing import Literal

from pydantic import AfterValidator
from pydantic import BeforeValidator
from pydantic import Field

from switchyard.config.fields import BaseUrl
from switchyard.config.fields import Headers
from switchyard.config.fields import Positive
from switchyard.config.fields import PositiveDuration
from switchyard.config.fields import refuse
from switchyard.config.section import Section
from switchyard.config.section import short

type Conventions = Literal["latest", "1.41"]
"""The version of the GenAI semantic conventions: `latest` is that of their own repository."""

_LIBRARY = "opentelemetry.exporter.otlp.proto.http"


def _collector(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise refuse("must be an http:// or https:// URL", "write http://127.0.0.1:4318")
    try:
        found = importlib.util.find_spec(_LIBRARY)
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise refuse("needs the packages of OpenTelemetry", "install switchyard[otel]")
    return url


def _version(value: object) -> object:
    return str(value) if isinstance(value, float) else value


class TracingSettings(Section):
    """Where spans are sent, and what is in them."""

    url: Annotated[BaseUrl, AfterValidator(_collector)]
    """The collector's base URL for OTLP over HTTP; `/v1/traces` is added."""
    headers: Headers = ()
    """What the collector wants besides, such as its key."""
    service: str = "switchyard"
    """`service.name` of the spans."""
    semconv: Annotated[Conventions, BeforeValidator(_version)] = "latest"
    sample: Annotated[float, Field(ge=0, le=1)] = 1.0
    """The share of the requests without a trace of their own that is sent."""
    propagate: bool = False
    """Whether providers get the trace's context (`traceparent`)."""
    content: bool = False
    """Whether prompts and answers are in the spans."""
    queue: Positive = 2048
    """Requests that wait for the collector; further ones are left out."""
    timeout: PositiveDuration = 10.0


TracingField = Annotated[TracingSettings | None, short("url")]
"""None: no traces."""

"""The head of a client's request, and where it would have gone."""

from dataclasses import dataclass
from dataclasses import field
from urllib.parse import parse_qs

from mitmproxy import http

_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class ClientHead:
    """The head of a client's request as it came, credential included."""

    headers: http.Headers = field(repr=False)
    path: str = field(repr=False)
    """With its query."""

    @property
    def query_key(self) -> str | None:
        """The query's `key`, as Gemini's clients may send theirs."""
        found = parse_qs(self.path.partition("?")[2], errors="surrogateescape").get("key")
        return found[0] if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a request would go if the router were not there."""

    scheme: str
    host: str
    port: int
    path: str = field(repr=False)
    """With its query."""
    renamed: bool = False
    """Whether the client does not name it, since it called the router."""

    @property
    def netloc(self) -> str:
        """Host and port, as a `Host` header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if _PORTS.get(self.scheme) == self.port else f"{host}:{self.port}"

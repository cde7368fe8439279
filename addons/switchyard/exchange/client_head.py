"""The head of a client's request, and its destination without the router."""

from dataclasses import dataclass
from dataclasses import field
from urllib.parse import parse_qs

from mitmproxy import http

from switchyard.values.records import record

_PORTS = {"https": 443, "http": 80}


@record()
class ClientHead:
    """The head of a client's request as received, credential included."""

    headers: http.Headers = field(repr=False)
    path: str = field(repr=False)
    """The path with its query."""

    @property
    def query_key(self) -> str | None:
        """Returns the query's `key`, in which Gemini's clients may send their key."""
        found = parse_qs(self.path.partition("?")[2], errors="surrogateescape").get("key")
        return found[0] if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The destination that a request would have without the router."""

    scheme: str
    host: str
    port: int
    path: str = field(repr=False)
    """The path with its query."""
    renamed: bool = False
    """Whether the client named another host, because it called the router."""

    @property
    def netloc(self) -> str:
        """Returns host and port in the form of a `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if _PORTS.get(self.scheme) == self.port else f"{host}:{self.port}"

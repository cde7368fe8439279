"""What can be asked for, and what a provider serves besides calls to models."""

from dataclasses import dataclass
from typing import Literal

type EndpointKind = Literal[
    "generate",
    "count",
    "embed",
    "compact",
    "service",
    "models",
    "model",
    "show",
    "version",
    "loaded",
    "health",
    "ready",
    "status",
    "usage",
    "me",
    "greeting",
    "management",
]


@dataclass(frozen=True, slots=True)
class Services:
    """What the providers of an API serve besides calls to a model, which passes through.

    Formats of one API share the object.
    """

    paths: frozenset[str]
    """Without the version; what ends in a slash stands for all below it."""

    def has(self, path: str) -> bool:
        """Whether a path, without its version, is one of these."""
        if path in self.paths:
            return True
        return any(one.endswith("/") and path.startswith(one) for one in self.paths)

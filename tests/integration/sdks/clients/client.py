"""What all clients have in common: one conversation, held through one SDK."""

from abc import ABC
from abc import abstractmethod
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import ClassVar

from pydantic import BaseModel

KEY = "sk-client-55aa10"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool of the client's, with the JSON schema of its arguments."""

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool gave back."""

    text: str
    failed: bool = False


@dataclass(slots=True, kw_only=True)
class Said:
    """One answer as the SDK's user reads it."""

    text: str = ""
    thinking: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    """Name and arguments."""
    ids: list[str] = field(default_factory=list)
    """Ids of the calls, where the format has them."""
    stop: str | None = None
    input: int | None = None
    cached: int | None = None
    output: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How a conversation is held."""

    url: str
    model: str
    stream: bool = False
    """By the SDK's own stream helper."""
    system: str | None = None
    tools: tuple[Tool, ...] = ()
    effort: str | None = None


class Client(ABC):
    """A conversation. All of one SDK share its connections."""

    ends: ClassVar[str]
    """The stop reason of an ordinary end."""
    calls: ClassVar[str]
    """The stop reason of an answer with calls."""
    marks_failures: ClassVar[bool] = False
    """Whether the format can mark a result as an error."""
    returns_proofs: ClassVar[bool] = True
    """Whether the SDK keeps what the format has for proofs of thinking."""
    counts_cached: ClassVar[bool] = True

    def __init__(self, setup: Setup) -> None:
        self.setup = setup

    @abstractmethod
    def say(self, text: str, image: bytes | None = None) -> Said:
        """A message with perhaps a PNG, and the answer to it."""

    @abstractmethod
    def give(self, results: list[Result]) -> Said:
        """The results of the calls of the last answer, in their order."""

    @abstractmethod
    def parse[T: BaseModel](self, text: str, kind: type[T]) -> T:
        """The answer to a question as an object, by the SDK's own helper."""

    @abstractmethod
    async def say_async(self, text: str) -> str:
        """The text of an answer, through the SDK's asynchronous client."""

    @abstractmethod
    def failure(self, error: Exception) -> tuple[str, int | None, str | None]:
        """Of an exception of the SDK's: its class, the HTTP status, and `Retry-After`."""

"""What a wire format has no words for, as each format declares it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """What a format cannot say: features (see `translate.features`) with the reason of each."""

    cannot_say: Mapping[str, str] = _NONE
    """What a request in the format leaves out of another format's."""
    said_alone: Mapping[str, str] = _NONE
    """What a request of this format alone can ask for; nobody else has words for it."""
    lone_members: tuple[str, ...] = ()
    """Members of its requests that are a feature of their own wherever they are filled."""
    reply_cannot_say: Mapping[str, str] = _NONE
    """What a client of the format is told in other words, or not at all. A stop reason is named as
    `StopReason` names it. Nothing of this is reported, since the words survive."""
    stops: str = ""
    """Why (some) stop sequences are left out; the router ends the answer itself where one stands,
    so nothing is lost. Empty where all can be said."""
    most_stops: int | None = None
    """How many stop sequences a request may have; None: any number."""
    instructed: str = ""
    """Why (some) shapes of an answer are asked for by an instruction; empty where none is."""
    tools: bool = True
    """Whether the format knows tools at all."""
    file_names: bool = False
    """Whether files go with their names."""
    document_words: bool = False
    """Whether the model reads a document's title and context beside it."""

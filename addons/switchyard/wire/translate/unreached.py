"""Finds the members of a request that a translation leaves out, by comparison.

A member reaches the target if the written request changes when the member is removed. That needs no
list of what a format can express, so it finds unknown members too. The comparison uses a small
request with the same settings and tools: one turn of one word, tools without their descriptions.
Clients send the same settings with every request, so each is compared once.
"""

import re
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import fields

from switchyard.values.records import altered
from switchyard.values.records import record
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Reasoning
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.registry import CLIENT_FORMATS
from switchyard.wire.registry import PROVIDER_FORMATS
from switchyard.wire.registry import losses_of
from switchyard.wire.shared.call_ids import distinct
from switchyard.wire.shared.placing import lasting
from switchyard.wire.shared.server_tools import Dialect
from switchyard.wire.shared.server_tools import served
from switchyard.wire.shared.tool_choice import choosable
from switchyard.wire.translate.losses import lost
from switchyard.wire.translate.pair_results import paired
from switchyard.wire.translate.rename_tools import renamed
from switchyard.wire.translate.stubs import CONTAINERS
from switchyard.wire.translate.stubs import NOTHING
from switchyard.wire.translate.stubs import is_conversation
from switchyard.wire.translate.stubs import means_nothing
from switchyard.wire.translate.stubs import paths_of
from switchyard.wire.translate.stubs import stub_of
from switchyard.wire.translate.stubs import without

_REMEMBERED = 512
"""Maximum number of cached comparisons."""
_MOST_NAMES = 24
"""Maximum number of members named per request."""
_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,80}")
_NUMBERS = ("temperature", "top_p", "top_k", "seed", "presence_penalty", "frequency_penalty",
            "top_logprobs", "candidates")  # fmt: skip
"""Settings that a writer may clamp."""
_FEATURE_OF = {"top_logprobs": "logprobs"}
"""The feature that reports a setting, if its name differs."""
_OF_THE_TARGET = frozenset(
    "format model turns tools extra form takes_system takes_thinking readable".split()
)
"""Fields that are not settings of the client."""
_FIELDS = tuple(field.name for field in fields(Conversation) if field.name not in _OF_THE_TARGET)


@record()
class Way:
    """A translation from a client's format to a target's format and dialect."""

    client: str
    """The client's format."""
    target: str
    model: str
    """The target's name for its model."""
    dialect: Dialect | None = None
    """The target's dialect for tools that run at the provider."""
    takes_system: bool = False

    def write(self, body: JsonObject) -> tuple[Conversation, JsonObject]:
        """Returns a request as it is read and as it is written; raises BadRequest."""
        read = altered(CLIENT_FORMATS[self.client].read_request(body), model=self.model)
        read = served(read, self.target, self.dialect)
        told = choosable(renamed(paired(lasting(distinct(read)))), self.target)
        told = altered(told, model=self.model, takes_system=self.takes_system)
        return read, PROVIDER_FORMATS[self.target].write_request(told)


class Unreached:
    """Finds members that do not reach a target.

    Caches its comparisons; one instance per process.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[Way, bytes], _Compared] = {}

    def names(self, body: JsonObject, way: Way, written: JsonObject) -> tuple[str, ...]:
        """Returns the names of the members of a client's `body` that do not arrive.

        `written` is the target's request. Excludes those that `losses.lost` reports under its own
        names. Of a request in an envelope, compares what is inside.
        """
        format = CLIENT_FORMATS[way.client]
        inner = format.unwrap(body)
        if inner is not body:
            way = altered(way, client=format.provider_format)
        stub = stub_of(inner)
        key = way, dumps(stub)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            found = self._known[key] = _compared(stub, way)
        if found.settings <= written.keys():
            return found.names
        # Settings that the conversation excludes, such as thinking if its history has none.
        return (*found.names, *sorted(found.settings - written.keys()))


@dataclass(frozen=True, slots=True)
class _Compared:
    """The result of comparing a request's settings in one translation."""

    names: tuple[str, ...] = ()
    """The members that are lost."""
    settings: frozenset[str] = frozenset()
    """Members of the target's request that hold the client's settings."""


def _compared(stub: JsonObject, way: Way) -> _Compared:
    try:
        read, written = way.write(stub)
        _, bare = way.write({key: stub[key] for key in stub if is_conversation(key)})
    except BadRequest:
        return _Compared()  # another check reports the error
    names = [*_clamped(read, written, way), *_left_out(stub, read, written, way)]
    named = [name if _NAME.fullmatch(name) else "unknown" for name in names]
    settings = frozenset(written.keys() - bare.keys() - {"tools", "tool_choice", "toolConfig"})
    return _Compared(tuple(sorted(dict.fromkeys(named)))[:_MOST_NAMES], settings)


def _left_out(stub: JsonObject, read: Conversation, written: JsonObject, way: Way) -> Iterator[str]:
    told = frozenset(lost(read, way.target))
    again = _read_again(written, way)
    over: list[Sequence[str | int]] = []
    for path in paths_of(stub, with_tools=losses_of(way.target).tools):
        if any(path[: len(one)] == one for one in over):
            continue
        rest, value = without(stub, path)
        if value is NOTHING or means_nothing(path, value):
            continue
        try:
            other, also = way.write(rest)
        except BadRequest:
            continue  # reading the rest needs it
        if also != written:
            continue
        said = [name for name in _FIELDS if _differs(read, other, name)]
        if said and told.issuperset(_FEATURE_OF.get(name, name) for name in said):
            over.append(path)
        elif not _stands_elsewhere(said, again):
            over.append(path)
            if told <= frozenset(lost(other, way.target)):
                yield _name(path)


def _differs(read: Conversation, other: Conversation, name: str) -> bool:
    """Whether a setting differs, apart from members that only its own format knows."""
    said, also = getattr(read, name), getattr(other, name)
    if isinstance(said, Reasoning) and isinstance(also, Reasoning):
        known = altered(also, summary=said.summary, extra=said.extra, form=said.form)
        return said != known
    return said != also


def _stands_elsewhere(said: Sequence[str], again: Conversation | None) -> bool:
    """Whether the target receives a member's meaning through other members.

    `said` are the settings that depend on the member, `again` is what the target reads. Clients
    state some settings twice (an effort and a budget of thinking), or in parts.
    """
    if not said or again is None:
        return False
    return all(getattr(again, name) not in (None, ()) for name in said)


def _clamped(read: Conversation, written: JsonObject, way: Way) -> Iterator[str]:
    """Returns the numbers that change because the target has another scale."""
    again = _read_again(written, way)
    for name in _NUMBERS if again is not None else ():
        before, after = getattr(read, name), getattr(again, name)
        if before is not None and after is not None and before != after:
            yield name


def _read_again(written: JsonObject, way: Way) -> Conversation | None:
    """Returns the request as the target reads it; None if it cannot be read."""
    try:
        return PROVIDER_FORMATS[way.target].read_request(written)
    except BadRequest:
        return None


def _name(path: Sequence[str | int]) -> str:
    """Returns a member's name without indexes and objects that only hold settings."""
    words = [step for step in path if isinstance(step, str)]
    if words[0] in CONTAINERS and len(words) > 1:
        words = words[1:]
    return ".".join(words)

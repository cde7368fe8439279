"""Remembers what models thought before they called tools, for clients that drop it.

Some providers refuse a history whose calls come back without the thinking or the signature that
led to them. It is kept here by the call, within bounds, and is not found by another client.
"""

import hashlib
import secrets
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass

from switchyard.state.shelf import LocalShelf
from switchyard.state.shelf import Shelf
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.encoding.members import text_of
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.shared.call_ids import is_made_up
from switchyard.wire.translate.thinking_back import Led

_MAX_ENTRIES = 50_000
_LONGEST = 256 * 1024
"""Characters of thinking that are kept of one reply at most."""
_STEM = 32
"""Characters of an id that stay where it gets another end."""


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose conversation it is, and which provider's thinking."""

    owner: bytes
    session: str
    maker: str


class ThinkingMemory:
    """What led to a tool call, by the call."""

    def __init__(self, shelf: Shelf | None = None, secret: bytes | None = None) -> None:
        self._shelf: Shelf = shelf if shelf is not None else LocalShelf(_MAX_ENTRIES)
        self._secret = secret or secrets.token_bytes(32)

    def note(self, whose: Whose, parts: Sequence[Part], place: str = "") -> None:
        """Remember the thinking of a reply and the signatures of its calls.

        `place` is that of the item of the history that it answered (`place_of`).
        """
        words = "".join(part.text for part in parts if isinstance(part, Thinking))
        loose = next(
            (p.signature for p in parts if isinstance(p, Thinking) and p.signature and not p.text),
            None,
        )
        for call in (part for part in parts if isinstance(part, ToolCall)):
            proof, loose = call.signature or loose, None
            if len(words) > _LONGEST or not (words or proof):
                continue
            value = dumps({"thinking": words, "signature": proof or "", "id": call.id})
            for key in self._keys(whose, call.id, call.name, call.arguments, place):
                self._shelf.put(key, value)

    def recall(
        self, whose: Whose, id: str, name: str, arguments: str, place: str = ""
    ) -> Led | None:
        """Return what led to a call, the answer to the item at `place`; None if not known.

        A client may have been given another id for it than its provider gave. A call with an id of
        its own, or after another item, is another one, also if its name and arguments are the same:
        it may be another provider's, and older, and would change what was sent before.
        """
        for key in self._keys(whose, id, name, arguments, place):
            value = self._shelf.get(key)
            said = loads_object(value) if value is not None else None
            if said is not None and _may_be(id, text_of(said.get("id"))):
                return Led(text_of(said.get("thinking")), text_of(said.get("signature")))
        return None

    def _keys(
        self, whose: Whose, id: str, name: str, arguments: str, place: str
    ) -> Iterator[bytes]:
        """Yield the keys of a call: by its place, and by the id of a provider, as it is or adapted.

        Clients write arguments anew, so their spelling does not count.
        """
        parsed = loads_object(arguments)
        spelled = dumps(_sorted(parsed)).decode() if parsed is not None else arguments.strip()
        said = (whose.session, whose.maker, name, spelled)
        yield self._key(whose.owner, *said, "after", place)
        if id and not is_made_up(id):
            yield self._key(whose.owner, *said, "id", id)
            yield self._key(whose.owner, *said, "adapted")

    def _key(self, owner: bytes, *said: str) -> bytes:
        text = "\0".join(said).encode(errors="surrogatepass")
        return hashlib.blake2b(owner + text, key=self._secret, digest_size=16).digest()


def place_of(item: JsonObject) -> str:
    """Returns what an item of a history is known by, by which answers to it are told apart."""
    text = "\0".join(_leaves(item)).encode(errors="surrogatepass")
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def _may_be(id: str, given: str) -> bool:
    """Whether a call with `id` may be the one whose provider gave it the id `given`.

    Formats without ids drop them, other formats' alphabets change some characters, and repeated
    ids get another end (see `wire.shared.call_ids`).
    """
    if not id or not given or is_made_up(id) or is_made_up(given):
        return True
    return _plain(id).startswith(_plain(given[:_STEM]))


def _plain(id: str) -> str:
    return "".join(filter(str.isalnum, id))


def _sorted(value: object) -> object:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def _leaves(value: object) -> Iterator[str]:
    """Yield the texts and numbers in an item of a history, the long ones by their ends.

    Marks for prompt caches do not count, nor does a text's being the only one of a list: both
    change as the conversation grows.
    """
    match value:
        case dict():
            for key in sorted(value.keys() - _PASSING):
                yield from _leaves(value[key])
        case list():
            for item in value:
                yield from _leaves(item)
        case str() if len(value) > 2 * _END:
            yield f"{value[:_END]}{len(value)}{value[-_END:]}"
        case _:
            yield str(value)


_PASSING = frozenset({"cache_control", "type"})
_END = 2048
"""Characters of a long text's beginning and of its end by which it is known."""

"""Holds back chunks whose calls have an empty object that other arguments may replace.

Gateways before Claude write `{}` as the arguments of each call that begins, and then the real ones
(envoyproxy/ai-gateway, issue 1465). Clients add the fragments up, and cannot parse the sum. An
empty object that nothing replaces is all that the call has.
"""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.sse import encode
from switchyard.wire.formats.openai_chat.fragments import CallSoFar
from switchyard.wire.formats.openai_chat.fragments import Fragment
from switchyard.wire.shared.arguments import settled

_HELD_AT_MOST = 64
"""Chunks that are held back while nothing decides; a client adds up what comes later as it will."""


class Placeholders:
    """The calls of one stream that have an empty object so far, and the chunk that said so.

    The chunk waits for the next one that adds anything. From the first empty object on that is
    replaced, calls get theirs at the end instead, and nothing waits.
    """

    def __init__(self) -> None:
        self._chunks: list[tuple[JsonObject, bytes]] = []
        """The chunk that is held back, and those behind it that add nothing."""
        self._waiting: list[CallSoFar] = []
        """The calls of the chunk that is held back."""
        self._new: list[CallSoFar] = []
        """The calls that got an empty object in the chunk that is being read."""
        self._replaced = False

    @property
    def holds(self) -> bool:
        """Whether a chunk is held back."""
        return bool(self._chunks)

    def stands(self, call: CallSoFar, fragment: Fragment, text: str) -> bool:
        """Whether `text`, the arguments in a fragment of `call`, is an empty object that stays."""
        if fragment.text and call in self._waiting:
            self._replaced = True
        if self._replaced or not call.says_nothing or "".join(text.split()) != "{}":
            return False
        self._new.append(call)
        return True

    def keep(self) -> None:
        """Takes the empty objects for all that the calls have, as they end."""
        for call in (*self._waiting, *self._new):
            call.keep()
        self._waiting, self._new = [], []

    def pass_on(self, chunk: JsonObject, data: bytes, adds: bool) -> bytes:
        """Returns what was held back before a chunk, and the chunk itself, if they may go.

        `data` is the chunk as it is sent; `adds` tells whether the reader read anything in it.
        """
        if not adds and 0 < len(self._chunks) < _HELD_AT_MOST:
            self._chunks.append((chunk, data))
            return b""
        held, self._chunks = self._chunks, []
        waiting, self._waiting, self._new = self._waiting, self._new, []
        if self._replaced:
            return b"".join(encode(dumps(_emptied(before))) for before, _ in held) + data
        for call in waiting:
            call.keep()
        if self._waiting:
            self._chunks, data = [(chunk, data)], b""
        return b"".join(before for _, before in held) + data

    def release(self) -> bytes:
        """Returns what is held back, as it came."""
        self.keep()
        held, self._chunks = self._chunks, []
        return b"".join(data for _, data in held)


def _emptied(chunk: JsonObject) -> JsonObject:
    """Returns a chunk whose calls have no empty object as their arguments."""
    return {**chunk, "choices": [_choice(choice) for choice in chunk["choices"]]}


def _choice(choice: JsonObject) -> JsonObject:
    delta = choice["delta"]
    if not delta.get("tool_calls"):
        return choice
    return {**choice, "delta": {**delta, "tool_calls": [*map(_call, delta["tool_calls"])]}}


def _call(call: JsonObject) -> JsonObject:
    function = call.get("function")
    if not isinstance(function, dict) or settled(function.get("arguments") or "") != "{}":
        return call
    return {**call, "function": {**function, "arguments": ""}}

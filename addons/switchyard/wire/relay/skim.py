"""Recognises frames of a stream that differ from the last one in their text alone.

Most frames of a stream repeat one frame with other text in it. Once two consecutive frames were
parsed and gave the same result, the frames that follow are not parsed: apart from the text they
equal, byte for byte, what was parsed before, and the text is a valid JSON string. Any other frame
is parsed, and so is the one after it.

This holds only where neither reader nor writer keeps anything of the text. Both declare that by
`forgets`; without the declaration every frame is parsed.
"""

import re
from collections.abc import Callable

from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import TextDelta

type Forgets = Callable[[TextDelta], bool]
"""Whether nothing is kept of the words of a frame that was just read as this event alone, so that
all goes on as if other words had come."""

_BETWEEN = b"\0"
"""Stands between the words of frames that are looked at together, and cannot stand in them."""

# The inside of a JSON string (RFC 8259, section 7), not empty. Half a surrogate pair is left to the
# parser.
_PLAIN = rb'[^"\\\x00-\x1f]*+'
_ANY_ESCAPE = rb'\\(?:["\\/bfnrt]|u(?![dD][89a-fA-F])[0-9a-fA-F]{4})'
_OUR_ESCAPE = rb'\\["\\bfnrt]'


class _Spelling:
    """How words are spelled that may be skimmed."""

    def __init__(self, escape: bytes) -> None:
        words = rb"(?![\x00\"]|\Z)" + _PLAIN + rb"(?:" + escape + _PLAIN + rb")*+"
        self.one = re.compile(words)
        """The words of one frame."""
        self.many = re.compile(words + rb"(?:\x00" + words + rb")*+")
        """The words of several, with `_BETWEEN` between them."""


_SPELLED = _Spelling(_ANY_ESCAPE)
_AS_WE_SPELL = _Spelling(_OUR_ESCAPE)
"""The spelling of `jsonio.dumps`, which need not be changed when it is copied."""

LONG = 8
"""Bytes of words that may hold what a client must not see; the eight last characters of a key
do already."""

_MEMBER = re.compile(rb'"(?:content|text|thinking)": ?"\Z')
_PADDING = re.compile(rb'"obfuscation": ?"')
"""OpenAI's padding, which differs from frame to frame and says nothing (API reference, "The chat
completion chunk object", `obfuscation`)."""


class Skimmer:
    """Learns the frame that a stream repeats, and recognises its repetitions."""

    __slots__ = (
        "_event",
        "_forgets",
        "_head",
        "_out",
        "_padded",
        "_spelling",
        "_tail",
        "long",
        "sure",
        "words",
    )

    def __init__(self, *forgets: Forgets) -> None:
        self._forgets = forgets
        self.sure = False
        """Whether frames may be skimmed: the last one was read, and like the one before it."""
        self.words = 0
        """Bytes of the words in all frames that were skimmed."""
        self._head = self._tail = self._padded = b""
        """A frame up to its words, from their end on, and from the end of its padding on."""
        self.long = b""
        """The words that the last look found, padding among them: all of what was skimmed that was
        not read before. Empty if they are fewer than `LONG` bytes."""
        self._out: tuple[bytes, bytes] | None = None
        """What is written before and after the words; None where the frame itself is."""
        self._spelling = _SPELLED
        self._event = TextDelta(-1, "")

    def learn(self, frame: Frame, events: list[Event], out: bytes) -> None:
        """Records that a frame was read as `events` and written as `out`."""
        self.sure = False
        if len(events) != 1 or not frame.raw or not out:
            return
        (event,) = events
        if type(event) is not TextDelta or not event.text:
            return
        if not all(forgets(event) for forgets in self._forgets):
            return
        before = self._event
        if before.index == event.index and before.choice == event.choice:
            read = self.words
            self.sure = self.skim(frame.raw) == out
            self.words = read  # its words are known to who read it
        if not self.sure:
            self._take_for_model(frame.raw, event, out)

    def skim(self, data: bytes) -> bytes | None:
        """Returns the output for frames that all match the model; None for any others.

        `data` begins at the start of a frame.
        """
        if self._padded:
            return self._skim_padded(data)
        head, tail = self._head, self._tail
        if not data.startswith(head) or not data.endswith(tail):
            return None
        words, spelling = data[len(head) : -len(tail)], self._spelling
        out, size = self._out, len(words)
        if spelling.one.fullmatch(words):
            if out is not None:
                data = out[0] + words + out[1]
        else:
            # By as few steps of Python for many frames as for two.
            between = tail + head
            pieces = words.split(between)
            words = _BETWEEN.join(pieces)
            if words.count(_BETWEEN) != len(pieces) - 1 or not spelling.many.fullmatch(words):
                return None
            size -= len(between) * (len(pieces) - 1)
            if out is not None:
                data = out[0] + (out[1] + out[0]).join(pieces) + out[1]
        if not words.isascii() and not _is_sound(words):
            return None
        self.long = words if len(words) >= LONG else b""
        self.words += size
        return data

    def _skim_padded(self, data: bytes) -> bytes | None:
        """Does the work of `skim` where the frames are padded."""
        head, tail, padded, out = self._head, self._tail, self._padded, self._out
        words = self._spelling.one.match
        written: list[bytes] = []
        unread: list[bytes] = []
        done, length, size_of_words = 0, len(data), 0
        while done < length:
            begun = done + len(head)
            found = words(data, begun)
            if found is None or not data.startswith(head, done):
                return None
            end = found.end()
            if not data.startswith(tail, end):
                return None
            after = end + len(tail)
            padding = _AS_WE_SPELL.one.match(data, after)
            if padding is not None:
                after = padding.end()
                unread.append(padding[0])
            if not data.startswith(padded, after):
                return None
            unread.append(found[0])
            size_of_words += end - begun
            if out is not None:
                written += (out[0], found[0], out[1])
            done = after + len(padded)
        words_of_all = _BETWEEN.join(unread)
        if not _is_sound(words_of_all):
            return None
        self.long = words_of_all if len(words_of_all) >= LONG else b""
        self.words += size_of_words
        return data if out is None else b"".join(written)

    def _take_for_model(self, raw: bytes, event: TextDelta, out: bytes) -> None:
        words = dumps(event.text)[1:-1]
        found = _around(raw, words)
        made = None if out == raw else _around(out, words)
        if found is None or (made is None and out != raw):
            self._event = TextDelta(-1, "")
            return
        self._event = event
        self._head, self._tail = found
        self._padded = b""
        if (padding := _PADDING.search(self._tail)) is not None:
            at = padding.end()
            self._padded = self._tail[self._tail.find(b'"', at) :]
            self._tail = self._tail[:at]
        self._out = made
        self._spelling = _SPELLED if made is None else _AS_WE_SPELL


def _around(raw: bytes, words: bytes) -> tuple[bytes, bytes] | None:
    """Returns the bytes before and after the text of a frame.

    None if the position of the text is not certain.
    """
    quoted = b'"%b"' % words
    at = raw.find(quoted) + 1
    if not at or raw.count(quoted) != 1 or not _MEMBER.search(raw, max(0, at - 16), at):
        return None
    return raw[:at], raw[at + len(words) :]


def _is_sound(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True

"""Takes secrets out of what is sent, shown or stored, in any spelling.

A secret is found in any case, backwards, in hexadecimal, in base64 at any alignment (so within
`Bearer KEY` too) and in its URL-safe form, percent-encoded, with JSON's or HTML's escapes, and by
its first twelve or its last eight characters. All that is prepared once; a search costs a few
look-ups of fixed bytes.
"""

import re
from base64 import b64encode
from bisect import bisect_left
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

MASK = "***"
SHORTEST = 6
"""Characters; what is shorter is no secret, and would be found everywhere."""

_MASK = MASK.encode()
_SURE = 12
"""Characters from which a secret is no word."""
_PARTS_FROM = 14
_PREFIX = 12
_SUFFIX = 8
_OF_VENDOR = re.compile(
    r"sk-(?:ant-)?(?:api|oat|sid)\d\d-|sk-or-v\d-|sk-(?:proj|svcacct|admin)-|github_pat_11"
    r"|eyJ[\w-]*\."
)
"""What keys of one vendor have in common."""
_AFTER_VENDOR = 6
_ESCAPES = (
    (b"%", re.compile(rb"%(?:25)*([2-7][0-9a-fA-F])"), 16),
    (b"\\u00", re.compile(rb"\\u00([2-7][0-9a-fA-F])"), 16),
    (b"\\U00", re.compile(rb"\\U00([2-7][0-9a-fA-F])"), 16),
    (b"\\/", re.compile(rb"\\/()"), 0),
    (b"&#", re.compile(rb"&#[xX]0?([2-7][0-9a-fA-F]);"), 16),
    (b"&#", re.compile(rb"&#0?(\d{2,3});"), 10),
)
"""Escapes of ASCII: how they begin, and the base of the number that they have; 0 for a slash's.

`re` passes over a text quickly up to one certain beginning, and `bytes.rfind` more quickly still.
One expression for all of them takes thirty times as long.
"""
_BACKSLASH = 0x5C
_BACKSLASHES = 8
"""How many may stand before an escape: one, which JSON within JSON doubles each time."""


_FOLDED = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ-_", b"abcdefghijklmnopqrstuvwxyz+/")
"""Case, and both alphabets of base64 (RFC 4648, section 5), count for nothing."""


_LETTERS = re.compile(rb"[a-zA-Z ,.;:!?'\"()*#\n]*+")


@dataclass(frozen=True, slots=True)
class _Form:
    """One way to write a secret, folded."""

    whole: bytes
    needle: bytes
    """The part of it that is looked for."""
    at: int
    """Where that stands in the whole."""


class Concealer:
    """Knows some secrets, and takes them out of texts and bytes. Immutable."""

    __slots__ = ("_forms", "_letters", "_needles", "_words", "secrets")

    def __init__(self, secrets: Iterable[str], *, words: bool = False) -> None:
        """Prepare the searches.

        `words`: also take out, as they stand, secrets that are ordinary words (a local server's
        `ollama`); a response to a client would be spoilt by that.
        """
        self.secrets = frozenset(secret for secret in secrets if len(secret) >= SHORTEST)
        forms = {form.needle: form for one in sorted(self.secrets) for form in _forms(one)}
        self._forms = forms
        self._needles = tuple(forms)
        self._letters = tuple(filter(bytes.isalpha, forms))
        ordinary = (_bytes(one) for one in self.secrets if words and not _is_sure(one))
        self._words = tuple(sorted(ordinary, key=len, reverse=True))

    def __bool__(self) -> bool:
        return bool(self._forms or self._words)

    def certain(self) -> "Concealer":
        """One that leaves ordinary words alone."""
        same = Concealer(())
        same.secrets, same._forms = self.secrets, self._forms
        same._needles, same._letters = self._needles, self._letters
        return same

    def joined(self, other: Self) -> "Concealer":
        """One that knows the secrets of both, and takes out what either does."""
        both = Concealer(())
        both.secrets = self.secrets | other.secrets
        both._forms = self._forms | other._forms
        both._needles = tuple(both._forms)
        both._letters = tuple(filter(bytes.isalpha, both._forms))
        words = {*self._words, *other._words}
        both._words = tuple(sorted(words, key=len, reverse=True))
        return both

    def text(self, text: str) -> str:
        data = _bytes(text)
        out = self.data(data)
        return text if out is data else out.decode("utf-8", "surrogatepass")

    def data(self, data: bytes) -> bytes:
        """The bytes without secrets; the same object where none is in them."""
        # By `find`: `in` takes the bytes for a number first, and makes an error of that each time.
        find = data.find
        # Most pieces of streams are words, and nearly nothing that is looked for is letters alone.
        if _LETTERS.fullmatch(data):
            needles = self._letters
        else:
            needles = self._needles
            # Escapes first: parts of a secret may stand as they are, and would be taken for all.
            if find(b"\\") >= 0 or find(b"%") >= 0 or find(b"&") >= 0:
                data = self._unescaped(data)
        folded = data.translate(_FOLDED)
        # By `rfind`, which compares less than `find` does in all but random texts.
        if max(map(folded.rfind, needles), default=-1) >= 0:
            data = _masked(data, _spans(self._hits(folded), folded))
        for word in self._words:
            if data.find(word) >= 0:
                data = data.replace(word, _MASK)
        return data

    def _hits(self, folded: bytes) -> list[_Form]:
        return [self._forms[needle] for needle in self._needles if folded.rfind(needle) >= 0]

    def said(self, said: object) -> object:
        """Parsed JSON without secrets in its strings."""
        if isinstance(said, str):
            return self.text(said)
        if isinstance(said, list | tuple):
            return [self.said(item) for item in said]
        if isinstance(said, dict):
            return {self.said(name): self.said(value) for name, value in said.items()}
        return said

    def _unescaped(self, data: bytes) -> bytes:
        """Without the secrets that are written with escapes."""
        escapes = _escapes_in(data)
        if not escapes:
            return data
        view = _View(data, escapes)
        folded = bytes(view.text).translate(_FOLDED)
        hits = self._hits(folded)
        if not hits:
            return data
        spans = ((view.start_of(a), view.end_of(b)) for a, b in _spans(hits, folded))
        return _masked(data, spans)


type _Escape = tuple[int, int, int]
"""Where an escape begins and ends, and the ASCII code of what it stands for."""


def _escapes_in(data: bytes) -> list[_Escape]:
    """Returns the escapes of printable ASCII in their order. None overlaps another."""
    found: list[_Escape] = []
    for begin, pattern, base in _ESCAPES:
        if data.rfind(begin) < 0:
            continue
        for match in pattern.finditer(data):
            code = int(match[1], base) if base else 0x2F
            if 0x20 <= code < 0x7F:
                found.append((_begin(data, match.start()), match.end(), code))
    found.sort()
    return found


def _begin(data: bytes, start: int) -> int:
    """Where an escape begins that is found at `start`, with further backslashes before it."""
    least = max(0, start - _BACKSLASHES + 1) if data[start] == _BACKSLASH else start
    while start > least and data[start - 1] == _BACKSLASH:
        start -= 1
    return start


class _View:
    """Bytes with their escapes undone, and where each stood."""

    __slots__ = ("_after", "at", "text")

    def __init__(self, data: bytes, escapes: Iterable[_Escape]) -> None:
        self.text = text = bytearray()
        self.at: list[int] = []
        """Places of the bytes that were escaped."""
        self._after: list[int] = []
        done = 0
        for start, end, code in escapes:
            text += data[done:start]
            self.at.append(len(text))
            text.append(code)
            done = end
            self._after.append(done)
        text += data[done:]

    def start_of(self, place: int) -> int:
        """Where the byte at this place of the text begins in the data."""
        before = bisect_left(self.at, place) - 1
        return place if before < 0 else self._after[before] + place - self.at[before] - 1

    def end_of(self, place: int) -> int:
        """Where the byte before this place of the text ends in the data."""
        index = bisect_left(self.at, place - 1)
        if index < len(self.at) and self.at[index] == place - 1:
            return self._after[index]
        return self.start_of(place - 1) + 1


def is_random(text: str) -> bool:
    """Whether a text looks random: letters and digits mixed, or both cases mixed."""
    letters = any(map(str.isalpha, text))
    changes = sum(a.islower() and b.isupper() for a, b in pairwise(text))
    return letters and (any(map(str.isdigit, text)) or changes >= 2)


def _is_sure(secret: str) -> bool:
    """Whether a secret is no word, so that whatever has it has the secret."""
    return len(secret) >= _SURE or (len(secret) >= _SUFFIX and is_random(secret))


def _forms(secret: str) -> Iterator[_Form]:
    if not _is_sure(secret):
        return
    raw = _bytes(secret)
    size = len(raw)
    prefix, suffix = _parts(secret, size)
    for whole in (raw, raw.hex().encode()):
        step = len(whole) // size
        yield from _of(
            whole.translate(_FOLDED), (0, prefix * step), (len(whole) - suffix * step, len(whole))
        )
    back = raw[::-1].translate(_FOLDED)
    yield from _of(back, (size - prefix, size), (0, suffix))
    for lead in range(3):
        first = -(-8 * lead // 6)
        whole = b64encode(bytes(lead) + raw)[first : 8 * (lead + size) // 6]
        head = 8 * (lead + prefix) // 6 - first
        tail = -(-8 * (lead + size - suffix) // 6) - first
        yield from _of(whole.translate(_FOLDED), (0, head), (max(0, tail), len(whole)))


def _of(whole: bytes, *parts: tuple[int, int]) -> Iterator[_Form]:
    for start, end in parts:
        yield _Form(whole, whole[start:end], start)


def _parts(secret: str, size: int) -> tuple[int, int]:
    """How many bytes at its begin, and how many at its end, give a secret away."""
    if size < _PARTS_FROM or not secret.isascii():
        return size, size
    vendor = _OF_VENDOR.match(secret)
    prefix = max(_PREFIX, vendor.end() + _AFTER_VENDOR if vendor else 0)
    suffix = _SUFFIX if is_random(secret[-_SUFFIX:]) else _PREFIX
    return min(size, prefix), min(size, suffix)


def _spans(forms: Iterable[_Form], folded: bytes) -> Iterator[tuple[int, int]]:
    """Where the forms stand, each as far as it goes on."""
    for form in forms:
        whole, size = form.whole, len(form.needle)
        found = folded.find(form.needle)
        while found >= 0:
            start, at = found, form.at
            while start and at and folded[start - 1] == whole[at - 1]:
                start, at = start - 1, at - 1
            end, at = found + size, form.at + size
            while end < len(folded) and at < len(whole) and folded[end] == whole[at]:
                end, at = end + 1, at + 1
            yield start, end
            found = folded.find(form.needle, end)


def _masked(data: bytes, spans: Iterable[tuple[int, int]]) -> bytes:
    out, done = bytearray(), 0
    for start, end in sorted(spans):
        if start >= done:
            out += data[done:start] + _MASK
        done = max(done, end)
    return bytes(out + data[done:])


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")

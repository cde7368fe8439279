"""Counts a request's tokens, by a provider that can, else by an estimate.

Sources: Anthropic's reference, "Count Message tokens", and its guide "Vision" (an image has about
width x height / 750 tokens, at most some 1,600 after it was made to fit 1,568 pixels); Google's
reference, "Counting tokens".
"""

import base64
import binascii
import struct
from dataclasses import dataclass

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.format import Format
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.operations.operation import OperationReply


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
    """Tokens that a kind of model adds to the text of a request.

    Fitted to the counts that providers gave for recorded requests.
    """

    request: int
    turn: int
    tool: int
    tools: int
    """The instructions that go before any tools."""
    schema: float
    """Of one character of a JSON schema."""


_FAMILIES = {
    "claude": _Family(request=4, turn=4, tool=20, tools=480, schema=0.26),
    "gemini": _Family(request=0, turn=0, tool=8, tools=0, schema=0.2),
}
_OTHERS = _Family(request=3, turn=4, tool=10, tools=10, schema=0.18)

_PER_CALL = 8

_ASCII = 0.235
"""Tokens of one ASCII character in running text, code and JSON."""

_ACCENTED = 0.5
_DENSE = 0.9
"""Tokens of one character of the other alphabets, and of the scripts of East Asia."""

_FIRST_DENSE = "\u2e80"

_MAX_EDGE = 1568
_MAX_IMAGE = 1600
_UNSEEN_IMAGE = 1200
_PER_PAGE = 2000
_AUDIO_BYTES = 500
"""Bytes of sound that make a token: 32 tokens a second at 128 kbit/s."""

_HEAD = 64 * 1024
"""Base64 characters of an image in which its size is looked for."""

_FAST, _SLOW = 0.5, 0.2
_LOWEST, _HIGHEST = 0.3, 3.0


class Counting:
    """A client's call for a token count (an `operation.Operation`).

    Only providers of the client's own format are asked.
    """

    service = "token count"
    needs_provider = False

    def __init__(self, client: Format, body: JsonObject, calibration: "Calibration") -> None:
        assert client.counting is not None, "endpoints name formats that count"
        self.formats = frozenset({client.provider_format})
        self._form = client.counting
        self._body = client.unwrap(body)
        self._calibration = calibration

    def path(self, format: str, model: str) -> str:
        return self._form.path(model)

    def write(self, format: str, model: str) -> JsonObject:
        return self._form.write(self._body, model)

    def lost(self, format: str) -> list[str]:
        """Nothing: the body stays as it is."""
        return []

    def read(self, format: str, body: JsonObject) -> OperationReply:
        self._form.check(body)
        return OperationReply(None)

    def estimate(self, model: str) -> JsonObject:
        tokens = estimate(self._form.read_request(self._body, model), model)
        return self._form.write_reply(self._calibration.corrected(model, tokens))


class Calibration:
    """Factors for the estimates of each model, learned from providers' counts.

    Only models whose tokens were estimated are watched, since watching costs an estimate.
    """

    def __init__(self, most: int = 1000, pause: float = 10.0) -> None:
        """`most` models are remembered; each is looked at again after `pause` seconds."""
        self._ratios: dict[str, float | None] = {}
        self._looked: dict[str, float] = {}
        self._most = most
        self._pause = pause

    def corrected(self, model: str, tokens: int) -> int:
        """The estimate, corrected; the model is watched from now on."""
        if model not in self._ratios:
            if len(self._ratios) >= self._most:
                oldest = next(iter(self._ratios))
                del self._ratios[oldest]
                self._looked.pop(oldest, None)
            self._ratios[model] = None
        return max(1, round(tokens * (self._ratios[model] or 1.0)))

    def wants(self, model: str, now: float) -> bool:
        """Whether an observation of this model would be of use now (in monotonic seconds)."""
        return model in self._ratios and now - self._looked.get(model, -self._pause) >= self._pause

    def observe(self, model: str, estimated: int, told: int, now: float) -> None:
        """Learn from a request estimated at `estimated` tokens; a provider counted `told`."""
        if model not in self._ratios or estimated <= 0 or told <= 0:
            return
        self._looked[model] = now
        ratio = min(max(told / estimated, _LOWEST), _HIGHEST)
        old = self._ratios[model]
        weight = _FAST if old is None else _SLOW
        self._ratios[model] = (old or 1.0) + weight * (ratio - (old or 1.0))


def estimate(c: Conversation, model: str) -> int:
    """About how many tokens a request has: its words, tools, calls and media."""
    name = model.lower()
    family = next((one for word, one in _FAMILIES.items() if word in name), _OTHERS)
    tokens = float(family.request + (family.tools if c.tools else 0))
    for turn in c.turns:
        tokens += family.turn + sum(map(_of_part, turn.parts))
    for tool in c.tools:
        if tool.kind == "server":  # what these add, only the provider sees
            continue
        tokens += family.tool + _of_text(tool.name) + _of_text(tool.description or "")
        for schema in (tool.parameters, tool.grammar):
            tokens += len(dumps(schema)) * family.schema if schema else 0
    if c.output is not None and c.output.schema:
        tokens += len(dumps(c.output.schema)) * family.schema
    return round(tokens)


class Meter:
    """Counts the estimated tokens that a model writes, up to a limit."""

    def __init__(self, limit: int | None) -> None:
        """None: no limit."""
        self._limit = limit
        self._plain = self._dense = self._accented = 0

    def fits(self, text: str) -> int:
        """Return how many characters of the next `text` stay within the limit; they count."""
        if self._limit is None:
            return len(text)
        before = self._plain, self._dense, self._accented
        self._count(text)
        if self._tokens <= self._limit:
            return len(text)
        self._plain, self._dense, self._accented = before
        for place, char in enumerate(text):
            before = self._plain, self._dense, self._accented
            self._count(char)
            if self._tokens > self._limit:
                self._plain, self._dense, self._accented = before
                return place
        return len(text)

    @property
    def _tokens(self) -> float:
        # Of whole numbers, so that it does not matter in which pieces a text came.
        return self._plain * _ASCII + self._dense * _DENSE + self._accented * _ACCENTED

    def _count(self, text: str) -> None:
        plain, dense, accented = _alphabets(text)
        self._plain += plain
        self._dense += dense
        self._accented += accented


def _of_part(part: Part) -> float:
    match part:
        case Text(text=text) | Refusal(text=text) | Thinking(text=text):
            return _of_text(text)
        case Media():
            return _of_media(part)
        case ToolCall():
            return _PER_CALL + _of_text(part.name) + _of_text(part.arguments)
        case ToolResult():
            return _PER_CALL + sum(map(_of_part, part.parts))
        case Opaque(text=text, raw=raw):
            return _of_text(text) if text is not None else _of_json(raw)


def _of_text(text: str) -> float:
    plain, dense, accented = _alphabets(text)
    return plain * _ASCII + dense * _DENSE + accented * _ACCENTED


def _alphabets(text: str) -> tuple[int, int, int]:
    """How many characters of a text are ASCII, how many dense, and the others."""
    if text.isascii():
        return len(text), 0, 0
    plain = sum(char < "\x80" for char in text)
    dense = sum(char >= _FIRST_DENSE for char in text)
    return plain, dense, len(text) - plain - dense


def _of_json(value: JsonObject | None) -> float:
    return _of_text(dumps(value).decode("utf-8", "replace")) if value else 0.0


def _of_media(part: Media) -> float:
    if part.text is not None:
        return _of_text(part.text)
    size = len(part.data) * 3 // 4 if part.data else 0
    match part.kind:
        case "image":
            return image_tokens(part.data)
        case "audio" | "video":
            return size / _AUDIO_BYTES if size else _UNSEEN_IMAGE
    return _PER_PAGE * _pages(part.data)


def image_tokens(data: str | None) -> int:
    """Tokens of an image, given its base64; of one elsewhere, those of a middling one."""
    size = image_size(data) if data else None
    if size is None:
        return _UNSEEN_IMAGE
    width, height = size
    scale = min(1.0, _MAX_EDGE / max(width, height, 1))
    return max(1, min(_MAX_IMAGE, round(width * scale * height * scale / 750)))


def image_size(data: str) -> tuple[int, int] | None:
    """Return width and height in pixels of a base64 PNG, GIF, WebP or JPEG; else None."""
    try:
        head = base64.b64decode(data[:_HEAD], validate=False)
    except (binascii.Error, ValueError):
        return None
    if head.startswith(b"\x89PNG") and len(head) >= 24:
        width, height = struct.unpack(">II", head[16:24])
        return width, height
    if head.startswith(b"GIF8") and len(head) >= 10:
        width, height = struct.unpack("<HH", head[6:10])
        return width, height
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return _webp_size(head)
    return _jpeg_size(head) if head.startswith(b"\xff\xd8") else None


def _webp_size(head: bytes) -> tuple[int, int] | None:
    """WebP container specification: VP8X, VP8L and VP8 chunks."""
    if len(head) < 30:
        return None
    match head[12:16]:
        case b"VP8X":
            width = int.from_bytes(head[24:27], "little") + 1
            return width, int.from_bytes(head[27:30], "little") + 1
        case b"VP8L":
            bits = int.from_bytes(head[21:25], "little")
            return (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1
    width, height = struct.unpack("<HH", head[26:30])
    return width & 0x3FFF, height & 0x3FFF


def _jpeg_size(head: bytes) -> tuple[int, int] | None:
    """ITU T.81, B.2.2: the frame header, behind any number of other segments."""
    at = 2
    while at + 9 <= len(head):
        marker = head[at + 1]
        if head[at] != 0xFF or marker == 0xFF:
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", head[at + 5 : at + 9])
            return width, height
        else:
            at += 2 + int.from_bytes(head[at + 2 : at + 4])
    return None


def _pages(data: str | None) -> int:
    """Pages of a PDF as far as they show without decompressing anything; at least one."""
    if not data:
        return 1
    try:
        raw = base64.b64decode(data, validate=False)
    except (binascii.Error, ValueError):
        return 1
    found = raw.count(b"/Type /Page") + raw.count(b"/Type/Page")
    return max(1, found - raw.count(b"/Type /Pages") - raw.count(b"/Type/Pages"))

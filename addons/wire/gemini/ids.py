"""Ids of tool calls, where Gemini gives none.

Many models call functions without ids, and clients drop those there are; call and response then
belong together by name and order. Every other format needs ids. Those made up here can be told
from real ones, and are left out again when a call is written for Gemini.
"""

from hashlib import sha256

from addons.wire.gemini.names import text_of
from addons.wire.jsonio import JsonObject

_MADE_UP = "call_gemini_"


def is_made_up(call_id: str) -> bool:
    """Whether an id was made up here."""
    return call_id.startswith(_MADE_UP)


class HistoryIds:
    """Ids of the calls and responses of one request, in the order they stand there.

    Made-up ids count the calls, so that they stay the same as the conversation grows (providers'
    prompt caches depend on that).
    """

    def __init__(self) -> None:
        self._count = 0
        self._open: list[tuple[str, str]] = []

    def call(self, raw: JsonObject) -> str:
        """The id of a `functionCall`."""
        call_id = text_of(raw.get("id")) or self._next()
        self._open.append((call_id, text_of(raw.get("name"))))
        return call_id

    def response(self, raw: JsonObject) -> str:
        """The id of the call that a `functionResponse` answers: the one it names, else the first
        unanswered one of the same function."""
        given, name = text_of(raw.get("id")), text_of(raw.get("name"))
        answered = [entry for entry in self._open if given and entry[0] == given]
        if not answered:
            answered = [
                entry
                for entry in self._open
                if entry[1] == name and (not given or is_made_up(entry[0]))
            ]
        if not answered:
            return given or self._next()
        self._open.remove(answered[0])
        return answered[0][0]

    def _next(self) -> str:
        self._count += 1
        return f"{_MADE_UP}{self._count - 1}"


class AnswerIds:
    """Ids of the calls of one answer. Made-up ones hold a digest of the answer's own id, since
    clients collect the calls of many answers in one conversation."""

    def __init__(self) -> None:
        self._count = 0
        self._digest = ""

    def call(self, raw: JsonObject, answer: JsonObject) -> str:
        """The id of a `functionCall` in `answer`, a whole response or one chunk of it."""
        if call_id := text_of(raw.get("id")):
            return call_id
        if not self._digest:
            seed = text_of(answer.get("responseId")) or f"{answer.get('createTime')}{raw}"
            self._digest = sha256(seed.encode("utf-8", "replace")).hexdigest()[:12]
        self._count += 1
        return f"{_MADE_UP}{self._digest}_{self._count - 1}"

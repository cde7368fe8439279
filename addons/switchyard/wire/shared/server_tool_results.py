"""Reports what tools did at the provider in another format's terms.

A search, a fetched page and executed code are blocks at Anthropic's, items at OpenAI's, parts or
metadata at Google's (references: `server_tool_use` and the results' blocks; `web_search_call`,
`code_interpreter_call`; `executableCode`, `codeExecutionResult`, `toolCall`, `groundingMetadata`,
`urlContextMetadata`). Sources of the text are citations, handled elsewhere. Generated items have a
recognisable id, because no provider accepts them: see `is_made_here`.
"""

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from typing import Literal

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Extra
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.shared.server_tools import ServiceName
from switchyard.wire.shared.words import words_of

_RESPONSES, _ANTHROPIC, _GEMINI = "openai-responses", "anthropic", "gemini"
SHOWING = (_RESPONSES, _ANTHROPIC, _GEMINI)
"""Formats whose clients receive reports of such tools."""

_MADE_HERE = "switchyard_"

type Sources = tuple[tuple[str, str], ...]
"""Addresses and titles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Did:
    """One completed use of such a tool; a call without a result yet is not one."""

    name: ServiceName
    asked: tuple[str, ...] = ()
    """The query, the fetched address, or the executed code."""
    found: Sources = ()
    output: str = ""
    failed: bool = False


def is_made_here(id: Any) -> bool:
    """Whether the router generated an id for a client of another format."""
    return isinstance(id, str) and id.partition("_")[2].startswith(_MADE_HERE)


class ServedAnswers:
    """Converts the parts of an upstream's format into the client's.

    A stage; see `relay.stage.Stage`.
    """

    over = False

    def __init__(self, upstream: str, client: str, number: str) -> None:
        """Begins one reply; `number` distinguishes it from others (see `format.Asked.id`)."""
        self._read = _Reader(upstream)
        self._client = client
        self._number = number
        self._made = 0
        self._places: dict[tuple[int, int], int] = {}
        self._next: dict[int, int] = {}
        self._held: set[tuple[int, int]] = set()
        self.changed = False

    def feed(self, events: Sequence[Event]) -> list[Event]:
        return [out for event in events for out in self._take(event)]

    def _take(self, event: Event) -> Iterator[Event]:
        match event:
            case PartStart(index=index, part=Opaque() as part, choice=choice):
                if self._read.knows(part):
                    self._held.add((choice, index))
                    self._read.hold(index, part)
                    return
            case PartEnd(index=index, part=part, choice=choice) if (choice, index) in self._held:
                self._held.discard((choice, index))
                whole = part if isinstance(part, Opaque) else None
                yield from self._show(self._read.ended(index, whole), choice)
                return
            case Extra(fields=fields, choice=choice):
                yield from self._show(self._read.beside(object_of(fields.get(_GEMINI))), choice)
            case Finish(choice=choice):
                yield from self._show(self._read.left(), choice)
        yield self._placed(event)

    def _show(self, done: list[_Did], choice: int) -> Iterator[Event]:
        if self._client == _GEMINI and (beside := _beside(done)):
            self.changed = True
            yield Extra({_GEMINI: beside}, choice)
        for did in done:
            self._made += 1
            number = f"{_MADE_HERE}{self._number}{self._made:02x}"
            for raw in _written(did, self._client, number):
                self.changed = True
                part = Opaque(format=self._client, kind=text_of(raw.get("type")), raw=raw)
                place = self._next.get(choice, 0)
                self._next[choice] = place + 1
                yield PartStart(place, part, choice)
                yield PartEnd(place, choice=choice)

    def _placed(self, event: Event) -> Event:
        """Returns the event under the new index of its part."""
        index = getattr(event, "index", None)
        choice = getattr(event, "choice", 0)
        if not isinstance(index, int):
            return event
        place = self._places.get((choice, index))
        if place is None:
            place = self._places[choice, index] = self._next.get(choice, 0)
            self._next[choice] = place + 1
        return event if place == index else altered(event, index=place)  # type: ignore[call-arg]


class _Reader:
    """Reads from the parts of one response what its tools did."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._calls: dict[str, _Did] = {}
        self._open: dict[int, Opaque] = {}
        self._searched = False

    def knows(self, part: Opaque) -> bool:
        if part.format != self._upstream:
            return False
        if self._upstream == _GEMINI:
            return not _GEMINI_PARTS.isdisjoint(part.raw)
        kind = text_of(part.raw.get("type"))
        if self._upstream == _RESPONSES:
            return kind in ("web_search_call", "code_interpreter_call")
        return kind == "server_tool_use" or kind in _RESULTS

    def hold(self, index: int, part: Opaque) -> None:
        self._open[index] = part

    def ended(self, index: int, whole: Opaque | None) -> list[_Did]:
        part = whole or self._open[index]
        del self._open[index]
        read = {_ANTHROPIC: self._block, _RESPONSES: self._item, _GEMINI: self._part}
        did = read[self._upstream](part.raw)
        return [did] if did is not None else []

    def left(self) -> list[_Did]:
        """Returns the calls without a result, as failed."""
        left = [altered(call, failed=True) for call in self._calls.values()]
        self._calls.clear()
        return left

    def beside(self, said: JsonObject) -> list[_Did]:
        """Yields what Gemini reports beside its parts: searches without parts, and pages."""
        done: list[_Did] = []
        grounding = object_of(said.get("groundingMetadata"))
        if (asked := _texts(grounding.get("webSearchQueries"))) and not self._searched:
            chunks = (object_of(c.get("web")) for c in objects_of(grounding.get("groundingChunks")))
            found = tuple((text_of(c.get("uri")), text_of(c.get("title"))) for c in chunks)
            done.append(_Did(name="web_search", asked=asked, found=found))
        pages = object_of(said.get("urlContextMetadata")).get("urlMetadata")
        for page in objects_of(pages):
            failed = not text_of(page.get("urlRetrievalStatus")).endswith("SUCCESS")
            asked = (text_of(page.get("retrievedUrl")),)
            done.append(_Did(name="web_fetch", asked=asked, failed=failed))
        return done

    def _block(self, raw: JsonObject) -> _Did | None:
        if raw.get("type") == "server_tool_use":
            if (call := _anthropic_call(raw)) is not None:
                self._calls[text_of(raw.get("id"))] = call
            return None
        name = _RESULTS[text_of(raw.get("type"))]
        call = self._calls.pop(text_of(raw.get("tool_use_id")), None) or _Did(name=name)
        content = raw.get("content")
        error = object_of(content).get("error_code")
        if name == "web_search":
            found = objects_of(content)
            sources = tuple((text_of(f.get("url")), text_of(f.get("title"))) for f in found)
            return altered(call, found=sources, failed=error is not None)
        output = _output(object_of(content)) if name == "code_execution" else ""
        return altered(call, output=output, failed=error is not None)

    def _item(self, raw: JsonObject) -> _Did | None:
        failed = raw.get("status") == "failed"
        if raw.get("type") == "code_interpreter_call":
            logs = "\n".join(text_of(o.get("logs")) for o in objects_of(raw.get("outputs")))
            asked = (text_of(raw.get("code")),)
            return _Did(name="code_execution", asked=asked, output=logs, failed=failed)
        action = object_of(raw.get("action"))
        if (url := text_of(action.get("url"))) or action.get("type") == "open_page":
            return _Did(name="web_fetch", asked=(url,), failed=failed)
        asked = _texts(action.get("queries")) or _texts([action.get("query")])
        urls = (text_of(one.get("url")) for one in objects_of(action.get("sources")))
        found = tuple((url, url) for url in urls if url)
        return _Did(name="web_search", asked=asked, found=found, failed=failed)

    def _part(self, raw: JsonObject) -> _Did | None:
        if "executableCode" in raw:
            code = object_of(raw["executableCode"])
            before = self._calls.pop("code", None)
            self._calls["code"] = _Did(name="code_execution", asked=(text_of(code.get("code")),))
            return altered(before, failed=True) if before is not None else None
        if "codeExecutionResult" in raw:
            result = object_of(raw["codeExecutionResult"])
            call = self._calls.pop("code", None) or _Did(name="code_execution")
            failed = result.get("outcome") not in (None, "OUTCOME_OK")
            return altered(call, output=text_of(result.get("output")), failed=failed)
        call = object_of(raw.get("toolCall"))
        queries = _texts(object_of(call.get("args")).get("queries"))
        if text_of(call.get("toolType")).startswith("GOOGLE_SEARCH") and queries:
            self._searched = True
            return _Did(name="web_search", asked=queries)
        return None


_GEMINI_PARTS = frozenset({"executableCode", "codeExecutionResult", "toolCall", "toolResponse"})
_RESULTS: dict[str, ServiceName] = {
    "web_search_tool_result": "web_search",
    "web_fetch_tool_result": "web_fetch",
    "code_execution_tool_result": "code_execution",
    "bash_code_execution_tool_result": "code_execution",
    "text_editor_code_execution_tool_result": "code_execution",
}


def _anthropic_call(raw: JsonObject) -> _Did | None:
    given = object_of(raw.get("input"))
    match raw.get("name"):
        case "web_search":
            return _Did(name="web_search", asked=_texts([given.get("query")]))
        case "web_fetch":
            return _Did(name="web_fetch", asked=_texts([given.get("url")]))
        case "code_execution" | "bash_code_execution" | "text_editor_code_execution":
            code = text_of(given.get("code")) or text_of(given.get("command"))
            words = code if given.keys() <= {"code", "command"} else words_of(given)
            return _Did(name="code_execution", asked=(words or "",))
    return None


def _output(result: JsonObject) -> str:
    said = (text_of(result.get("stdout")), text_of(result.get("stderr")))
    return "".join(said) or words_of({k: v for k, v in result.items() if k != "type"}) or ""


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str) and one) if value else ()


def _written(did: _Did, client: str, number: str) -> list[JsonObject]:
    """Returns the client's parts for one use."""
    if client == _RESPONSES:
        return [_item(did, number)]
    if client == _ANTHROPIC:
        return _blocks(did, number)
    if did.name != "code_execution":
        return []  # these are metadata beside the parts
    outcome = "OUTCOME_FAILED" if did.failed else "OUTCOME_OK"
    return [
        {"executableCode": {"language": "PYTHON", "code": "".join(did.asked)}},
        {"codeExecutionResult": {"outcome": outcome, "output": did.output}},
    ]


def _beside(done: Sequence[_Did]) -> JsonObject:
    """Returns the metadata that Google's clients read beside the parts of a reply.

    Sources: its guides "Grounding with Google Search" (`groundingMetadata`) and "URL context"
    (`urlContextMetadata`).
    """
    searches = [did for did in done if did.name == "web_search" and not did.failed]
    pages = [did for did in done if did.name == "web_fetch"]
    beside: JsonObject = {}
    if asked := [query for did in searches for query in did.asked]:
        found = [source for did in searches for source in did.found]
        chunks = [{"web": {"uri": url, "title": title or url}} for url, title in found if url]
        shown = {"groundingChunks": chunks} if chunks else {}
        beside["groundingMetadata"] = {"webSearchQueries": asked, **shown}
    if pages:
        beside["urlContextMetadata"] = {"urlMetadata": [_page(did) for did in pages]}
    return beside


def _page(did: _Did) -> JsonObject:
    status = "ERROR" if did.failed else "SUCCESS"
    return {
        "retrievedUrl": "".join(did.asked[:1]),
        "urlRetrievalStatus": f"URL_RETRIEVAL_STATUS_{status}",
    }


def _item(did: _Did, number: str) -> JsonObject:
    status = "failed" if did.failed else "completed"
    if did.name == "code_execution":
        outputs = [{"type": "logs", "logs": did.output}] if did.output else []
        return {
            "id": f"ci_{number}",
            "type": "code_interpreter_call",
            "status": status,
            "code": "".join(did.asked),
            "container_id": f"cntr_{number}",
            "outputs": outputs,
        }
    action: JsonObject = {"type": "open_page", "url": "".join(did.asked[:1])}
    if did.name == "web_search":
        action = {
            "type": "search",
            "query": "".join(did.asked[:1]),
            "queries": list(did.asked),
            "sources": [{"type": "url", "url": url} for url, _ in did.found if url],
        }
    return {"id": f"ws_{number}", "type": "web_search_call", "status": status, "action": action}


def _blocks(did: _Did, number: str) -> list[JsonObject]:
    id = f"srvtoolu_{number}"
    kind, given, content = _anthropic_result(did)
    call = {"type": "server_tool_use", "id": id, "name": did.name, "input": given}
    if did.failed and did.name != "code_execution":
        content = {"type": f"{kind}_error", "error_code": "unavailable"}
    return [call, {"type": kind, "tool_use_id": id, "content": content}]


type _Result = Literal[
    "web_search_tool_result", "web_fetch_tool_result", "code_execution_tool_result"
]


def _anthropic_result(did: _Did) -> tuple[_Result, JsonObject, Any]:
    """Returns the result block's type, the call's input, and the result's content."""
    if did.name == "web_search":
        found: list[JsonObject] = [
            {
                "type": "web_search_result",
                "url": url,
                "title": title,
                "encrypted_content": "",
                "page_age": None,
            }
            for url, title in did.found
        ]
        return "web_search_tool_result", {"query": ", ".join(did.asked)}, found
    if did.name == "web_fetch":
        url = "".join(did.asked[:1])
        source = {"type": "text", "media_type": "text/plain", "data": did.output}
        document = {"type": "document", "source": source, "title": None, "citations": None}
        page = {"type": "web_fetch_result", "url": url, "content": document, "retrieved_at": None}
        return "web_fetch_tool_result", {"url": url}, page
    ran: JsonObject = {
        "type": "code_execution_result",
        "stdout": "" if did.failed else did.output,
        "stderr": did.output if did.failed else "",
        "return_code": 1 if did.failed else 0,
        "content": [],
    }
    return "code_execution_tool_result", {"code": "".join(did.asked)}, ran

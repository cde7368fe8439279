"""One conversation of eight turns, which changes its vendor at each of them.

The words of each turn carry a marker, so that a vendor finds in a request which turn it is to
answer, whatever the history before it has become.
"""

import itertools
import json
import re
import struct
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Any

import httpx2

from tests.integration.sdks.clients import CLIENTS
from tests.integration.sdks.clients.client import KEY
from tests.integration.sdks.clients.client import Client
from tests.integration.sdks.clients.client import Result
from tests.integration.sdks.clients.client import Setup
from tests.integration.sdks.clients.client import Tool
from tests.integration.sdks.upstreams.provider import Asked
from tests.integration.sdks.upstreams.provider import Refused
from tests.integration.sdks.upstreams.provider import demand
from tests.integration.street.rules import cached_prefix
from tests.integration.street.vendors import Vendor
from tests.support.answers import Answer
from tests.support.answers import Call
from tests.support.steps import Behaviour
from tests.support.upstream import Recorded

TURNS = 8
COMPACTION = 6
"""The turn, counted from 0, in which the client has the conversation compacted."""
GIVING = (1, 3, 5)
"""Turns in which it gives the results of calls."""
WITH_COMPACTION = ("openai-responses", "anthropic")
"""Formats whose clients can ask for one."""

SYSTEM = "Be exact."
TOOLS = (
    Tool(
        name="get_weather",
        description="The weather in a city",
        parameters={
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    ),
)
_MARK = re.compile(r"\[c(\d+)t(\d)\]")
_numbers = itertools.count(1)


@dataclass(slots=True)
class Talk:
    """A conversation, and all that was wrong with it."""

    client: str
    stream: bool
    vendors: tuple[Vendor, ...]
    """Who answers which turn: the first one the first, and so on, over and over."""
    number: int = field(default_factory=lambda: next(_numbers))
    problems: list[str] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)
    """What a vendor refused at first, and the router asked again without the client's notice."""
    answered: list[str] = field(default_factory=list)
    """Who answered each turn."""
    given: list[tuple[str, str]] = field(default_factory=list)
    """Vendors and the proofs that they gave."""
    kept: int = 0
    """Proofs that came back to their maker."""
    able: int = 0
    """Those that could have."""
    prefixes: list[bool] = field(default_factory=list)
    """Of each request that went to a vendor once more: whether its cache holds."""
    requests: int = 0

    @property
    def name(self) -> str:
        return " > ".join(vendor.name for vendor in self.vendors)

    def vendor(self, turn: int) -> Vendor:
        return self.vendors[turn % len(self.vendors)]

    def words(self, turn: int) -> str:
        return f"Words [c{self.number}t{turn}] of the user."

    def results(self, turn: int) -> list[Result]:
        calls = self.answer(turn - 1).calls
        return [Result(f"Result {n} [c{self.number}t{turn}]") for n in range(len(calls))]

    @property
    def summary(self) -> str:
        return f"Summary of conversation {self.number}."

    def answer(self, turn: int) -> Answer:
        """What a vendor answers in a turn, before its own ids and proofs."""
        mark = f"c{self.number}a{turn}"
        thinking = f"Thought {mark}."
        if turn in (0, 4):
            cities = ("Oslo", "Bergen")
            calls = tuple(Call("", "get_weather", json.dumps({"city": c})) for c in cities)
            return Answer(text=f"I look {mark}.", thinking=thinking, calls=calls)
        if turn == 2:
            call = Call("", "get_weather", '{"city": "Tromsø"}')
            return Answer(text="", thinking=thinking, calls=(call,))
        return Answer(text=f"Answer {mark}.", thinking=thinking)

    def combo(self, turn: int) -> str:
        """The name under which the vendor of a turn comes first, and the others after it."""
        return combo_of([self.vendor(turn + n).name for n in range(len(self.vendors))])

    def run(self, url: str) -> None:
        """Hold the conversation through the router."""
        setup = Setup(
            url=url,
            model=self.combo(0),
            stream=self.stream,
            system=SYSTEM,
            tools=TOOLS,
            effort="medium",
        )
        talk = CLIENTS[self.client](setup)
        for turn in range(TURNS):
            _turn_to(talk, self.combo(turn))
            vendor = self.vendor(turn).name
            try:
                self._take(talk, turn)
            except Exception as e:  # an SDK's error, or its own check of a stream
                self.problems.append(f"turn {turn} at {vendor}: {type(e).__name__}: {e}"[:400])
                return
            if self.answered[-1] != vendor and not self._is_sealed(turn):
                self.problems.append(f"turn {turn}: {self.answered[-1]} answers for {vendor}")

    def _is_sealed(self, turn: int) -> bool:
        """Whether a vendor compacted the conversation so that it alone can go on with it."""
        compacts = self.vendor(COMPACTION).compacts and self.client == "openai-responses"
        return compacts and turn > COMPACTION

    def _take(self, talk: Client, turn: int) -> None:
        if turn in GIVING:
            talk.give(self.results(turn))
        elif turn == COMPACTION and self.client in WITH_COMPACTION:
            self._compact(talk)
        else:
            talk.say(self.words(turn), png() if turn == 2 else None)

    def _compact(self, talk: Any) -> None:
        """As Codex does, and as Anthropic's guide "Compaction on demand" has it."""
        if self.client == "openai-responses":
            talk._input.append({"type": "compaction_trigger"})
            said = talk._ask()
            item = talk._input[-1]
            assert item["type"] == "compaction" and not said.text, item
            users = [i for i in talk._input if i.get("role") == "user"]
            talk._input[:] = [*users, item]
            return
        messages = [{"role": m["role"], "content": _plain(m["content"])} for m in talk._messages]
        params = {**talk._params, "messages": messages, "compaction": {"type": "summarize"}}
        url, key = f"{talk.setup.url}/v1/messages", {"x-api-key": KEY, "anthropic-version": "1"}
        told = httpx2.post(url, json=params, headers=key, timeout=60)
        assert told.status_code == 200, told.text
        (block,) = told.json()["content"]
        assert block["type"] == "compaction", block
        talk._messages[:] = [{"role": "assistant", "content": [block]}]

    def judge(self, asked: Asked, body: Any, turn: int) -> None:
        """Notes what is missing of the conversation so far. The last answer may not be there."""
        compacted = turn > COMPACTION and self.client in WITH_COMPACTION
        words = "".join(text for _, text in asked.words)
        first = COMPACTION if compacted else 0
        if compacted and not any("compaction" in json.dumps(x) for x in body.get("input", ())):
            demand(self.summary in words, "the summary is missing")
            demand(not asked.calls, "calls that were compacted are there")
        for before in range(first, turn):
            said = self.answer(before)
            if before == COMPACTION and compacted:
                continue
            demand(said.text in words, f"{said.text!r} is missing")
        for at in range(first, turn + 1):
            if at in GIVING or (at == COMPACTION and self.client in WITH_COMPACTION):
                continue
            demand(self.words(at) in words, f"{self.words(at)!r} is missing")
        if compacted:
            return
        demand(SYSTEM in asked.system or SYSTEM in words, "the system prompt is missing")
        told = [(c.name, c.input) for at in range(turn) for c in self.answer(at).calls]
        demand(asked.calls == told, f"calls {asked.calls}")
        given = [r.text for at in GIVING if at <= turn for r in self.results(at)]
        there = " ".join(asked.results[n] for n in sorted(asked.results))
        demand(all(text in there for text in given), f"results {asked.results}")
        demand(turn < 2 or len(asked.images) == 1, f"{len(asked.images)} images")

    def count(self, asked: Asked, vendor: Vendor, body: Any, turn: int) -> None:
        """Notes what a vendor got back of its own."""
        self.requests += 1
        key = f"{self.number}-{vendor.name}"
        before = vendor.issued.heads.get(key)
        fits = cached_prefix(body, vendor.issued, key)
        compacted = turn >= COMPACTION and self.client in WITH_COMPACTION
        if before is not None and not compacted:
            self.prefixes.append(fits)
        if not vendor.proves or compacted or vendor.format == "openai-chat":
            return
        mine = [proof for name, proof in self.given if name == vendor.name]
        self.able += len(mine)
        self.kept += sum(proof in asked.proofs for proof in mine)


def combo_of(names: Sequence[str]) -> str:
    """The name of the combo with these vendors in this order."""
    return "-then-".join(names)


class Street:
    """Answers for all vendors, by the conversation that a request belongs to."""

    def __init__(self, vendors: dict[str, Vendor]) -> None:
        self.vendors = vendors
        self._keys = {vendor.key: vendor for vendor in vendors.values()}
        self._talks: dict[int, Talk] = {}
        self._lock = threading.Lock()

    def open(self, client: str, stream: bool, names: Sequence[str]) -> Talk:
        talk = Talk(client, stream, tuple(self.vendors[name] for name in names))
        with self._lock:
            self._talks[talk.number] = talk
        return talk

    def react(self, request: Recorded) -> Behaviour:
        vendor = self._keys[request.key or ""]
        text = request.body.decode()
        marks = [(int(c), int(t)) for c, t in _MARK.findall(text)]
        number, turn = marks[-1] if marks else (0, 0)
        talk = self._talks.get(number)
        if talk is None:
            return vendor.refused(Refused(f"no conversation in {text[:300]}"))
        triggers = '"compaction_trigger"' in text
        asks = "Write a summary of the conversation so far" in text
        if asks or triggers:
            turn = COMPACTION
        try:
            asked = vendor.read(request)
        except (Refused, LookupError, TypeError, ValueError, AttributeError) as why:
            talk.mended.append(f"turn {turn}: {vendor.name} refuses: {why}"[:300])
            return vendor.refused(why)
        try:
            if not asks and not triggers:
                talk.judge(asked, request.json, turn)
        except Refused as why:
            talk.problems.append(f"turn {turn} at {vendor.name}: {why}"[:300])
        talk.answered.append(vendor.name)
        talk.count(asked, vendor, request.json, turn)
        if triggers:
            return vendor.compacted(asked.stream, talk.summary)
        answer = Answer(text=talk.summary) if asks else talk.answer(turn)
        known = len(vendor.issued.proofs)
        response = vendor.answered(request, answer, asked)
        talk.given += [(vendor.name, proof) for proof in list(vendor.issued.proofs)[known:]]
        return response


def _turn_to(talk: Any, model: str) -> None:
    """The next request asks for another model."""
    talk.setup = replace(talk.setup, model=model)
    if (chat := getattr(talk, "_chat", None)) is not None:
        chat._model = model


def _plain(content: Any) -> Any:
    if isinstance(content, str):
        return content
    return [
        block if isinstance(block, dict) else block.model_dump(mode="json", exclude_none=True)
        for block in content
    ]


def png() -> bytes:
    """One red pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixel = chunk(b"IDAT", zlib.compress(b"\0\xff\0\0"))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + pixel + chunk(b"IEND", b"")

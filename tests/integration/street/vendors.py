"""The vendors of the street: how each answers, and what it refuses."""

import base64
import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Any

from tests.integration.sdks.upstreams import PROVIDERS
from tests.integration.sdks.upstreams.provider import Asked
from tests.integration.sdks.upstreams.provider import Provider
from tests.integration.sdks.upstreams.provider import Refused
from tests.integration.street import rules
from tests.integration.street.rules import Body
from tests.integration.street.rules import Issued
from tests.integration.street.rules import Rule
from tests.support.answers import Answer
from tests.support.answers import Call
from tests.support.answers import data
from tests.support.steps import Behaviour
from tests.support.steps import chunked
from tests.support.steps import whole
from tests.support.upstream import Recorded

_numbers = itertools.count(1)

_REPEATED = {
    "anthropic": ((b'"msg_up1"', b'"msg_up1_%05d"'),),
    "ollama": ((b".123456789Z", b".1234%05dZ"),),
}
"""By format: what the doubles say in every answer, and what is another at each of the real one's:
ids of messages, times to the nanosecond."""


@dataclass(slots=True)
class Vendor:
    """One provider, and what it remembers of its answers."""

    name: str
    format: str
    model: str
    rules: tuple[Rule, ...]
    config: Mapping[str, Any] = field(default_factory=dict)
    """Members of its entry in the router's configuration besides its address."""
    proves: bool = False
    """Whether it gives proofs of its thinking, and wants them back."""
    tool_id: str = "call_{n:08d}"
    compacts: bool = False
    """Whether it has compaction."""
    tag: bool = False
    """Whether its thinking stands in the text."""
    issued: Issued = field(default_factory=Issued)

    @property
    def provider(self) -> Provider:
        return PROVIDERS[self.format]

    @property
    def key(self) -> str:
        return f"sk-street-{self.name}"

    def entry(self, url: str) -> dict[str, Any]:
        """Its provider in the router's configuration."""
        address = self.provider.base_url(url)
        return {"name": self.name, "format": self.format, "base-url": address,
                "api-key": self.key, **self.config}  # fmt: skip

    def read(self, request: Recorded) -> Asked:
        """What is asked. Raises Refused, LookupError, TypeError or ValueError."""
        body = request.json
        for rule in self.rules:
            rule(body, self.issued)
        if self.compacts:
            body = _without_compaction(body)
        if self.name == "openrouter":
            body = _without_server_tools(body)
        return self.provider.read(replace(request, body=json.dumps(body).encode()))

    def proof(self, text: str) -> str:
        """A fresh proof of some thinking."""
        made = base64.b64encode(f"{self.name}-{next(_numbers)}-proof".encode()).decode()
        self.issued.proofs[made] = text
        return made

    def fitted(self, answer: Answer, asked: Asked) -> Answer:
        """The answer as this vendor gives it: with its ids, its proof, and what may be seen."""
        calls = tuple(replace(call, id=self._id(call)) for call in answer.calls)
        answer = replace(answer, calls=calls)
        if not answer.thinking:
            return answer
        if self.tag:
            text = f"<think>{answer.thinking}</think>\n{answer.text}"
            return replace(answer, text=text, thinking="", thinks=False)
        thinking = answer.thinking if asked.shown else ""
        proven = self.proves and (asked.proven or self.format != "openai-responses")
        if self.format == "anthropic" and not asked.proven:
            return replace(answer, thinking="", thinks=False)
        proof = self.proof(thinking) if proven else ""
        return replace(answer, thinking=thinking, signature=proof, thinks=True)

    def answered(self, request: Recorded, answer: Answer, asked: Asked) -> Behaviour:
        """The response with an answer."""
        answer = self.fitted(answer, asked)
        provider = self.provider
        pieces, body = provider.events(answer), provider.whole(answer)
        if self.format == "openai-responses":
            body, pieces = self._own_ids(body, pieces, answer)
        for old, new in _REPEATED.get(self.format, ()):
            own = new % next(_numbers)
            body, pieces = body.replace(old, own), [piece.replace(old, own) for piece in pieces]
        if self.name == "openrouter" and answer.signature:
            body, pieces = _with_details(body, pieces, answer)
        if asked.stream:
            return chunked(*pieces, content_type=provider.stream_type)
        return whole(body)

    def refused(self, why: Exception) -> Behaviour:
        """The response to a request that breaks a rule."""
        told = str(why) if isinstance(why, Refused) else repr(why)
        return whole(self.provider.error(400, told), 400)

    def compacted(self, stream: bool, summary: str) -> Behaviour:
        """The response to a compaction trigger, with an item that only this vendor opens."""
        sealed = f"gAAAA{base64.b64encode(f'{summary}-{next(_numbers)}'.encode()).decode()}"
        self.issued.compactions.add(sealed)
        item = {"id": f"cmp_{next(_numbers)}", "type": "compaction", "encrypted_content": sealed}
        body = json.loads(self.provider.whole(Answer(text="")))
        body["output"] = [item]
        if not stream:
            return whole(json.dumps(body).encode())
        begun = {**body, "status": "in_progress", "output": [], "usage": None}
        at = {"output_index": 0, "item": item}
        told: list[dict[str, Any]] = [
            {"type": "response.created", "response": begun},
            {"type": "response.in_progress", "response": begun},
            {"type": "response.output_item.added", **at},
            {"type": "response.output_item.done", **at},
            {"type": "response.completed", "response": body},
        ]
        pieces = [data({**e, "sequence_number": i}) for i, e in enumerate(told)]
        return chunked(*pieces, content_type=self.provider.stream_type)

    def _id(self, call: Call) -> str:
        number = next(_numbers)
        return self.tool_id.format(n=number, name=call.name)

    def _own_ids(
        self, body: bytes, pieces: list[bytes], answer: Answer
    ) -> tuple[bytes, list[bytes]]:
        """Ids of items that nobody gave out before; those behind reasoning need it."""
        number = next(_numbers)

        def fresh(text: bytes) -> bytes:
            return re.sub(rb'"(rs|msg|fc|resp)_up(\d)', rb'"\1_%05d\2' % number, text)

        body = fresh(body)
        items = json.loads(body)["output"]
        reasoning = next((item["id"] for item in items if item["type"] == "reasoning"), None)
        for item in items:
            if reasoning and item["type"] == "function_call":
                self.issued.followers[item["id"]] = reasoning
        return body, [fresh(piece) for piece in pieces]


def _without_compaction(body: Body) -> Body:
    """A request without what the double of its format does not know."""
    items = body.get("input")
    if not isinstance(items, list):
        return body
    known = ("compaction", "compaction_trigger")
    return {**body, "input": [item for item in items if item.get("type") not in known]}


def _without_server_tools(body: Body) -> Body:
    """A request without OpenRouter's own tools (its guide "Server tools"), unknown to OpenAI."""
    tools = body.get("tools", [])
    kept = [tool for tool in tools if not tool["type"].startswith("openrouter:")]
    return {**body, "tools": kept} if tools else body


def _with_details(body: bytes, pieces: list[bytes], answer: Answer) -> tuple[bytes, list[bytes]]:
    """OpenRouter's `reasoning` and `reasoning_details` (guide "Reasoning tokens")."""
    detail = {"type": "reasoning.text", "text": answer.thinking, "signature": answer.signature,
              "format": "anthropic-claude-v1", "index": 0, "id": None}  # fmt: skip
    told = json.loads(body)
    message = told["choices"][0]["message"]
    message["reasoning"] = message.pop("reasoning_content", "")
    message["reasoning_details"] = [detail]
    made = []
    for piece in pieces:
        made.append(piece.replace(b'"reasoning_content"', b'"reasoning"'))
    chunk = json.loads(pieces[0].removeprefix(b"data: "))
    chunk["choices"][0]["delta"] = {"reasoning_details": [detail]}
    return json.dumps(told).encode(), [made[0], data(chunk), *made[1:]]


def preset(name: str, **more: Any) -> dict[str, Any]:
    """What the router knows of the real vendor."""
    return {"preset": name, **more}


def street() -> dict[str, Vendor]:
    """All vendors, with nothing said yet."""
    chat = "openai-chat"
    vendors = [
        Vendor("anthropic", "anthropic", "claude-sonnet-4-5",
               (rules.anthropic_signatures, rules.anthropic_tool_ids), preset("anthropic"),
               proves=True, tool_id="toolu_{n:08d}"),
        Vendor("openai", "openai-responses", "gpt-5.5",
               (rules.openai_items, rules.openai_compactions), preset("openai"), proves=True,
               compacts=True),
        Vendor("openai-chat", chat, "gpt-4.1", (rules.short_tool_ids,), preset("openai")),
        Vendor("gemini", "gemini", "gemini-3-pro", (rules.gemini_signatures,), preset("gemini"),
               proves=True),
        Vendor("deepseek", chat, "deepseek-v4", (rules.deepseek_thinking, rules.no_developer),
               preset("deepseek")),
        Vendor("kimi", chat, "kimi-k2.6", (rules.kimi_thinking,), preset("moonshot"),
               tool_id="functions.{name}:{n}"),
        Vendor("minimax", chat, "MiniMax-M3", (), preset("minimax"), tag=True),
        Vendor("mistral", chat, "mistral-large", (rules.mistral_order, rules.mistral_tool_ids),
               preset("mistral"), tool_id="m{n:08d}"),
        Vendor("qwen-vllm", chat, "Qwen/Qwen3.6", (rules.qwen_template,), preset("vllm"),
               tool_id="chatcmpl-tool-{n:032d}"),
        Vendor("ollama", "ollama", "qwen3:8b", (), preset("ollama")),
        Vendor("openrouter", chat, "anthropic/claude-opus-5", (rules.openrouter_details,),
               preset("openrouter"), proves=True),
    ]  # fmt: skip
    return {vendor.name: vendor for vendor in vendors}

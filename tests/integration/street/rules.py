"""What vendors refuse of a conversation's history, in their own words, each with its source.

The formats' own rules (types, pairs of calls and results) are those of `sdks.upstreams`; here is
what differs between vendors of one format.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from tests.integration.sdks.upstreams.provider import demand

type Body = dict[str, Any]
type Rule = Callable[[Body, "Issued"], None]


_MISTRAL_FOLLOWERS = {
    "system": ("user", "assistant", "system"),
    "user": ("assistant", "system", "user"),
    "assistant": ("user", "tool"),
    "tool": ("assistant", "tool"),
}
"""Which roles follow which: `_validate_message_order` of mistral-common's `validator.py`, where one
model's message does not follow another."""


@dataclass(slots=True)
class Issued:
    """What a vendor gave out, and knows again."""

    proofs: dict[str, str] = field(default_factory=dict)
    """Signatures and encrypted reasoning, with the words that they prove."""
    followers: dict[str, str] = field(default_factory=dict)
    """Ids of items that came with reasoning, with the id of that."""
    compactions: set[str] = field(default_factory=set)
    """Encrypted compaction items."""
    heads: dict[str, list[str]] = field(default_factory=dict)
    """By conversation: the messages of the last request, for the cache of prompts."""


def anthropic_signatures(body: Body, issued: Issued) -> None:
    """Guide "Extended thinking", preserving thinking blocks: they come back as they were."""
    for index, message in enumerate(body["messages"]):
        for at, block in enumerate(_blocks(message)):
            where = f"messages.{index}.content.{at}"
            if block["type"] == "thinking":
                proof = block["signature"]
                demand(proof in issued.proofs, f"{where}: Invalid `signature` in `thinking` block")
                demand(issued.proofs[proof] == block["thinking"], f"{where}: Invalid `signature`"
                       " in `thinking` block: it cannot be modified")  # fmt: skip
            if block["type"] == "redacted_thinking":
                told = f"{where}: Invalid `data` in `redacted_thinking` block"
                demand(block["data"] in issued.proofs, told)


def anthropic_tool_ids(body: Body, issued: Issued) -> None:
    """API reference, "Messages": `tool_use.id`, pattern; its 400 names the pattern."""
    for index, message in enumerate(body["messages"]):
        for at, block in enumerate(_blocks(message)):
            id = block.get("id") if block["type"] == "tool_use" else block.get("tool_use_id")
            demand(
                id is None or re.fullmatch(r"[a-zA-Z0-9_-]+", id),
                f"messages.{index}.content.{at}.tool_use.id: String should match pattern "
                "'^[a-zA-Z0-9_-]+$'",
            )


def openai_items(body: Body, issued: Issued) -> None:
    """Guide "Reasoning models", keeping reasoning items in context; with `store: false` nothing is
    known by its id, and encrypted content is for who made it."""
    items = body["input"] if isinstance(body["input"], list) else []
    there = {item.get("id") for item in items if item.get("type") == "reasoning"}
    for index, item in enumerate(items):
        kind, id = item.get("type", "message"), item.get("id")
        demand(kind != "item_reference", f"Item with id '{id}' not found.")
        if kind == "reasoning":
            proof = item.get("encrypted_content")
            demand(proof, f"Item with id '{id}' not found. Items are not persisted when `store` is"
                   " set to false.")  # fmt: skip
            demand(proof in issued.proofs, f"The encrypted content for item {id} could not be"
                   " verified.")  # fmt: skip
        needed = issued.followers.get(id or "")
        demand(
            needed is None or needed in there,
            f"Item '{id}' of type '{kind}' was provided without its required 'reasoning' item: "
            f"'{needed}'.",
        )
        call = item.get("call_id", "")
        demand(len(call) <= 64, f"Invalid 'input[{index}].call_id': string too long. Expected a "
               "string with maximum length 64.")  # fmt: skip


def openai_compactions(body: Body, issued: Issued) -> None:
    """Guide "Compaction"; the SDK's `CompactionTrigger`: it must be the final input item."""
    items = body["input"] if isinstance(body["input"], list) else []
    for item in items[:-1]:
        demand(item.get("type") != "compaction_trigger", "compaction_trigger must be the last item")
    for item in items:
        if item.get("type") == "compaction":
            known = item.get("encrypted_content") in issued.compactions
            demand(known, "The encrypted content of a compaction item could not be verified.")


def short_tool_ids(body: Body, issued: Issued) -> None:
    """OpenAI's Chat completions, whose 400 names the length (microsoft/semantic-kernel#9665)."""
    for index, call in _chat_calls(body):
        demand(len(call["id"]) <= 40, f"Invalid 'messages[{index}].tool_calls[0].id': string too "
               "long. Expected a string with maximum length 40, but got a string with length "
               f"{len(call['id'])} instead.")  # fmt: skip


def deepseek_thinking(body: Body, issued: Issued) -> None:
    """Guide "Thinking mode", tool calls: `reasoning_content` comes back with the calls."""
    for message in body["messages"]:
        if message.get("tool_calls"):
            told = "The `reasoning_content` in the thinking mode must be passed back to the API."
            demand(message.get("reasoning_content"), told)


def kimi_thinking(body: Body, issued: Issued) -> None:
    """Guide "Use Kimi K2 Thinking": all earlier `reasoning_content` is kept in the context."""
    for index, message in enumerate(body["messages"]):
        if message.get("tool_calls"):
            told = ("thinking is enabled but reasoning_content is missing in assistant tool call "
                    f"message at index {index}")  # fmt: skip
            demand(message.get("reasoning_content"), told)


def no_developer(body: Body, issued: Issued) -> None:
    """DeepSeek's reference, "Create chat completion": roles system, user, assistant, tool."""
    for index, message in enumerate(body["messages"]):
        demand(message["role"] != "developer", f"messages[{index}].role: unknown variant "
               "`developer`, expected one of `system`, `user`, `assistant`, `tool`")  # fmt: skip


def mistral_order(body: Body, issued: Issued) -> None:
    """mistral-common's `validator.py`: who follows whom, and what a message holds."""
    before = "start"
    for message in body["messages"]:
        role = message["role"]
        demand(role in _MISTRAL_FOLLOWERS.get(before, (role,)),
               f"Unexpected role '{role}' after role '{before}'")  # fmt: skip
        if role == "assistant":
            full = bool(message.get("content")) or bool(message.get("tool_calls"))
            demand(full, "Assistant message must have either content or tool_calls, but not none.")
            extra = [name for name in message if name.startswith("reasoning")]
            demand(not extra, f"Extra inputs are not permitted: {extra}")
        before = role
    demand(before != "assistant", f"Expected last role User or Tool but got {before}")


def mistral_tool_ids(body: Body, issued: Issued) -> None:
    """mistral-common's `validator.py`: `_validate_tool_call`, nine letters and digits."""
    for _, call in _chat_calls(body):
        demand(
            re.fullmatch(r"[a-zA-Z0-9]{9}", call["id"]),
            f"Tool call id was {call['id']} but must be a-z, A-Z, 0-9, with a length of 9.",
        )


def qwen_template(body: Body, issued: Issued) -> None:
    """The `chat_template` of Qwen3 raises this; ggml-org/llama.cpp#20733."""
    for index, message in enumerate(body["messages"]):
        demand(index == 0 or message["role"] != "system",
               "System message must be at the beginning.")  # fmt: skip


def openrouter_details(body: Body, issued: Issued) -> None:
    """Guide "Reasoning tokens", preserving reasoning blocks: unchanged, and of its own making."""
    for index, message in enumerate(body["messages"]):
        for detail in message.get("reasoning_details") or ():
            proof = detail.get("signature") or detail.get("data")
            told = f"messages.{index}.content.0: Invalid `signature` in `thinking` block"
            demand(proof is None or proof in issued.proofs, told)


def gemini_signatures(body: Body, issued: Issued) -> None:
    """Guide "Thought signatures", Gemini 3: the first call of each step of the current turn has its
    signature, or the documented value that skips the check."""
    skip = "skip_thought_signature_validator"
    contents = body["contents"]
    asked = [i for i, c in enumerate(contents)
             if c.get("role", "user") == "user" and not _answers(c)]  # fmt: skip
    begin = asked[-1] if asked else 0
    calls = 0
    for index, content in enumerate(contents):
        if content.get("role", "user") == "user":
            calls = 0
        for part in content["parts"]:
            proof = part.get("thoughtSignature")
            known = proof is None or proof == skip or proof in issued.proofs
            demand(known, "Thought signature is not valid.")
            if "functionCall" in part:
                calls += 1
                name = part["functionCall"]["name"]
                demand(
                    proof or calls > 1 or index < begin,
                    "Function call is missing a thought_signature in functionCall parts. Additional"
                    f" data, function call `default_api:{name}`, position {index + 1}.",
                )


def cached_prefix(body: Body, issued: Issued, conversation: str) -> bool:
    """Whether a request goes on from the last one of its conversation, word for word.

    A vendor's cache of prompts is by prefix (OpenAI's and Anthropic's guides "Prompt caching"); a
    changed one is no error, but costs.
    """
    key = "messages" if "messages" in body else "input" if "input" in body else "contents"
    heads = (
        [json.dumps(x, sort_keys=True) for x in body[key]] if isinstance(body[key], list) else []
    )
    before = issued.heads.get(conversation)
    issued.heads[conversation] = heads
    return before is None or heads[: len(before)] == before


def _answers(content: Body) -> bool:
    return any("functionResponse" in part for part in content["parts"])


def _blocks(message: Body) -> list[Body]:
    content = message["content"]
    return [] if isinstance(content, str) else content


def _chat_calls(body: Body) -> list[tuple[int, Body]]:
    return [
        (index, call)
        for index, message in enumerate(body["messages"])
        for call in message.get("tool_calls") or ()
    ]

"""What a target format cannot say: one table, used for reporting and for documentation.

`features` names everything a conversation makes use of, in words of the field; `CANNOT_SAY` lists
for each target format the features it has no way to express, with the reason. Their intersection
is what a translation drops, and what `x-switchyard-dropped` tells the client.
"""

from collections.abc import Iterator
from collections.abc import Mapping

from addons.wire.anthropic.schema import enforceable
from addons.wire.conversation import Conversation
from addons.wire.conversation import Media
from addons.wire.conversation import Opaque
from addons.wire.conversation import Refusal
from addons.wire.conversation import Text
from addons.wire.conversation import Thinking
from addons.wire.conversation import ToolCall
from addons.wire.conversation import ToolResult
from addons.wire.instructed import AS_INSTRUCTION
from addons.wire.jsonio import EMPTY

CANNOT_SAY: Mapping[str, Mapping[str, str]] = {
    "openai-chat": {
        "top_k": "no such parameter in OpenAI's API",
        "cache_control": "prompts are cached without markers",
        "thinking-signature": "a signature only its own provider can check",
        "document-url": "files are sent as data or file id",
        "document-citations": "no switch for citations",
        "audio-url": "audio is sent as data",
        "audio-file-id": "audio is sent as data",
        "image-file-id": "images are sent as data or URL",
        "video-file-id": "videos are sent as data or URL",
        "prompt_cache_key": "a hint that OpenAI takes and most others refuse",
        "tool-result-errors": "no flag for a failed call; the result's own words say it",
        "server-tools": "tools that run at another provider",
        "provider-blocks": "content only its own provider knows",
    },
    "openai-responses": {
        "top_k": "no such parameter",
        "seed": "no such parameter",
        "presence_penalty": "no such parameter",
        "frequency_penalty": "no such parameter",
        "logit_bias": "no such parameter",
        "candidates": "one answer a request",
        "prediction": "no predicted outputs",
        "audio-output": "answers are text",
        "audio-input": "a message takes text, images and files",
        "video-input": "no video",
        "assistant-media": "a model's own messages hold text alone",
        "cache_control": "prompts are cached without markers",
        "document-citations": "no switch for citations",
        "participant-names": "messages have no names",
        "tool-result-errors": "a tool's output is not marked as an error",
        "unsigned-thinking": "reasoning is taken only as its provider encrypted it",
        "thinking-signature": "a signature only its own provider can check",
        "server-tools": "tools that run at another provider",
        "provider-blocks": "content only its own provider knows",
    },
    "anthropic": {
        "seed": "no such parameter",
        "presence_penalty": "no such parameter",
        "frequency_penalty": "no such parameter",
        "logit_bias": "no such parameter",
        "logprobs": "log probabilities are not given",
        "candidates": "one answer a request",
        "verbosity": "no such parameter",
        "store": "no stored completions",
        "metadata": "only a user id",
        "prompt_cache_key": "caching is by markers in the prompt",
        "prediction": "no predicted outputs",
        "audio-input": "no audio",
        "audio-output": "no audio",
        "video-input": "no video",
        "image-detail": "no choice of resolution",
        "participant-names": "messages have no names",
        "strict-tools": "strict schemas are limited in number and refused with many keywords",
        "thinking-with-forced-tool": "thinking and a forced tool choice exclude each other",
        "web_search": "a search is a tool of its own",
        "unsigned-thinking": "thinking is taken only as this API signed it",
        "thinking-signature": "a signature only its own provider can check",
        "server-tools": "tools that run at another provider",
        "provider-blocks": "content only its own provider knows",
    },
    "gemini": {
        "parallel_tools": "no switch for several calls at once",
        "logit_bias": "no such parameter",
        "verbosity": "no such parameter",
        "store": "no stored completions",
        "metadata": "no such parameter",
        "prompt_cache_key": "prompts are cached without hints",
        "prediction": "no predicted outputs",
        "cache_control": "prompts are cached without markers",
        "audio-output": "speech needs a model and a voice of Google's own",
        "image-detail": "no choice of resolution for one image",
        "document-citations": "no switch for citations",
        "document-file-id": "a file that another provider keeps",
        "image-file-id": "a file that another provider keeps",
        "audio-file-id": "a file that another provider keeps",
        "video-file-id": "a file that another provider keeps",
        "participant-names": "contents have no names",
        "unsigned-thinking": "thoughts are taken only as Gemini signed them",
        "thinking-signature": "a signature only its own provider can check",
        "server-tools": "tools that run at another provider",
        "provider-blocks": "content only its own provider knows",
    },
    "ollama": {
        "tool_choice": "a call cannot be demanded; only what may be called is offered",
        "tools": "tools outside the choice are not offered",
        "parallel_tools": "no switch for several calls at once",
        "logit_bias": "no such parameter",
        "candidates": "one answer a request",
        "verbosity": "no such parameter",
        "store": "no stored completions",
        "metadata": "no such parameter",
        "prompt_cache_key": "prompts are cached without hints",
        "prediction": "no predicted outputs",
        "web_search": "no search",
        "cache_control": "prompts are cached without markers",
        "audio-input": "no audio",
        "audio-output": "no audio",
        "video-input": "no video",
        "document-input": "no documents but plain text",
        "document-citations": "no switch for citations",
        "image-url": "images are sent as data",
        "image-file-id": "images are sent as data",
        "image-detail": "no choice of resolution",
        "media-types": "an image's type shows in its bytes",
        "participant-names": "messages have no names",
        "tool-result-parts": "a result is one text",
        "tool-result-errors": "no flag for a failed call; the result's own words say it",
        "thinking-signature": "a signature only its own provider can check",
        "server-tools": "tools that run at another provider",
        "provider-blocks": "content only its own provider knows",
    },
    "openai-completions": {
        "turns": "a conversation becomes a transcript in one prompt",
        "system": "instructions become the beginning of the prompt",
        "tools": "no tools",
        "tool_choice": "no tools",
        "parallel_tools": "no tools",
        "top_k": "no such parameter",
        "logprobs": "log probabilities have another shape",
        "reasoning": "no such parameter",
        "verbosity": "no such parameter",
        "store": "no stored completions",
        "metadata": "no such parameter",
        "prompt_cache_key": "no such parameter",
        "prediction": "no predicted outputs",
        "web_search": "no search",
        "cache_control": "prompts are cached without markers",
        "image-input": "a prompt is text",
        "audio-input": "a prompt is text",
        "video-input": "a prompt is text",
        "document-input": "a prompt is text",
        "audio-output": "answers are text",
        "document-citations": "no switch for citations",
        "participant-names": "a prompt names no participants",
        "tool-result-errors": "no flag for a failed call; the result's own words say it",
        "tool-result-media": "a prompt is text",
        "thinking": "a prompt is text",
        "server-tools": "tools that run at another provider",
        "provider-blocks": "content only its own provider knows",
    },
}

STOPS_CUT_HERE: Mapping[str, str] = {
    "openai-responses": "no such parameter",
    "openai-chat": "four at most",
    "openai-completions": "four at most",
    "anthropic": "each needs a visible character, so blank ones are not sent",
    "gemini": "five at most",
}
"""Formats that cannot be told (all) stop sequences. The router ends the answer itself where one
stands, so nothing is lost."""

COMPLETIONS_ONLY: Mapping[str, str] = {
    "suffix": "no text can be asked for that leads to a given end",
    "best_of": "one answer is made a time",
    "prompts": "several prompts cannot be answered at once; the first is",
    "raw-prompt": "a prompt is put into the model's own template",
    "completion-logprobs": "log probabilities have another shape",
}
"""What only a legacy completion (here or at Ollama) can ask for; nobody else has words for it."""

GEMINI_ONLY: Mapping[str, str] = {
    "labels": "no such parameter",
    "mediaResolution": "no choice of resolution for all media",
    "safetySettings": "filters are the provider's own",
    "speechConfig": "voices are the provider's own",
}
"""What only a Gemini request can ask for."""

KEPT_BY_PROVIDER: Mapping[str, str] = {
    "background": "answers are waited for",
    "cachedContent": "a beginning of the prompt only its provider keeps",
    "conversation": "a conversation only its provider keeps",
    "previous_response_id": "an answer only its provider keeps",
    "prompt": "a prompt only its provider keeps",
}
"""Members of a Responses request (of a Gemini one: `cachedContent`) that name what its provider
stores; no other format has them."""

WITHOUT_TOOLS = frozenset({"openai-completions"})
"""Formats that know no tools at all."""

SAID_ELSEWHERE = frozenset({"additional_tools", "configuration_update"})
"""Kinds of opaque pieces whose meaning stands elsewhere in the conversation too: its tools, its
settings. Leaving them out loses nothing."""

REPLY_CANNOT_SAY: Mapping[str, Mapping[str, str]] = {
    "openai-responses": {
        "stop_sequence": "told as an ordinary end",
        "sequence": "the sequence met is not named",
        "pause": "told as an ordinary end",
        "other": "told as an ordinary end",
        "context_window": "told as the limit of tokens",
        "content_filter": "told as a refusal is",
    },
    "anthropic": {
        "refusals-as-text": "a refusal is text that ends like any other",
        "content_filter": "told as a refusal",
        "image-output": "answers are text",
        "audio-output": "answers are text",
        "video-output": "answers are text",
        "document-output": "answers are text",
    },
    "gemini": {
        "refusals-as-text": "a refusal is text that ends like any other",
        "content_filter": "a model's own refusal is told as a filter is",
        "stop_sequence": "told as an ordinary end",
        "sequence": "the sequence met is not named",
        "pause": "told as an ordinary end",
        "context_window": "told as the limit of tokens",
    },
    "ollama": {
        "refusals-as-text": "a refusal is text that ends like any other",
        "refusal": "told as an ordinary end",
        "content_filter": "told as an ordinary end",
        "stop_sequence": "told as an ordinary end",
        "sequence": "the sequence met is not named",
        "pause": "told as an ordinary end",
        "other": "told as an ordinary end",
        "context_window": "told as the limit of tokens",
        "citations": "sources are not told",
        "image-output": "the official SDK fails on images in answers",
        "audio-output": "answers are text",
        "cache_read": "cached tokens are not told apart",
        "reasoning_tokens": "reasoning tokens are not told apart",
    },
    "openai-completions": {
        "thinking": "answers are text",
        "calls": "answers are text",
        "tool_calls": "told as an ordinary end",
        "media": "answers are text",
        "citations": "sources are not told",
        "refusals-as-text": "a refusal is text that ends like any other",
        "other": "told as an ordinary end",
        "error": "told as an ordinary end",
    },
}
"""The same for answers: what a client of the format is told in other words, or not at all. A stop
reason is named as `StopReason` names it. Nothing of this is reported, since the words survive."""


def lost(conversation: Conversation, target: str) -> list[str]:
    """The features of `conversation` that a request in format `target` leaves out, sorted."""
    if conversation.format == target:
        return []
    cannot = {*CANNOT_SAY.get(target, ()), *KEPT_BY_PROVIDER, *COMPLETIONS_ONLY, *GEMINI_ONLY}
    return sorted({feature for feature in features(conversation, target) if feature in cannot})


def is_instructed(conversation: Conversation, target: str, model: str) -> bool:
    """Whether a request in format `target` asks for the answer's shape in words."""
    output = conversation.output
    if output is None or output.kind == "text" or conversation.format == target:
        return False
    if target == "anthropic":
        return enforceable(output, model) is None
    return target in AS_INSTRUCTION


def unsaid_stops(conversation: Conversation, target: str) -> tuple[str, ...]:
    """The stop sequences that a request in format `target` leaves out."""
    if conversation.format == target or target not in STOPS_CUT_HERE:
        return ()
    if target == "anthropic":
        return tuple(stop for stop in conversation.stop if not stop.strip())
    if target == "openai-responses":
        return conversation.stop
    return conversation.stop[len(conversation.stops_for(target)) :]


def features(conversation: Conversation, target: str) -> Iterator[str]:
    """Every feature a conversation uses that not all formats have; names may repeat.

    What only `target` itself could read (its own signatures, blocks and tools) is not counted.
    """
    c = conversation
    said = {
        "top_k": c.top_k,
        "seed": c.seed,
        "presence_penalty": c.presence_penalty or None,
        "frequency_penalty": c.frequency_penalty or None,
        "logit_bias": c.logit_bias or None,
        "logprobs": c.logprobs or c.top_logprobs or None,
        "candidates": c.candidates if c.candidates not in (None, 1) else None,
        "tool_choice": c.tool_choice if c.tool_choice and c.tool_choice.mode != "auto" else None,
        "parallel_tools": c.parallel_tools if c.parallel_tools is False and c.tools else None,
        "verbosity": c.verbosity,
        "store": c.store or None,
        "metadata": c.metadata or None,
        "prompt_cache_key": c.cache_key,
        "prediction": c.prediction,
        "audio-output": c.audio if "audio" in c.modalities or c.audio else None,
        "web_search": c.web_search,
        "reasoning": c.reasoning,
    }
    yield from (name for name, value in said.items() if value is not None)
    if c.tools and c.tool_choice and c.tool_choice.mode in ("required", "tool") and _thinks(c):
        yield "thinking-with-forced-tool"
    yield from _shape(c)
    if c.format == "gemini":
        left = c.extra.get(c.format, EMPTY)
        named = {**left.get("generationConfig", EMPTY), **left.get("body", EMPTY)}
        yield from (name for name in (*GEMINI_ONLY, "cachedContent") if named.get(name))
    if c.format == "openai-responses":
        yield from (name for name in KEPT_BY_PROVIDER if c.extra.get(name))
    chosen = c.tool_choice is not None and c.tool_choice.mode in ("none", "tool")
    if c.tools and (chosen or target in WITHOUT_TOOLS):
        yield "tools"
    for tool in c.tools:
        if tool.kind == "server" and tool.format != target:
            yield "server-tools"
        elif tool.kind == "custom":
            yield "custom-tools"
        if tool.strict:
            yield "strict-tools"
        if tool.cache:
            yield "cache_control"
    yield from ("participant-names" for turn in c.turns if turn.name)
    yield from (
        "assistant-media"
        for turn in c.turns
        if turn.role == "assistant" and any(isinstance(part, Media) for part in turn.parts)
    )
    yield from _part_features(conversation, target)


def _thinks(c: Conversation) -> bool:
    """Whether thinking is asked for."""
    wish = c.reasoning
    if wish is None or wish.enabled is False or wish.effort == "none" or wish.budget == 0:
        return False
    return bool(wish.effort or wish.budget or wish.enabled or wish.adaptive)


def _shape(c: Conversation) -> Iterator[str]:
    """Whether there is more than one question in words; what a legacy completion asks besides."""
    roles = [turn.role for turn in c.turns]
    if "system" in roles or "developer" in roles:
        yield "system"
    if roles != ["user"] or not any(isinstance(part, Text) for part in c.turns[0].parts):
        yield "turns"
    if c.format == "ollama":
        left = c.extra.get(c.format, EMPTY)
        if left.get("suffix"):
            yield "suffix"
        if any(left.get(name) for name in ("raw", "template", "context")):
            yield "raw-prompt"
    elif c.format == "openai-completions":
        left = c.extra.get(c.format, EMPTY)
        yield from (name for name in ("suffix", "best_of", "prompts") if left.get(name))
        if left.get("logprobs") is not None:
            yield "completion-logprobs"


def _part_features(conversation: Conversation, target: str) -> Iterator[str]:
    for part in conversation.parts():
        if getattr(part, "cache", None):
            yield "cache_control"
        match part:
            case Media():
                if part.text is None:
                    yield f"{part.kind}-input"
                if part.data is not None and part.media_type:
                    yield "media-types"
                if part.url:
                    yield f"{part.kind}-url"
                if part.file_id:
                    yield f"{part.kind}-file-id"
                if part.detail and part.detail != "auto":
                    yield "image-detail"
                if part.citations:
                    yield "document-citations"
            case Thinking():
                yield "thinking"
                if part.text and not (part.signature or part.redacted):
                    yield "unsigned-thinking"
                if (part.signature or part.redacted) and part.signer != target:
                    yield "thinking-signature"
            case ToolCall(signature=str()) if part.signer != target:
                yield "thinking-signature"
            case ToolResult():
                if part.is_error:
                    yield "tool-result-errors"
                if sum(isinstance(p, Text) for p in part.parts) > 1:
                    yield "tool-result-parts"
                if any(not isinstance(p, Text) for p in part.parts):
                    yield "tool-result-media"
            case Opaque() if part.format != target and part.kind not in SAID_ELSEWHERE:
                yield "provider-blocks" if part.text is None else "provider-blocks-as-text"
            case Refusal():
                yield "refusals"

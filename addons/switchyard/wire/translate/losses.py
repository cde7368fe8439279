"""Lists what each format cannot express: one table for reports and documentation.

`features.features` names everything a conversation makes use of, in words of the field;
`CANNOT_SAY` lists for each target format the features it cannot express, with the reason.
Their intersection is what a translation drops, and what `x-switchyard-dropped` lists.
"""

from collections.abc import Mapping

from switchyard.wire.formats.anthropic.schema import enforceable
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.shared.instructed import AS_INSTRUCTION
from switchyard.wire.translate.features import features

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
        "speech": "speech needs a voice to be named",
        "tool-result-errors": "no flag for a failed call; the result's own words say it",
        "server-tools": "tools that run at another provider",
        "server-tool-options": "domains, place or number that its own search does not take",
        "provider-blocks": "content only its own provider knows",
        "provider-blocks-as-text": "content only its own provider knows, written as text",
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
        "server-tool-options": "domains, place or number that its own search does not take",
        "provider-blocks": "content only its own provider knows",
        "provider-blocks-as-text": "content only its own provider knows, written as text",
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
        "unsigned-thinking": "thinking is taken only as this API signed it",
        "thinking-signature": "a signature only its own provider can check",
        "server-tools": "tools that run at another provider",
        "server-tool-options": "domains, place or number that its own search does not take",
        "provider-blocks": "content only its own provider knows",
        "provider-blocks-as-text": "content only its own provider knows, written as text",
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
        "server-tool-options": "domains, place or number that its own search does not take",
        "provider-blocks": "content only its own provider knows",
        "provider-blocks-as-text": "content only its own provider knows, written as text",
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
        "provider-blocks-as-text": "content only its own provider knows, written as text",
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
        "provider-blocks-as-text": "content only its own provider knows, written as text",
    },
}

STOPS_CUT_HERE: Mapping[str, str] = {
    "openai-responses": "no such parameter",
    "openai-chat": "four at most",
    "openai-completions": "four at most",
    "anthropic": "each needs a visible character, so blank ones are not sent",
    "gemini": "five at most",
}
"""Formats without (all) stop sequences. The router ends the response itself at one, so nothing is
lost."""

SAID_BY_ONE: Mapping[str, Mapping[str, str]] = {
    "openai-completions": {
        "suffix": "no text can be asked for that leads to a given end",
        "best_of": "one answer is made a time",
        "prompts": "several prompts cannot be answered at once; the first is",
        "completion-logprobs": "log probabilities have another shape",
    },
    "ollama": {
        "suffix": "no text can be asked for that leads to a given end",
        "raw-prompt": "a prompt is put into the model's own template",
    },
    "gemini": {
        "labels": "no such parameter",
        "mediaResolution": "no choice of resolution for all media",
        "safetySettings": "filters are the provider's own",
        "speechConfig": "voices are the provider's own",
    },
    "anthropic": {
        "context_management": "a history is not edited by its provider",
        "mcp_servers": "tools that run at another provider",
        "speed": "no faster mode of the same model",
    },
    "openai-responses": {
        "context_management": "a history is not edited by its provider",
        "max_tool_calls": "no tools run at the provider",
        "truncation": "a prompt that is too long is refused, not shortened",
    },
}
"""What a request of one format alone can ask for; no other format has words for it."""

KEPT_BY_PROVIDER: Mapping[str, str] = {
    "background": "answers are waited for",
    "cachedContent": "a beginning of the prompt only its provider keeps",
    "container": "files and skills only its provider keeps",
    "conversation": "a conversation only its provider keeps",
    "previous_response_id": "an answer only its provider keeps",
    "prompt": "a prompt only its provider keeps",
}
"""Members of a Responses request (of a Gemini one: `cachedContent`, of an Anthropic one:
`container`) that name what its provider stores; no other format has them."""

REPLY_CANNOT_SAY: Mapping[str, Mapping[str, str]] = {
    "openai-responses": {
        "stop_sequence": "written as an ordinary end",
        "sequence": "the sequence met is not named",
        "pause": "written as an ordinary end",
        "other": "written as an ordinary end",
        "context_window": "written as the token limit",
        "content_filter": "written like a refusal",
    },
    "anthropic": {
        "refusals-as-text": "a refusal is text that ends like any other",
        "content_filter": "written as a refusal",
        "image-output": "answers are text",
        "audio-output": "answers are text",
        "video-output": "answers are text",
        "document-output": "answers are text",
    },
    "gemini": {
        "refusals-as-text": "a refusal is text that ends like any other",
        "content_filter": "a model's own refusal is written like a filter's",
        "stop_sequence": "written as an ordinary end",
        "sequence": "the sequence met is not named",
        "pause": "written as an ordinary end",
        "context_window": "written as the token limit",
    },
    "ollama": {
        "refusals-as-text": "a refusal is text that ends like any other",
        "refusal": "written as an ordinary end",
        "content_filter": "written as an ordinary end",
        "stop_sequence": "written as an ordinary end",
        "sequence": "the sequence met is not named",
        "pause": "written as an ordinary end",
        "other": "written as an ordinary end",
        "context_window": "written as the token limit",
        "citations": "sources are left out",
        "image-output": "the official SDK fails on images in answers",
        "audio-output": "answers are text",
        "cache_read": "cached tokens are not counted apart",
        "reasoning_tokens": "reasoning tokens are not counted apart",
    },
    "openai-completions": {
        "thinking": "answers are text",
        "calls": "answers are text",
        "tool_calls": "written as an ordinary end",
        "media": "answers are text",
        "citations": "sources are left out",
        "refusals-as-text": "a refusal is text that ends like any other",
        "other": "written as an ordinary end",
        "error": "written as an ordinary end",
    },
}
"""The same for responses: what a client of the format gets in another form, or not at all. A stop
reason is named as `StopReason` names it. Nothing of this is reported, since the text survives."""


def lost(conversation: Conversation, target: str) -> list[str]:
    """Return the features of `conversation` that format `target` leaves out, sorted."""
    if conversation.format == target:
        return []
    alone = SAID_BY_ONE.get(conversation.format, ())
    cannot = {*CANNOT_SAY.get(target, ()), *KEPT_BY_PROVIDER, *alone}
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

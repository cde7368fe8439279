"""Lists the fields that OpenAI's Responses API cannot express."""

from switchyard.wire.model.losses import Losses

LOSSES = Losses(
    cannot_say={
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
    said_alone={
        "citations": "a history has words without their sources",
        "context_management": "a history is not edited by its provider",
        "max_tool_calls": "no tools run at the provider",
        "phase": "no member for whether a message is commentary or the final answer",
        "truncation": "a prompt that is too long is refused, not shortened",
    },
    lone_members=(
        *("background", "conversation", "previous_response_id", "prompt"),
        *("context_management", "max_tool_calls"),
    ),
    reply_cannot_say={
        "stop_sequence": "written as an ordinary end",
        "sequence": "the sequence met is not named",
        "pause": "written as an ordinary end",
        "other": "written as an ordinary end",
        "context_window": "written as the token limit",
        "content_filter": "written like a refusal",
    },
    stops="no such parameter",
    file_names=True,
)

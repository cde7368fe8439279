"""Lists what Anthropic's Messages API cannot express."""

from switchyard.wire.model.losses import Losses

LOSSES = Losses(
    cannot_say={
        "document-types": "a document of a type that the API refuses, and that is no text",
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
    said_alone={
        "citations": "a history has words without their sources",
        "context_management": "a history is not edited by its provider",
        "mcp_servers": "tools that run at another provider",
        "speed": "no faster mode of the same model",
    },
    lone_members=("container", "context_management", "mcp_servers", "speed"),
    reply_cannot_say={
        "refusals-as-text": "a refusal is text that ends like any other",
        "content_filter": "written as a refusal",
        "image-output": "answers are text",
        "audio-output": "answers are text",
        "video-output": "answers are text",
        "document-output": "answers are text",
    },
    stops="each needs a visible character, so blank ones are not sent",
    instructed=(
        "JSON without a schema, a schema with what structured outputs do not know, and "
        "any for a Claude model from before these"
    ),
    file_names=True,
    document_words=True,
)

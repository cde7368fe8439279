"""Lists what Google's Gemini API cannot express."""

from switchyard.wire.model.losses import Losses

MOST_STOPS = 5
"""Maximum number of stop sequences (Google's reference, `stopSequences`)."""

LOSSES = Losses(
    cannot_say={
        "document-types": "a document of a type that the API refuses, and that is no text",
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
        "file-names": "the API takes files without names",
        "participant-names": "contents have no names",
        "unsigned-thinking": "thoughts are taken only as Gemini signed them",
        "thinking-signature": "a signature only its own provider can check",
        "server-tools": "tools that run at another provider",
        "server-tool-options": "domains, place or number that its own search does not take",
        "provider-blocks": "content only its own provider knows",
        "provider-blocks-as-text": "content only its own provider knows, written as text",
    },
    said_alone={
        "labels": "no such parameter",
        "mediaResolution": "no choice of resolution for all media",
        "responseSchema": "no choice among given words as plain text",
        "safetySettings": "filters are the provider's own",
        "speechConfig": "voices are the provider's own",
        "videoMetadata": "no choice of a video's part or frames",
    },
    lone_members=("cachedContent", "labels", "mediaResolution", "safetySettings", "speechConfig"),
    reply_cannot_say={
        "refusals-as-text": "a refusal is text that ends like any other",
        "content_filter": "a model's own refusal is written like a filter's",
        "stop_sequence": "written as an ordinary end",
        "sequence": "the sequence met is not named",
        "pause": "written as an ordinary end",
        "context_window": "written as the token limit",
    },
    stops="five at most",
    most_stops=MOST_STOPS,
)

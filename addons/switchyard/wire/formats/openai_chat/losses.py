"""Lists the fields that OpenAI's Chat Completions API cannot express."""

from switchyard.wire.model.losses import Losses

MOST_STOPS = 4
"""Most stop sequences that a request may have (OpenAI's reference, `stop`)."""

LOSSES = Losses(
    cannot_say={
        "top_k": "no such parameter in OpenAI's API",
        "cache_control": "prompts are cached without markers",
        "thinking-signature": "a signature only its own provider can check",
        "uncalled-thinking": "thinking goes back with its calls, or to models that want it",
        "document-url": "files are sent as data or file id",
        "document-types": "a document of a type that the API refuses, and that is no text",
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
    said_alone={"citations": "a history has words without their sources"},
    stops="four at most",
    most_stops=MOST_STOPS,
    file_names=True,
)

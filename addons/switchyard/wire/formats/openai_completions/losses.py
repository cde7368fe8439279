"""Lists the fields that OpenAI's legacy Completions API cannot express."""

from switchyard.wire.model.losses import Losses

MOST_STOPS = 4
"""Most stop sequences that a request may have (OpenAI's reference, `stop`)."""

LOSSES = Losses(
    cannot_say={
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
    said_alone={
        "suffix": "no text can be asked for that leads to a given end",
        "best_of": "one answer is made a time",
        "prompts": "several prompts cannot be answered at once; the first is",
        "completion-logprobs": "log probabilities have another shape",
    },
    lone_members=("suffix", "best_of", "prompts"),
    reply_cannot_say={
        "thinking": "answers are text",
        "calls": "answers are text",
        "tool_calls": "written as an ordinary end",
        "media": "answers are text",
        "citations": "sources are left out",
        "refusals-as-text": "a refusal is text that ends like any other",
        "other": "written as an ordinary end",
        "error": "written as an ordinary end",
    },
    stops="four at most",
    most_stops=MOST_STOPS,
    instructed=("no parameter for it"),
    tools=False,
)

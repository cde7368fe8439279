"""Lists the members of requests that mean the same as a field."""

NUMBERS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}


INTEGERS = {
    "top_k": "top_k",
    "seed": "seed",
    "top_logprobs": "top_logprobs",
    "n": "candidates",
}


FLAGS = {
    "parallel_tool_calls": "parallel_tools",
    "logprobs": "logprobs",
    "store": "store",
    "stream": "stream",
}


TEXTS = {
    "verbosity": "verbosity",
    "user": "user",
    "prompt_cache_key": "cache_key",
    "service_tier": "service_tier",
}


OBJECTS = {
    "logit_bias": "logit_bias",
    "metadata": "metadata",
    "audio": "audio",
    "prediction": "prediction",
    "web_search_options": "web_search",
}


PLAIN = NUMBERS | INTEGERS | FLAGS | TEXTS | OBJECTS
"""Members that mean the same as a field of `Conversation`, by name."""

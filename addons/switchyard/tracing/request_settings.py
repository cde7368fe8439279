"""Reads the settings of a request as the GenAI conventions name them, from any format's body."""

from collections.abc import Mapping

from switchyard.wire.encoding.jsonio import JsonObject

type Setting = str | int | float | list[str]

_WITHIN = ("generationConfig", "options")
"""Where Gemini and Ollama have their settings."""

_INTEGERS = {
    "max_tokens": ("max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens",
                   "num_predict"),
    "top_k": ("top_k", "topK"),
    "seed": ("seed",),
    "choice.count": ("n", "candidateCount"),
}  # fmt: skip
_NUMBERS = {
    "temperature": ("temperature",),
    "top_p": ("top_p", "topP"),
    "frequency_penalty": ("frequency_penalty", "frequencyPenalty"),
    "presence_penalty": ("presence_penalty", "presencePenalty"),
}
_STOPS = ("stop", "stop_sequences", "stopSequences")
_MOST_STOPS = 16
_LONGEST = 200


def settings_of(body: JsonObject) -> Mapping[str, Setting]:
    """Return the settings by the end of their attribute's name (`gen_ai.request.NAME`)."""
    places = [body, *(inner for name in _WITHIN if isinstance(inner := body.get(name), dict))]
    found: dict[str, Setting] = {}
    for place in places:
        for name, members in _INTEGERS.items():
            for member in members:
                if isinstance(value := place.get(member), int) and not isinstance(value, bool):
                    found[name] = value
        for name, members in _NUMBERS.items():
            for member in members:
                value = place.get(member)
                if isinstance(value, int | float) and not isinstance(value, bool):
                    found[name] = float(value)
        for member in _STOPS:
            if stops := _texts(place.get(member)):
                found["stop_sequences"] = stops
    if found.get("choice.count") == 1:
        del found["choice.count"]  # the conventions leave a single one out
    if level := _level(body):
        found["reasoning.level"] = level
    if isinstance(before := body.get("previous_response_id"), str):
        found["previous_response.id"] = before[:_LONGEST]
    return found


def _level(body: JsonObject) -> str:
    effort = body.get("reasoning_effort")
    for member in ("reasoning", "output_config"):
        if isinstance(inner := body.get(member), dict):
            effort = inner.get("effort", effort)
    return effort[:_LONGEST] if isinstance(effort, str) else ""


def _texts(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [one[:_LONGEST] for one in values[:_MOST_STOPS] if isinstance(one, str)]

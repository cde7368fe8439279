"""Reads and writes `generationConfig`: limits, sampling, output shape, thinking."""

from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import int_of
from switchyard.wire.encoding.members import rest
from switchyard.wire.encoding.members import text_of
from switchyard.wire.formats.gemini.losses import MOST_STOPS
from switchyard.wire.formats.gemini.names import NAME
from switchyard.wire.formats.gemini.names import own
from switchyard.wire.formats.gemini.names import owned
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Output
from switchyard.wire.model.conversation import Reasoning
from switchyard.wire.shared.json_schema import from_gemini
from switchyard.wire.shared.json_schema import mend_refs
from switchyard.wire.shared.json_schema import plain

_JSON = "application/json"
_ENUM = "text/x.enum"
"""Type of an answer that is one of the words in the schema (guide "Structured output")."""

_NUMBERS = {
    "maxOutputTokens": "max_tokens",
    "temperature": "temperature",
    "topP": "top_p",
    "topK": "top_k",
    "seed": "seed",
    "presencePenalty": "presence_penalty",
    "frequencyPenalty": "frequency_penalty",
    "logprobs": "top_logprobs",
    "candidateCount": "candidates",
}
"""Fields of the conversation by member."""

_WHOLE = {"max_tokens", "top_k", "seed", "top_logprobs", "candidates"}
"""Fields that are integers; Vertex AI's libraries write some of them as floats."""

_LEVELS = {
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "HIGH",
    "max": "HIGH",
}
"""Thinking levels that every model since Gemini 3 supports."""

_HIDDEN = ("omitted", "none")
"""Other formats' values for hidden thinking."""


def read_config(config: JsonObject) -> dict[str, Any]:
    """Returns the conversation's fields in a `generationConfig`.

    `extra` holds its other members.
    """
    fields: dict[str, Any] = {}
    taken = ["responseMimeType", "responseSchema", "responseJsonSchema", "thinkingConfig"]
    for key, name in _NUMBERS.items():
        value = config.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            fields[name] = int(value) if name in _WHOLE else value
            taken.append(key)
    stop = config.get("stopSequences")
    if isinstance(stop, list) and stop and all(isinstance(x, str) for x in stop):
        fields["stop"] = tuple(stop)
        taken.append("stopSequences")
    if isinstance(config.get("responseLogprobs"), bool):
        fields["logprobs"] = config["responseLogprobs"]
        taken.append("responseLogprobs")
    modalities = config.get("responseModalities")
    if isinstance(modalities, list) and modalities and all(isinstance(x, str) for x in modalities):
        fields["modalities"] = tuple(word.lower() for word in modalities)
        if modalities == [word.upper() for word in modalities]:
            taken.append("responseModalities")
    fields["output"] = _read_output(config)
    fields["reasoning"] = _read_thinking(config)
    fields["extra"] = rest(config, *taken)
    return fields


def write_config(c: Conversation, home: bool) -> JsonObject:
    """Returns a `generationConfig`.

    `home`: the conversation was read from this format.
    """
    config: JsonObject = dict(own(c.extra).get("generationConfig", {})) if home else {}
    for key, name in _NUMBERS.items():
        if (value := getattr(c, name)) is not None:
            config[key] = value
    if c.stop:
        config["stopSequences"] = list(c.stops_for(NAME, MOST_STOPS))
    if not home and not c.logprobs:
        config.pop("logprobs", None)  # the API refuses it without `responseLogprobs`
    if c.logprobs is not None:
        config["responseLogprobs"] = c.logprobs
    if modalities := _modalities(c, home):
        config.setdefault("responseModalities", modalities)
    if c.output is not None:
        config.update(_write_output(c.output))
    if c.reasoning is not None and (thinking := _write_thinking(c.reasoning)):
        config["thinkingConfig"] = thinking
    return config


def _modalities(c: Conversation, home: bool) -> list[str]:
    words = c.modalities
    if not home:
        # Speech needs a model and a voice of Google's own, so other models answer in text.
        words = tuple(word for word in words if word in ("text", "image"))
        if words == ("text",):
            return []
    return [word.upper() for word in words]


def _read_output(config: JsonObject) -> Output | None:
    said = {
        key: config[key]
        for key in ("responseMimeType", "responseSchema", "responseJsonSchema")
        if key in config
    }
    if not said:
        return None
    mime = said.get("responseMimeType")
    if mime in (None, _JSON):
        if isinstance(schema := said.get("responseJsonSchema"), dict):
            return Output(kind="json_schema", schema=plain(schema), extra=owned(said))
        if isinstance(schema := said.get("responseSchema"), dict):
            return Output(kind="json_schema", schema=from_gemini(schema), extra=owned(said))
    if mime == _ENUM and isinstance(schema := said.get("responseSchema"), dict):
        return Output(kind="text", schema=from_gemini(schema), extra=owned(said))
    return Output(kind="json_object" if mime == _JSON else "text", extra=owned(said))


def _write_output(output: Output) -> JsonObject:
    if said := own(output.extra):
        return said
    if output.kind == "text":
        return {}
    if output.kind == "json_object" or output.schema is None:
        return {"responseMimeType": _JSON}
    return {"responseMimeType": _JSON, "responseJsonSchema": mend_refs(output.schema)}


def _read_thinking(config: JsonObject) -> Reasoning | None:
    thinking = config.get("thinkingConfig")
    if not isinstance(thinking, dict):
        return None
    budget = int_of(thinking.get("thinkingBudget"))
    level = text_of(thinking.get("thinkingLevel")).lower()
    shown = thinking.get("includeThoughts")
    enabled: bool | None = None
    if budget == 0:
        enabled = False
    elif budget is not None or level or shown is True:
        enabled = True
    return Reasoning(
        effort=level if level and "unspecified" not in level else None,
        budget=budget if budget and budget > 0 else None,
        enabled=enabled,
        adaptive=budget == -1,
        summary="auto" if shown is True else None,
        extra=owned({"thinkingConfig": thinking}),
    )


def _write_thinking(reasoning: Reasoning) -> JsonObject:
    said = own(reasoning.extra)
    if "thinkingConfig" in said:
        return said["thinkingConfig"]
    if reasoning.enabled is False or reasoning.effort == "none":
        return {"thinkingBudget": 0}
    thinking: JsonObject = {}
    if reasoning.budget is not None:
        thinking["thinkingBudget"] = reasoning.budget
    elif reasoning.effort is not None:
        if reasoning.effort in _LEVELS:
            thinking["thinkingLevel"] = _LEVELS[reasoning.effort]
    thinking["includeThoughts"] = reasoning.summary not in _HIDDEN
    return thinking

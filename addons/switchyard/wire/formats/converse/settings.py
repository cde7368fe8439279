"""Writes and reads what is asked besides the conversation: limits, sampling, thinking, shape.

Members that one family of models has are in `additionalModelRequestFields`, in the family's own
words. Sources: Bedrock's API reference, "InferenceConfiguration", "OutputConfig", "ServiceTier";
user guide, "Extended thinking"; Amazon Nova 2's guide, "Extended thinking"
(`reasoningConfig`; at the effort `high`, limit and sampling must not be set); Nova's, "Complete
request schema" (`inferenceConfig.topK`); OpenAI's models on Bedrock (`reasoning_effort`).
"""

from collections.abc import Sequence

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.encoding.members import int_of
from switchyard.wire.encoding.members import number_of
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.formats.anthropic.effort import fit
from switchyard.wire.formats.anthropic.schema import enforceable
from switchyard.wire.formats.converse.families import family_of
from switchyard.wire.formats.converse.families import reasons_by_effort
from switchyard.wire.formats.converse.usage import STOP_SEQUENCE
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Output
from switchyard.wire.model.conversation import Reasoning
from switchyard.wire.model.conversation import ToolChoice
from switchyard.wire.model.conversation import Turn
from switchyard.wire.shared.effort import level_of

_NOVA = {"minimal": "low", "low": "low", "medium": "medium"}
_GPT_OSS = {**_NOVA, "high": "high", "xhigh": "high", "max": "high"}
_TIERS = ("priority", "default", "flex", "reserved")


def write_settings(c: Conversation, choice: ToolChoice | None, turns: Sequence[Turn]) -> JsonObject:
    """Returns the members of a request with the settings of `c`.

    `choice` and `turns` are those that the request will contain.
    """
    family = family_of(c.model)
    body: JsonObject = {}
    if family == "claude":
        inference, fields = _claude(c, choice, turns, body)
    else:
        inference, fields = _sampling(c), {}
        if family == "nova":
            _nova(c, inference, fields)
        elif family == "gpt-oss" and (level := _GPT_OSS.get(_level(c.reasoning))):
            fields["reasoning_effort"] = level
    if stops := [stop for stop in c.stop if stop.strip()]:
        inference["stopSequences"] = stops
        if family == "claude":
            body["additionalModelResponseFieldPaths"] = [STOP_SEQUENCE]
    if inference:
        body["inferenceConfig"] = inference
    if fields:
        body["additionalModelRequestFields"] = fields
    if (schema := _schema(c.output, c.model)) is not None:
        body["outputConfig"] = {**body.get("outputConfig", {}), "textFormat": schema}
    if c.service_tier in _TIERS:
        body["serviceTier"] = {"type": c.service_tier}
    return body


def read_settings(body: JsonObject) -> JsonObject:
    """Returns the settings of a request, by their names in `Conversation`."""
    inference = object_of(body.get("inferenceConfig"))
    fields = object_of(body.get("additionalModelRequestFields"))
    stops = inference.get("stopSequences")
    top_k = fields.get("top_k", object_of(fields.get("inferenceConfig")).get("topK"))
    return {
        "max_tokens": int_of(inference.get("maxTokens")),
        "temperature": number_of(inference.get("temperature")),
        "top_p": number_of(inference.get("topP")),
        "top_k": int_of(top_k),
        "stop": tuple(filter(None, map(text_of, stops))) if isinstance(stops, list) else (),
        "reasoning": _read_reasoning(body, fields),
        "output": _read_output(body),
        "service_tier": text_of(object_of(body.get("serviceTier")).get("type")) or None,
    }


def is_instructed(output: Output, model: str) -> bool:
    """Whether an instruction in the prompt asks for the shape of the answer."""
    return output.kind != "text" and _schema(output, model) is None


def _sampling(c: Conversation) -> JsonObject:
    temperature = None if c.temperature is None else min(c.temperature, 1.0)
    said = {"maxTokens": c.max_tokens, "temperature": temperature, "topP": c.top_p}
    return {name: value for name, value in said.items() if value is not None}


def _claude(
    c: Conversation, choice: ToolChoice | None, turns: Sequence[Turn], body: JsonObject
) -> tuple[JsonObject, JsonObject]:
    fitted = fit(c, choice, turns)
    said = {
        "maxTokens": fitted.max_tokens,
        "temperature": fitted.temperature,
        "topP": fitted.top_p,
    }
    fields: JsonObject = {} if fitted.top_k is None else {"top_k": fitted.top_k}
    if (wish := fitted.reasoning) is not None:
        if wish.effort is not None:
            body["outputConfig"] = {"effort": wish.effort}
        if wish.adaptive:
            fields["thinking"] = {"type": "adaptive", "display": "summarized"}
        elif wish.budget is not None:
            fields["thinking"] = {"type": "enabled", "budget_tokens": wish.budget}
        elif wish.enabled is False:
            fields["thinking"] = {"type": "disabled"}
    return {name: value for name, value in said.items() if value is not None}, fields


def _nova(c: Conversation, inference: JsonObject, fields: JsonObject) -> None:
    level = _level(c.reasoning) if reasons_by_effort(c.model) else ""
    if c.top_k is not None:
        fields["inferenceConfig"] = {"topK": c.top_k}
    if level == "none":
        fields["reasoningConfig"] = {"type": "disabled"}
    elif level:
        effort = _NOVA.get(level, "high")
        fields["reasoningConfig"] = {"type": "enabled", "maxReasoningEffort": effort}
        if effort == "high":
            inference.clear()
            fields.pop("inferenceConfig", None)


def _level(wish: Reasoning | None) -> str:
    """Returns the level of effort that is asked for; empty where the model chooses."""
    if wish is None:
        return ""
    if wish.enabled is False or wish.effort == "none":
        return "none"
    if wish.effort:
        return wish.effort
    if wish.budget is not None and wish.budget >= 0:
        return level_of(wish.budget)
    return "medium" if wish.enabled or wish.adaptive else ""


def _schema(output: Output | None, model: str) -> JsonObject | None:
    if output is None or family_of(model) != "claude":
        return None
    schema = enforceable(output, model)
    if schema is None:
        return None
    definition: JsonObject = {"schema": dumps(schema).decode()}
    if output.name:
        definition["name"] = output.name
    if output.description:
        definition["description"] = output.description
    return {"type": "json_schema", "structure": {"jsonSchema": definition}}


def _read_reasoning(body: JsonObject, fields: JsonObject) -> Reasoning | None:
    thinking = object_of(fields.get("thinking")) or object_of(fields.get("reasoningConfig"))
    effort = (
        text_of(object_of(body.get("outputConfig")).get("effort"))
        or text_of(thinking.get("maxReasoningEffort"))
        or text_of(fields.get("reasoning_effort"))
    )
    if not thinking and not effort:
        return None
    kind = thinking.get("type")
    return Reasoning(
        effort=effort or None,
        budget=int_of(thinking.get("budget_tokens")),
        enabled={"enabled": True, "disabled": False}.get(text_of(kind)),
        adaptive=kind == "adaptive",
        summary=text_of(thinking.get("display")) or None,
    )


def _read_output(body: JsonObject) -> Output | None:
    wish = object_of(object_of(body.get("outputConfig")).get("textFormat"))
    definition = object_of(object_of(wish.get("structure")).get("jsonSchema"))
    if not definition:
        return None
    return Output(
        kind="json_schema",
        name=text_of(definition.get("name")) or None,
        description=text_of(definition.get("description")) or None,
        schema=loads_object(text_of(definition.get("schema")).encode()),
    )

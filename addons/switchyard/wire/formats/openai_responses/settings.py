"""Reads and writes the settings of output (`text`) and `reasoning`.

API reference, "Responses"; `text` holds format and verbosity; `configuration_update` is an item
that changes both settings from its place on.
"""

from typing import Any

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.openai_responses.names import rest
from switchyard.wire.formats.openai_responses.names import text_of
from switchyard.wire.model.conversation import Output
from switchyard.wire.model.conversation import Reasoning
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.shared.effort import LEVELS

_FORMAT = frozenset({"type", "name", "description", "schema", "strict"})
_REASONING = frozenset({"effort", "summary"})

_LEVELS = (
    (512, "minimal"),
    (4096, "low"),
    (16384, "medium"),
)
"""Efforts by the largest budget in tokens that they stand for; larger ones mean `high`."""

_HIDDEN = ("omitted", "none", "off")
"""Values of other formats for thinking that the client does not want to see."""


def read_output(value: Any) -> Output | None:
    """Reads `text.format`. Raises BadRequest."""
    if not isinstance(value, dict):
        return None
    kind = value.get("type")
    if kind not in ("text", "json_object", "json_schema"):
        return Output(kind="text", extra={"raw": value})
    schema = value.get("schema")
    if kind == "json_schema" and not isinstance(schema, dict):
        raise BadRequest("text.format.schema must be a JSON schema", "text.format.schema")
    return Output(
        kind=kind,
        name=value.get("name"),
        description=value.get("description"),
        schema=schema,
        strict=value.get("strict"),
        extra=rest(value, _FORMAT),
    )


def write_output(output: Output, is_own: bool) -> JsonObject:
    """Returns `text.format`."""
    if is_own and "raw" in output.extra:
        return output.extra["raw"]
    written: JsonObject = {"type": output.kind}
    if output.kind == "json_schema":
        name = output.name if is_own else output.name or "answer"
        members = {
            "name": name,
            "description": output.description,
            "schema": output.schema,
            "strict": output.strict,
        }
        written |= {k: v for k, v in members.items() if v is not None}
    return written | output.extra if is_own else written


def read_reasoning(value: Any) -> Reasoning | None:
    """Reads `reasoning`."""
    if not isinstance(value, dict):
        return None
    effort = text_of(value.get("effort")) or None
    return Reasoning(
        effort=effort,
        enabled=False if effort == "none" else None,
        summary=text_of(value.get("summary")) or text_of(value.get("generate_summary")) or None,
        extra=rest(value, _REASONING),
    )


def write_reasoning(reasoning: Reasoning, is_own: bool) -> JsonObject:
    """Returns `reasoning`; empty if nothing is requested."""
    if is_own:
        written = {"effort": reasoning.effort}
        if "generate_summary" not in reasoning.extra or "summary" in reasoning.extra:
            written["summary"] = reasoning.summary
        return {k: v for k, v in written.items() if v is not None} | reasoning.extra
    written = {}
    if effort := _effort(reasoning):
        written["effort"] = effort
    if _shown(reasoning):
        words = reasoning.summary
        written["summary"] = words if words in ("concise", "detailed") else "auto"
    return written


def updated(
    output: Output | None, reasoning: Reasoning | None, item: JsonObject
) -> tuple[Output | None, Reasoning | None]:
    """Returns the settings after a `configuration_update` item."""
    text = item.get("text")
    if isinstance(text, dict) and "format" in text:
        output = read_output(text["format"])
    update = item.get("reasoning")
    if isinstance(update, dict) and isinstance(effort := update.get("effort"), str):
        enabled = False if effort == "none" else None
        reasoning = altered(reasoning or Reasoning(), effort=effort, enabled=enabled)
    return output, reasoning


def _effort(reasoning: Reasoning) -> str | None:
    """Returns the effort to request; None leaves it to the model.

    Thinking that is switched off without an effort is left to the model's default, since several
    models refuse `none`.
    """
    if reasoning.effort or reasoning.budget is None:
        # Some providers have further values of their own (Groq: `default`).
        return reasoning.effort if reasoning.effort in LEVELS else None
    if reasoning.budget <= 0:
        return None
    return next((level for most, level in _LEVELS if reasoning.budget <= most), "high")


def _shown(reasoning: Reasoning) -> bool:
    """Whether the client of another format expects to see the thinking."""
    if reasoning.enabled is False or reasoning.summary in _HIDDEN:
        return False
    asked = reasoning.enabled or reasoning.adaptive or (reasoning.budget or 0) > 0
    return bool(reasoning.summary or asked)

"""Prints the parts of messages: text, thinking, tool calls, results, media."""

from collections.abc import Mapping

from switchyard.transcript.layout import indented
from switchyard.transcript.layout import one_line
from switchyard.transcript.layout import pretty
from switchyard.transcript.layout import pretty_text
from switchyard.transcript.layout import size
from switchyard.wire.model.conversation import Citation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.shared.call_ids import is_made_up

_LONGEST_NAME = 200
_LONGEST_OPAQUE = 4000


def part_text(part: Part, calls: Mapping[str, str]) -> str:
    """Print one part. `calls` maps ids of calls to names of tools."""
    text = _body(part, calls)
    if getattr(part, "cache", None):
        text += "\n[the prompt is cached up to here]"
    return text


def _body(part: Part, calls: Mapping[str, str]) -> str:
    match part:
        case Text():
            return part.text + "".join(f"\n[source: {_source(c)}]" for c in part.citations)
        case Thinking():
            return _thinking(part)
        case ToolCall():
            name = f"{part.namespace}.{part.name}" if part.namespace else part.name
            head = f"▸ calls {name}  {_id(part.id)}".rstrip()
            return f"{head}\n{indented(pretty_text(part.arguments))}".rstrip()
        case ToolResult():
            return _result(part, calls)
        case Media():
            return media_line(part)
        case Refusal():
            return f"▸ refuses\n{indented(part.text)}"
        case Opaque():
            told = pretty(part.raw)
            return f"▸ {part.kind} (only {part.format} has it)\n{indented(_cut(told))}"


def _id(call: str) -> str:
    """A call's id; readers make one up where the format has none."""
    return "" if is_made_up(call) else call


def _thinking(part: Thinking) -> str:
    if part.text:
        head = "▸ thinks, in a summary" if part.summary else "▸ thinks"
        return f"{head}\n{indented(part.text)}"
    sealed = part.redacted or part.signature or ""
    return f"▸ thinks, sealed ({size(len(sealed))})" if sealed else "▸ thinks, nothing shown"


def _result(part: ToolResult, calls: Mapping[str, str]) -> str:
    name = part.name or calls.get(part.call_id, "")
    failed = ", an error" if part.is_error else ""
    head = f"◂ result{f' of {name}' if name else ''}{failed}  {_id(part.call_id)}".rstrip()
    inner = (
        pretty_text(one.text) if isinstance(one, Text) else part_text(one, calls)
        for one in part.parts
    )
    told = "\n".join(inner)
    return f"{head}\n{indented(told or '(nothing)')}"


def media_line(part: Media) -> str:
    """An image or document as its type and size."""
    facts = [part.media_type or ""]
    if part.data is not None:
        facts.append(size(len(part.data) * 3 // 4 - part.data[-2:].count("=")))
    elif part.text is not None:
        facts.append(size(len(part.text)))
    if part.name:
        facts.append(one_line(part.name, _LONGEST_NAME))
    if part.url and not part.url.startswith("data:"):
        facts.append(one_line(part.url, _LONGEST_NAME))
    if part.file_id:
        facts.append(f"file {part.file_id}")
    line = f"[{part.kind}: {', '.join(fact for fact in facts if fact)}]"
    words = part.transcript or part.text
    return f"{line}\n{indented(words)}" if words else line


def _source(citation: Citation) -> str:
    return citation.url or citation.title or one_line(citation.cited_text or "", _LONGEST_NAME)


def _cut(text: str) -> str:
    if len(text) <= _LONGEST_OPAQUE:
        return text
    return f"{text[:_LONGEST_OPAQUE]}\n… ({len(text) - _LONGEST_OPAQUE:,} more characters)"

"""Reads and writes thinking, in the dialects of Chat Completions.

OpenAI's own API has none. DeepSeek introduced `reasoning_content`, which most others adopted;
OpenRouter, Groq and vLLM use `reasoning`; OpenRouter adds `reasoning_details` (its guide "Reasoning
Tokens"), whose entries also hold signatures and encrypted blobs and must return unchanged; GitHub
Copilot has words in `reasoning_text` and their proof in `reasoning_opaque`, which return together.
The same words often stand in two of these at once.
"""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.openai_chat.names import NAME
from switchyard.wire.formats.openai_chat.names import OPAQUE
from switchyard.wire.formats.openai_chat.names import REASONING_NAMES
from switchyard.wire.formats.openai_chat.names import own as extra_of
from switchyard.wire.formats.openai_chat.names import text_of
from switchyard.wire.formats.openai_chat.tools import signature_content
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.shared.readable import COPILOT
from switchyard.wire.shared.readable import GOOGLE

_FORMAT_OF_SIGNER = {
    "anthropic": "anthropic-claude-v1",
    "openai-responses": "openai-responses-v1",
    "gemini": "google-gemini-v1",
    "converse": "bedrock-converse-v1",
}
"""The last word is the router's own; OpenRouter, which has the others, shows no such proofs."""
_SIGNER_OF_FORMAT = {name: signer for signer, name in _FORMAT_OF_SIGNER.items()}


_UNKNOWN = "unknown"
"""OpenRouter's `format` of an entry of unknown origin."""

PROVING = frozenset(_FORMAT_OF_SIGNER)
"""Formats whose thinking has a proof.

Its words also stand in `reasoning_details`, which the proof must return with.
"""


def signer_of(entry: JsonObject) -> str:
    """Returns the format that can read the proof in an entry of `reasoning_details`."""
    return _SIGNER_OF_FORMAT.get(text_of(entry.get("format")), NAME)


def dialect_of(entry: JsonObject) -> str:
    """Returns the `format` that an entry of `reasoning_details` must return with."""
    return text_of(entry.get("format")) or _UNKNOWN


def in_dialect(part: Thinking) -> Thinking:
    """Returns a reply's thinking so that its proof returns as the entry that held it."""
    details = extra_of(part.extra).get("details")
    if not details or not (part.signature or part.redacted):
        return part
    return altered(part, dialect=dialect_of(details[-1]))


def signed_message(signature: str) -> Thinking:
    """Returns Google's proof of a message without calls."""
    return Thinking(signature=signature, signer="gemini", dialect=GOOGLE)


def opaque_message(proof: str) -> Thinking:
    """Returns Copilot's proof of a message, apart from the words."""
    return Thinking(signature=proof, signer=NAME, dialect=COPILOT)


def dialect_of_names(names: Sequence[str]) -> str | None:
    """Returns the dialect whose members for thinking are of these names; None for any other."""
    return COPILOT if tuple(names) == REASONING_NAMES[2:] else None


def words_of(entry: JsonObject) -> str:
    """Returns the readable text of an entry of `reasoning_details`."""
    return text_of(entry.get("text")) or text_of(entry.get("summary"))


def read_reasoning(message: JsonObject) -> tuple[list[Thinking], JsonObject]:
    """Returns the thinking of a whole message, and the members left unused."""
    plain = {name: text for name in REASONING_NAMES if (text := text_of(message.get(name)))}
    details = message.get("reasoning_details")
    parts = _read_details(details) if isinstance(details, list) else []
    used = set(plain)
    if parts:
        used.add("reasoning_details")
    if plain:
        words = next(iter(plain.values()))
        if any(part.text for part in parts):
            parts = _fill_gaps(parts, words)
        else:
            parts = _give_words(parts, words)
        said = "".join(part.text for part in parts)
        used -= {name for name, text in plain.items() if text != said}
        names = [name for name in plain if name in used]
        if names:
            parts[0] = altered(parts[0], form="+".join([*names, parts[0].form]).strip("+"))
    if proof := text_of(message.get(OPAQUE)):
        parts = _with_opaque(parts, proof)
        used.add(OPAQUE)
    left = {
        name: message[name]
        for name in (*REASONING_NAMES, "reasoning_details", OPAQUE)
        if name in message and name not in used
    }
    return parts, left


def write_reasoning(parts: Iterable[Thinking], own: bool) -> JsonObject:
    """Returns the members for `parts`; `own` if they were read from this format."""
    parts = list(parts)
    if not parts:
        return {}
    members: JsonObject = {}
    words = "".join(part.text for part in parts)
    if words:
        members = dict.fromkeys(names_of(parts[0], own), words)
    details: list[JsonObject] = []
    for part in parts:
        details += detail_entries(part, len(details), own)
    if details:
        members["reasoning_details"] = details
    # A stream may have brought it in several parts.
    if proof := "".join(part.signature or "" for part in parts if part.dialect == COPILOT):
        members[OPAQUE] = proof
    return members


def write_proofs(parts: Iterable[Thinking]) -> JsonObject:
    """Returns the members that restore this format's proofs from another's history."""
    parts = list(parts)
    written = write_reasoning((part for part in parts if part.dialect != GOOGLE), own=False)
    for part in parts:
        if part.dialect == GOOGLE and part.signature:
            written["extra_content"] = signature_content(part.signature)
    return written


def names_of(part: Thinking, own: bool = True) -> list[str]:
    """Returns the names of the members that hold a thinking part's text."""
    if own:
        said = part.form.split("+")
        if names := [name for name in REASONING_NAMES if name in said]:
            return names
        if "details" in said:
            return []
    return [REASONING_NAMES[2 if part.dialect == COPILOT else 0]]


def detail_entries(part: Thinking, index: int, own: bool = True) -> list[JsonObject]:
    """Returns the `reasoning_details` entries of a part, numbered from `index`.

    The list is empty if nothing of the part must return. Every entry has an index of its own, since
    the official SDK concatenates entries that share one.
    """
    if part.dialect == GOOGLE:
        return []
    ours = extra_of(part.extra)
    if own and "details" in ours:
        return ours["details"]
    if part.dialect == COPILOT:
        return []
    name = part.dialect or ours.get("format") or _FORMAT_OF_SIGNER.get(part.signer or "", _UNKNOWN)
    common: JsonObject = {"format": name}
    if part.id:
        common["id"] = part.id
    entries: list[JsonObject] = []
    if part.signature:
        words = {"text": part.text} if part.text else {}
        signed = {"signature": part.signature, **common}
        entries.append({"type": "reasoning.text", **words, **signed})
    elif part.redacted and part.text:
        entries.append({"type": "reasoning.summary", "summary": part.text, **common})
    if part.redacted:
        entries.append({"type": "reasoning.encrypted", "data": part.redacted, **common})
    for number, entry in enumerate(entries, index):
        entry["index"] = number
    return entries


def piece_names(part: Thinking) -> tuple[str, str]:
    """Returns the entry type for the text of a streamed part, and its member's name."""
    details = extra_of(part.extra).get("details") or [EMPTY]
    if details[0].get("type") == "reasoning.summary" or (part.redacted and part.text):
        return "reasoning.summary", "summary"
    return "reasoning.text", "text"


def _read_details(details: list[Any]) -> list[Thinking]:
    parts: list[Thinking] = []
    for entry in _joined(details):
        signer = signer_of(entry)
        signature = text_of(entry.get("signature")) or None
        data = text_of(entry.get("data")) or None
        last = parts[-1] if parts else None
        if data and last and last.summary and not last.redacted and signer == "openai-responses":
            # OpenRouter splits a reasoning item of the Responses API into its summary and its blob.
            both = {NAME: {"details": [*extra_of(last.extra)["details"], entry]}}
            parts[-1] = altered(
                last, redacted=data, signer=signer, id=text_of(entry.get("id")) or None, extra=both
            )
            continue
        parts.append(
            Thinking(
                text=words_of(entry),
                signature=signature,
                redacted=data,
                signer=signer if signature or data else None,
                id=text_of(entry.get("id")) or None,
                summary=entry.get("type") == "reasoning.summary",
                extra={NAME: {"details": [entry]}},
                form="details",
            )
        )
    return parts


def _with_opaque(parts: list[Thinking], proof: str) -> list[Thinking]:
    """Adds Copilot's proof to the last thinking, or as thinking of its own where that has one."""
    if not parts or parts[-1].signature or parts[-1].redacted:
        return [*parts, opaque_message(proof)]
    return [*parts[:-1], altered(parts[-1], signature=proof, signer=NAME, dialect=COPILOT)]


def _joined(details: list[Any]) -> Iterator[JsonObject]:
    """Yields the entries, with those of the same index concatenated.

    A client may have collected the pieces of a stream without concatenating them.
    """
    last: JsonObject | None = None
    for entry in details:
        if not isinstance(entry, dict):
            continue
        if last is not None and _continues(last, entry):
            last = dict(last)
            for key, value in entry.items():
                if key in ("text", "summary"):
                    last[key] = text_of(last.get(key)) + text_of(value)
                elif value is not None:
                    last[key] = value
            continue
        if last is not None:
            yield last
        last = entry
    if last is not None:
        yield last


def _continues(last: JsonObject, entry: JsonObject) -> bool:
    return (
        entry.get("type") == last.get("type")
        and entry.get("type") in ("reasoning.text", "reasoning.summary")
        and entry.get("index") == last.get("index")
        and not last.get("signature")
    )


def _fill_gaps(parts: list[Thinking], words: str) -> list[Thinking]:
    """Adds parts for the text in `words` that no entry holds.

    Thinking without a proof has no entry of its own. Returns the parts unchanged if their text does
    not match `words`.
    """
    filled: list[Thinking] = []
    at = 0
    for part in parts:
        found = words.find(part.text, at)
        if found < 0:
            return parts
        if part.text and found > at:
            filled.append(Thinking(text=words[at:found]))
        at = found + len(part.text) if part.text else at
        filled.append(part)
    return [*filled, Thinking(text=words[at:])] if at < len(words) else filled


def _give_words(parts: list[Thinking], words: str) -> list[Thinking]:
    """Moves text that arrived apart from its proof into the proof's part."""
    if parts and (parts[0].signature or parts[0].signer == "openai-responses"):
        first = altered(parts[0], text=words, summary=parts[0].signature is None)
        return [first, *parts[1:]]
    return [Thinking(text=words), *parts]

"""Carries log probabilities between formats.

They travel as the member `logprobs` of an `Extra` (and so of `Choice.extra`) that comes before
the text they belong to: a list with an object a token, as Chat Completions has it (OpenAI's
reference, `choices[].logprobs.content`): `token`, `logprob`, `bytes` and `top_logprobs`. A format's
own responses keep theirs beside that, unchanged.
"""

from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import text_of

MEMBER = "logprobs"


def tokens_in(extra: JsonObject) -> list[JsonObject]:
    """Return the tokens in a choice's `extra`, or in an `Extra`'s fields; often none."""
    return extra.get(MEMBER) or []


def extra_of(tokens: list[JsonObject]) -> JsonObject:
    """What to add to a choice's `extra` for these tokens."""
    return {MEMBER: tokens} if tokens else {}


def read_tokens(raw: Any) -> list[JsonObject]:
    """A list as OpenAI's APIs and Ollama write it."""
    return [
        _entry(one, [_entry(other) for other in _named(one.get("top_logprobs"))])
        for one in _named(raw)
    ]


def read_gemini(result: Any) -> list[JsonObject]:
    """A `logprobsResult` (Gemini API, `LogprobsResult`)."""
    said = object_of(result)
    chosen = objects_of(said.get("chosenCandidates"))
    tops = [objects_of(top.get("candidates")) for top in objects_of(said.get("topCandidates"))]
    tops += [[]] * (len(chosen) - len(tops))
    return [
        _token(one, [_token(other) for other in top])
        for one, top in zip(chosen, tops, strict=False)
    ]


def write_gemini(tokens: list[JsonObject]) -> JsonObject:
    """A `logprobsResult`."""
    return {
        "topCandidates": [
            {"candidates": [_candidate(other) for other in one["top_logprobs"]]} for one in tokens
        ],
        "chosenCandidates": [_candidate(one) for one in tokens],
    }


def with_bytes(tokens: list[JsonObject]) -> list[JsonObject]:
    """Return the tokens with their UTF-8 bytes, which the Responses API requires."""
    return [
        {**_known(one), "top_logprobs": [_known(other) for other in one["top_logprobs"]]}
        for one in tokens
    ]


def _known(entry: JsonObject) -> JsonObject:
    if entry["bytes"] is not None:
        return entry
    return {**entry, "bytes": list(entry["token"].encode("utf-8", "replace"))}


def _named(raw: Any) -> list[JsonObject]:
    return [one for one in objects_of(raw) if isinstance(one.get("token"), str)]


def _entry(raw: JsonObject, top: list[JsonObject] | None = None) -> JsonObject:
    entry = {"token": raw.get("token"), "logprob": raw.get("logprob"), "bytes": raw.get("bytes")}
    return entry if top is None else {**entry, "top_logprobs": top}


def _token(raw: JsonObject, top: list[JsonObject] | None = None) -> JsonObject:
    said = {"token": text_of(raw.get("token")), "logprob": raw.get("logProbability") or 0.0}
    return _entry(said, top)


def _candidate(entry: JsonObject) -> JsonObject:
    return {"token": entry["token"], "logProbability": entry["logprob"]}

"""Reads requests of the legacy Completions API."""

from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import object_of
from switchyard.wire.formats.openai_completions.names import NAME
from switchyard.wire.formats.openai_completions.names import PLAIN
from switchyard.wire.formats.openai_completions.names import owned
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Turn
from switchyard.wire.model.errors import BadRequest


def read_request(body: JsonObject) -> Conversation:
    """Returns the conversation that a request body means, its prompt as a user turn.

    Of several prompts it reads the first that is not empty, since no other format answers several
    at once. Raises BadRequest, also for a prompt of token ids, which only a provider of this format
    with the same tokenizer can read.
    """
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise BadRequest("model is missing: set it to a model's name", "model")
    prompts, form = _prompts(body.get("prompt"))
    prompt = next((text for text in prompts if text), "")
    used = {"model"} if form == "none" else {"model", "prompt"}
    values: dict[str, Any] = {}
    for member, (field, kind) in PLAIN.items():
        value = body.get(member)
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            values[field] = value
            used.add(member)
    stop, words = _read_stop(body)
    if stop:
        used.add("stop")
        values["stop"] = stop
    usage = object_of(body.get("stream_options")).get("include_usage")
    left = {key: value for key, value in body.items() if key not in used}
    if form == "several":
        left["prompts"] = prompts
    return Conversation(
        format=NAME,
        model=model,
        turns=(Turn(role="user", parts=(Text(text=prompt),)),),
        include_usage=usage if isinstance(usage, bool) else None,
        extra=owned(left),
        form=f"{form} {words}".strip(),
        **values,
    )


def _prompts(given: Any) -> tuple[list[str], str]:
    """Returns the prompts and their form: `text`, `list` (one), `several` or `none`."""
    if given is None:  # the API's default is the end-of-text token: a new document
        return [], "none"
    if isinstance(given, str):
        return [given], "text"
    if isinstance(given, list) and given and all(isinstance(one, str) for one in given):
        return given, "list" if len(given) == 1 else "several"
    if isinstance(given, list) and given:
        raise BadRequest(
            "this model's provider takes text prompts only: "
            "send 'prompt' as a string, not as tokens",
            "prompt",
        )
    raise BadRequest("prompt must be a string or a list of strings", "prompt")


def _read_stop(body: JsonObject) -> tuple[tuple[str, ...], str]:
    stop = body.get("stop")
    if isinstance(stop, str) and stop:
        return (stop,), "one-stop"
    if isinstance(stop, list) and stop and all(isinstance(one, str) for one in stop):
        return tuple(stop), ""
    return (), ""

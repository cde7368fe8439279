"""Reads requests of Chat Completions."""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.openai_chat.messages import read_messages
from switchyard.wire.formats.openai_chat.names import NAME
from switchyard.wire.formats.openai_chat.names import is_number
from switchyard.wire.formats.openai_chat.settings import FLAGS
from switchyard.wire.formats.openai_chat.settings import INTEGERS
from switchyard.wire.formats.openai_chat.settings import NUMBERS
from switchyard.wire.formats.openai_chat.settings import PLAIN
from switchyard.wire.formats.openai_chat.settings import TEXTS
from switchyard.wire.formats.openai_chat.tools import LEGACY
from switchyard.wire.formats.openai_chat.tools import read_choice
from switchyard.wire.formats.openai_chat.tools import read_tools
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Output
from switchyard.wire.model.conversation import Reasoning
from switchyard.wire.model.errors import BadRequest


def read_request(body: JsonObject) -> Conversation:
    """Returns the conversation that a request body means. Raises BadRequest."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise BadRequest("model is missing: set it to a model's name", "model")
    if "messages" not in body:
        raise BadRequest("messages is missing", "messages")
    used = {"model", "messages", *(name for name in ("tools", "functions") if body.get(name))}
    values = _read_plain(body, used)
    max_tokens, form = _read_limit(body, used)
    choice = read_choice(body)
    if choice is not None:
        used.add(LEGACY if choice.form == LEGACY else "tool_choice")
    return Conversation(
        format=NAME,
        model=model,
        turns=read_messages(body["messages"]),
        tools=read_tools(body),
        tool_choice=choice,
        max_tokens=max_tokens,
        stop=_read_stop(body, used),
        output=_read_output(body, used),
        reasoning=_read_reasoning(body),
        modalities=_read_modalities(body, used),
        include_usage=_include_usage(body),
        extra={k: v for k, v in body.items() if k not in used or v is None},
        form=form,
        **values,
    )


def _read_plain(body: JsonObject, used: set[str]) -> JsonObject:
    """Returns the fields of `Conversation` that members of one plain type state.

    A member of another type stays in `extra`, and the provider decides about it.
    """
    values: JsonObject = {}
    for member, field in PLAIN.items():
        value = body.get(member)
        if value is None:
            continue
        if member in NUMBERS:
            fits = is_number(value)
        elif member in INTEGERS:
            fits = isinstance(value, int) and not isinstance(value, bool)
        else:
            fits = isinstance(value, bool if member in FLAGS else str if member in TEXTS else dict)
        if fits:
            values[field] = value
            used.add(member)
    return values


def _read_limit(body: JsonObject, used: set[str]) -> tuple[int | None, str]:
    """Returns the limit of output tokens, and the form in which limit and stop stood."""
    words: list[str] = []
    limit = None
    for member in ("max_completion_tokens", "max_tokens"):
        value = body.get(member)
        if limit is None and isinstance(value, int) and not isinstance(value, bool):
            limit = value
            words.append(member)
            used.add(member)
    if isinstance(body.get("stop"), str):
        words.append("stop:string")
    return limit, " ".join(words)


def _read_stop(body: JsonObject, used: set[str]) -> tuple[str, ...]:
    stop = body.get("stop")
    if isinstance(stop, str) and stop:
        used.add("stop")
        return (stop,)
    if isinstance(stop, list) and stop and all(isinstance(s, str) for s in stop):
        used.add("stop")
        return tuple(stop)
    return ()


def _read_modalities(body: JsonObject, used: set[str]) -> tuple[str, ...]:
    given = body.get("modalities")
    if not isinstance(given, list) or not given or not all(isinstance(m, str) for m in given):
        return ()
    used.add("modalities")
    return tuple(given)


def _read_output(body: JsonObject, used: set[str]) -> Output | None:
    """Reads `response_format`.

    It also stays in `extra`, so that its own format writes it back unchanged.
    """
    given = body.get("response_format")
    if not isinstance(given, dict):
        return None
    kind = given.get("type")
    if kind in ("text", "json_object"):
        schema = given.get("schema")  # Together, Fireworks: a schema beside json_object
        if kind == "json_object" and isinstance(schema, dict):
            return Output(kind="json_schema", schema=schema)
        return Output(kind=kind)
    inner = given.get("json_schema")
    if not isinstance(inner, dict) and isinstance(given.get("schema"), dict):
        inner = given  # some clients write it flat, as the Responses API does
    if kind != "json_schema" or not isinstance(inner, dict):
        return None
    schema = inner.get("schema")
    return Output(
        kind="json_schema",
        name=inner.get("name"),
        description=inner.get("description"),
        schema=schema if isinstance(schema, dict) else None,
        strict=inner.get("strict"),
    )


def _read_reasoning(body: JsonObject) -> Reasoning | None:
    """Reads the members that configure reasoning.

    These are `reasoning_effort` (OpenAI), `reasoning` (OpenRouter) and `thinking` (DeepSeek, Z.ai,
    Anthropic's compatible endpoint). All also stay in `extra`, to be written back unchanged.
    """
    values: JsonObject = {}
    effort = body.get("reasoning_effort")
    if isinstance(given := body.get("reasoning"), dict):
        effort = given.get("effort") or effort
        if isinstance(budget := given.get("max_tokens"), int) and not isinstance(budget, bool):
            values["budget"] = budget
        if isinstance(given.get("enabled"), bool):
            values["enabled"] = given["enabled"]
    if isinstance(given := body.get("thinking"), dict):
        match given.get("type"):
            case "enabled":
                values.setdefault("enabled", True)
            case "disabled":
                values.setdefault("enabled", False)
            case "adaptive":
                values["adaptive"] = True
        if isinstance(budget := given.get("budget_tokens"), int) and not isinstance(budget, bool):
            values.setdefault("budget", budget)
    if isinstance(effort, str) and effort:
        values["effort"] = effort
        if effort == "none":
            values.setdefault("enabled", False)
    return Reasoning(**values) if values else None


def _include_usage(body: JsonObject) -> bool | None:
    options = body.get("stream_options")
    value = options.get("include_usage") if isinstance(options, dict) else None
    return value if isinstance(value, bool) else None

"""A request body, read and written. OpenAI's reference, "Create chat completion"; the dialects'
members are named where they are met."""

from addons.wire.conversation import Conversation
from addons.wire.conversation import Output
from addons.wire.conversation import Reasoning
from addons.wire.effort import level_of
from addons.wire.effort import nearest_level
from addons.wire.errors import BadRequest
from addons.wire.jsonio import JsonObject
from addons.wire.names import Names
from addons.wire.openai_chat.messages import read_messages
from addons.wire.openai_chat.names import NAME
from addons.wire.openai_chat.names import is_number
from addons.wire.openai_chat.tools import LEGACY
from addons.wire.openai_chat.tools import read_choice
from addons.wire.openai_chat.tools import read_tools
from addons.wire.openai_chat.tools import write_choice
from addons.wire.openai_chat.tools import write_foreign_choice
from addons.wire.openai_chat.tools import write_foreign_tool
from addons.wire.openai_chat.tools import write_tool
from addons.wire.openai_chat.writing import write_messages

_NUMBERS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}
_INTEGERS = {
    "top_k": "top_k",
    "seed": "seed",
    "top_logprobs": "top_logprobs",
    "n": "candidates",
}
_FLAGS = {
    "parallel_tool_calls": "parallel_tools",
    "logprobs": "logprobs",
    "store": "store",
    "stream": "stream",
}
_TEXTS = {
    "verbosity": "verbosity",
    "user": "user",
    "prompt_cache_key": "cache_key",
    "service_tier": "service_tier",
}
_OBJECTS = {
    "logit_bias": "logit_bias",
    "metadata": "metadata",
    "audio": "audio",
    "prediction": "prediction",
    "web_search_options": "web_search",
}
_PLAIN = _NUMBERS | _INTEGERS | _FLAGS | _TEXTS | _OBJECTS
"""Members that mean the same as a field of `Conversation`, by name."""

_NOT_SHARED = ("top_k", "prompt_cache_key", "service_tier", "store", "metadata", "user", "stream")
"""Members that a translated request says under conditions, or not at all (`losses.CANNOT_SAY`)."""

_SHARED = {member: field for member, field in _PLAIN.items() if member not in _NOT_SHARED}

_TIERS = ("default", "flex", "priority", "scale")
_MAX_USER = 64
"""Characters of a `user` that are taken; session ids of other formats' clients are longer."""

_LEVELS = ("low", "medium", "high")
"""The levels that every model with levels takes, for a wish that was said in tokens."""


def read_request(body: JsonObject) -> Conversation:
    """Raises BadRequest."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise BadRequest("model is missing: say which model shall answer", "model")
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


def write_request(conversation: Conversation) -> JsonObject:
    """A request body.

    One that is translated and will stream asks for `stream_options.include_usage`, so that no
    usage goes uncounted, whatever the client wants to see of it.
    """
    c = conversation
    own = c.format == NAME
    names = Names(() if own else c.tools)
    body: JsonObject = {"model": c.model, "messages": write_messages(c, names)}
    for member, field in (_PLAIN if own else _SHARED).items():
        if (value := getattr(c, field)) is not None:
            body[member] = value
    if c.max_tokens is not None:
        body[limit_name(c)] = c.max_tokens
    if c.stop:
        body["stop"] = c.stop[0] if "stop:string" in c.form.split() else list(c.stops_for(NAME))
    if own:
        if c.modalities:
            body["modalities"] = list(c.modalities)
        _write_tools(c, body)
        return body | c.extra
    _write_foreign_tools(c, body, names)
    _write_settings(c, body)
    return body


def _write_settings(c: Conversation, body: JsonObject) -> None:
    """What of another format's settings needs other words here."""
    if not c.logprobs:
        body.pop("top_logprobs", None)  # refused without the other
    # Speech is refused where no voice is named.
    modalities = [word for word in c.modalities if word != "audio" or c.audio]
    if modalities and modalities != ["text"]:
        body["modalities"] = modalities
    if c.output is not None:
        body["response_format"] = _write_output(c.output)
    if c.reasoning is not None and (effort := effort_of(c.reasoning)):
        body["reasoning_effort"] = effort
    if c.service_tier in _TIERS:
        body["service_tier"] = c.service_tier
    if c.store:
        # OpenAI takes metadata only for completions it is to keep.
        body |= {"store": True} | ({"metadata": c.metadata} if c.metadata else {})
    if c.user and len(c.user) <= _MAX_USER:
        body["user"] = c.user
    if c.stream is not None:
        body["stream"] = c.stream
    if c.stream:
        body["stream_options"] = {"include_usage": True}


def limit_name(conversation: Conversation) -> str:
    """Under which name the limit of output tokens is said.

    OpenAI's reasoning models refuse `max_tokens`; most other providers know nothing else. A
    request that asks for reasoning gets the new name, any other the old one, unless it was read
    with one of them.
    """
    words = conversation.form.split()
    if "max_completion_tokens" in words:
        return "max_completion_tokens"
    if "max_tokens" in words:
        return "max_tokens"
    asks = conversation.reasoning is not None and effort_of(conversation.reasoning)
    return "max_completion_tokens" if asks else "max_tokens"


def effort_of(reasoning: Reasoning) -> str | None:
    """The `reasoning_effort` that says `reasoning`; None to leave it to the model."""
    if reasoning.effort:
        return "xhigh" if reasoning.effort == "max" else reasoning.effort
    if reasoning.enabled is False or not reasoning.budget or reasoning.budget < 0:
        return None
    return nearest_level(level_of(reasoning.budget), _LEVELS)


def _read_plain(body: JsonObject, used: set[str]) -> JsonObject:
    """The fields of `Conversation` said by members of one plain type. What is of another type
    stays in `extra`, for the provider to judge."""
    values: JsonObject = {}
    for member, field in _PLAIN.items():
        value = body.get(member)
        if value is None:
            continue
        if member in _NUMBERS:
            fits = is_number(value)
        elif member in _INTEGERS:
            fits = isinstance(value, int) and not isinstance(value, bool)
        else:
            fits = isinstance(
                value, bool if member in _FLAGS else str if member in _TEXTS else dict
            )
        if fits:
            values[field] = value
            used.add(member)
    return values


def _read_limit(body: JsonObject, used: set[str]) -> tuple[int | None, str]:
    """The limit of output tokens, and the form that says how limit and stop were spelled."""
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
    """`response_format`. It stays in `extra` too: its own format writes it back as it was."""
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
        inner = given  # some write it flat, as the Responses API does
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


def _write_output(output: Output) -> JsonObject:
    if output.kind != "json_schema":
        return {"type": output.kind}
    schema: JsonObject = {"name": output.name or "response"}
    if output.description is not None:
        schema["description"] = output.description
    if output.schema is not None:
        schema["schema"] = output.schema
    if output.strict is not None:
        schema["strict"] = output.strict
    return {"type": "json_schema", "json_schema": schema}


def _read_reasoning(body: JsonObject) -> Reasoning | None:
    """`reasoning_effort` (OpenAI), `reasoning` (OpenRouter) and `thinking` (DeepSeek, Z.ai,
    Anthropic's compatible endpoint). All stay in `extra` too, to be written back as they were."""
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


def _write_tools(c: Conversation, body: JsonObject) -> None:
    for tool in c.tools:
        body.setdefault("functions" if tool.form == LEGACY else "tools", []).append(
            write_tool(tool)
        )
    if c.tool_choice is not None:
        name = LEGACY if c.tool_choice.form == LEGACY else "tool_choice"
        body[name] = write_choice(c.tool_choice)


def _write_foreign_tools(c: Conversation, body: JsonObject, names: Names) -> None:
    written = [write_foreign_tool(tool, names) for tool in c.tools]
    if tools := [tool for tool in written if tool is not None]:
        body["tools"] = tools
        if c.tool_choice is not None:
            body["tool_choice"] = write_foreign_choice(c.tool_choice, names)
    else:
        body.pop("parallel_tool_calls", None)  # refused without tools, as is a choice

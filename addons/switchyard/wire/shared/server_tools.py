"""Declares tools that run at the provider in the terms of another format.

Each format has its own declarations of web search, page fetching and code execution. Sources:
Anthropic's guides "Web search tool", "Web fetch tool" and "Code execution tool"; OpenAI's guides
"Web search" and "Code interpreter" (a page is opened by the search tool there); Google's guides
"Grounding with Google Search", "URL context" and "Code execution"; OpenRouter's guide "Server
tools". File search uses a store that one provider keeps (OpenAI's and Google's guides "File
search"), so it is declared only to a provider that keeps all the stores it names, according to
their prefixes. Tools of MCP servers are never converted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from typing import Literal

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import int_of
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Tool
from switchyard.wire.model.conversation import ToolChoice
from switchyard.wire.shared.generations import is_before_gemini_3

type ServiceName = Literal["web_search", "web_fetch", "code_execution", "file_search"]
type Dialect = Literal["own", "openrouter", "none"]
"""The dialect of a provider's server tools: that of its format's maker, OpenRouter's, none."""

UNSAID = "unsaid"
"""Member of the `extra` of a tool that the target expresses only in part."""

_CHAT, _RESPONSES = "openai-chat", "openai-responses"
_ANTHROPIC, _GEMINI = "anthropic", "gemini"

_GEMINI_NAMES: dict[str, ServiceName] = {
    "googleSearch": "web_search",
    "googleSearchRetrieval": "web_search",
    "enterpriseWebSearch": "web_search",
    "urlContext": "web_fetch",
    "codeExecution": "code_execution",
}

_STORES = {"openai-responses": "vs_", "gemini": "fileSearchStores/"}
"""Prefixes of the names of stores at a format's maker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A tool that runs at a provider, and its settings."""

    name: ServiceName
    allowed: tuple[str, ...] = ()
    """Domains to search; all others are excluded."""
    blocked: tuple[str, ...] = ()
    location: JsonObject | None = None
    """The user's location: `city`, `region`, `country`, `timezone`."""
    most: int | None = None
    """Maximum number of uses."""
    size: str | None = None
    """Amount of search results that the model reads: low, medium, high."""
    stores: tuple[str, ...] = ()
    """Stores to search for files."""
    filter: JsonObject | str | None = None
    """Filter of files, in the provider's own form."""


def default_dialect(target: str) -> Dialect:
    """Returns the dialect of server tools that a format's providers have by default."""
    return "own" if target in (_RESPONSES, _ANTHROPIC, _GEMINI) else "none"


def served(c: Conversation, target: str, dialect: Dialect | None = None) -> Conversation:
    """Returns `c` with those tools in the terms of format `target`, if it has them.

    Returns `c` itself if nothing changes. Tools that the target lacks stay, and are reported.
    """
    known = dialect or default_dialect(target)
    if c.format == target or known == "none" or (target == _CHAT and known != "openrouter"):
        return c
    wished = [(tool, _service(tool)) for tool in c.tools]
    added = _asked_beside(c)
    if not added and not any(service for _, service in wished):
        return c
    if (
        target == _GEMINI
        and is_before_gemini_3(c.model)
        and any(t.kind != "server" for t in c.tools)
    ):
        return c  # such a model takes either functions or these
    tools: list[Tool] = []
    names: dict[str, str] = {}
    taken = {tool.name for tool in c.tools if tool.kind != "server"}
    for tool, service in [*wished, *((None, service) for service in added)]:
        made = _declared(service, target) if service is not None else None
        if made is None or (target == _ANTHROPIC and made.name in taken):
            tools += [tool] if tool is not None else []
            continue
        if tool is not None:
            names[tool.name] = made.name
        _add(tools, made)
    asked_beside = None if added else c.web_search
    choice = _choice(c.tool_choice, names, target) if c.tool_choice else None
    return altered(c, tools=tuple(tools), tool_choice=choice, web_search=asked_beside)


def _add(tools: list[Tool], made: Tool) -> None:
    """Adds a tool that a request can have once; keeps the more detailed of two."""
    for place, one in enumerate(tools):
        if one.kind == "server" and one.format == made.format and one.name == made.name:
            tools[place] = max(one, made, key=lambda tool: len(tool.raw))
            return
    tools.append(made)


def asks_for_services(c: Conversation) -> bool:
    """Whether a conversation requests a tool that several formats have."""
    return bool(_asked_beside(c)) or any(_service(tool) is not None for tool in c.tools)


def has_services(c: Conversation, target: str) -> bool:
    """Whether another format's conversation requests tools of a `target` provider."""
    return c.format != target and any(t.kind == "server" and t.format == target for t in c.tools)


def search_service(options: JsonObject) -> Service:
    """Returns a search in Chat's form (OpenAI's reference, `web_search_options`)."""
    place = object_of(options.get("user_location"))
    near = object_of(place.get("approximate")) or place
    size = text_of(options.get("search_context_size")) or None
    return Service(name="web_search", size=size, location=_place(near))


def declare_search(options: JsonObject, target: str) -> Tool | None:
    """Returns the tool for a search in Chat's form."""
    return _declared(search_service(options), target)


def _asked_beside(c: Conversation) -> list[Service]:
    """Yields searches that a Chat request declares outside its tools.

    OpenAI has a member for it, OpenRouter a plugin (its guide "Web search", `plugins`).
    """
    found = [search_service(c.web_search)] if c.web_search is not None else []
    if c.format == _CHAT:
        plugins = objects_of(c.extra.get("plugins"))
        found += [_openrouter("web_search", p) for p in plugins if p.get("id") == "web"]
    return found[:1]


def _service(tool: Tool) -> Service | None:
    if tool.kind != "server":
        return None
    raw = tool.raw
    kind = text_of(raw.get("type"))
    match tool.format:
        case "anthropic":
            return _of_anthropic(kind, raw)
        case "openai-responses" if kind.startswith("web_search"):
            if raw.get("external_web_access") is False:
                return None  # a search of OpenAI's own cache; others would go to the web
            filters = object_of(raw.get("filters"))
            return Service(
                name="web_search",
                allowed=_domains(filters.get("allowed_domains")),
                location=_place(object_of(raw.get("user_location"))),
                size=text_of(raw.get("search_context_size")) or None,
            )
        case "openai-responses" if kind == "code_interpreter":
            return Service(name="code_execution")
        case "openai-responses" if kind == "file_search":
            stores = _domains(raw.get("vector_store_ids"))
            return Service(
                name="file_search",
                stores=stores,
                most=int_of(raw.get("max_num_results")),
                filter=object_of(raw.get("filters")) or None,
            )
        case "gemini" if tool.name == "fileSearch":
            said = object_of(raw.get("fileSearch"))
            stores = _domains(said.get("fileSearchStoreNames"))
            return Service(
                name="file_search",
                stores=stores,
                most=int_of(said.get("topK")),
                filter=text_of(said.get("metadataFilter")) or None,
            )
        case "openai-chat" | "openai-responses" if kind.startswith("openrouter:web_"):
            name = "web_search" if kind.endswith("search") else "web_fetch"
            return _openrouter(name, object_of(raw.get("parameters")))
        case "gemini" if (name := _GEMINI_NAMES.get(tool.name)) is not None:
            blocked = _domains(object_of(raw.get(tool.name)).get("excludeDomains"))
            return Service(name=name, blocked=blocked)
    return None


def _of_anthropic(kind: str, raw: JsonObject) -> Service | None:
    name, _, version = kind.rpartition("_")
    if not version.isdigit() or name not in ("web_search", "web_fetch", "code_execution"):
        return None
    return Service(
        name=name,
        allowed=_domains(raw.get("allowed_domains")),
        blocked=_domains(raw.get("blocked_domains")),
        location=_place(object_of(raw.get("user_location"))),
        most=int_of(raw.get("max_uses")),
    )


def _openrouter(name: ServiceName, said: JsonObject) -> Service:
    return Service(
        name=name,
        allowed=_domains(said.get("allowed_domains") or said.get("include_domains")),
        blocked=_domains(
            said.get("excluded_domains")
            or said.get("blocked_domains")
            or said.get("exclude_domains")
        ),
        location=_place(object_of(said.get("user_location"))),
        most=int_of(said.get("max_uses")),
        size=text_of(said.get("search_context_size")) or None,
    )


def _domains(value: Any) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def _place(said: JsonObject) -> JsonObject | None:
    names = ("city", "region", "country", "timezone")
    return {name: said[name] for name in names if isinstance(said.get(name), str)} or None


def _declared(service: Service, target: str) -> Tool | None:
    """Returns the tool in the terms of a format; None if the format lacks it."""
    write = {
        _ANTHROPIC: _to_anthropic,
        _RESPONSES: _to_responses,
        _GEMINI: _to_gemini,
        _CHAT: _to_openrouter,
    }.get(target)
    if service.name == "file_search":
        write = _to_file_search(service, target)
    written = write(service) if write is not None else None
    if written is None:
        return None
    name, raw, said = written
    asked = [field for field in _OPTIONS if getattr(service, field)]
    extra: JsonObject = {UNSAID: True} if set(asked) - set(said) else {}
    return Tool(kind="server", name=name, format=target, raw=raw, extra=extra)


_OPTIONS = ("allowed", "blocked", "location", "most", "size", "filter")

type _Written = tuple[str, JsonObject, tuple[str, ...]]
"""A tool's name, its declaration, and the settings in it."""


def _to_anthropic(service: Service) -> _Written:
    """Uses versions that need no other tool and no beta (their guides, "Quick start")."""
    if service.name == "code_execution":
        raw: JsonObject = {"type": "code_execution_20250825", "name": "code_execution"}
        return "code_execution", raw, ()
    search = service.name == "web_search"
    kind = "web_search_20250305" if search else "web_fetch_20250910"
    raw = {"type": kind, "name": service.name}
    if service.most:
        raw["max_uses"] = service.most
    # The API accepts only one of both lists.
    said = ["most", "allowed" if service.allowed else "blocked"]
    if service.allowed:
        raw["allowed_domains"] = list(service.allowed)
    elif service.blocked:
        raw["blocked_domains"] = list(service.blocked)
    if search and service.location:
        raw["user_location"] = {"type": "approximate", **service.location}
        said.append("location")
    return service.name, raw, tuple(said)


def _to_responses(service: Service) -> _Written:
    if service.name == "code_execution":
        raw: JsonObject = {"type": "code_interpreter", "container": {"type": "auto"}}
        return "code_interpreter", raw, ()
    raw = {"type": "web_search"}
    if service.allowed:
        raw["filters"] = {"allowed_domains": list(service.allowed)}
    if service.location:
        raw["user_location"] = {"type": "approximate", **service.location}
    if service.size:
        raw["search_context_size"] = service.size
    return "web_search", raw, ("allowed", "location", "size")


def _to_gemini(service: Service) -> _Written:
    if service.name == "code_execution":
        return "codeExecution", {"codeExecution": {}}, ()
    if service.name == "web_fetch":
        return "urlContext", {"urlContext": {}}, ()
    # Only Vertex AI excludes domains; the Gemini API refuses it.
    return "googleSearch", {"googleSearch": {}}, ()


def _to_file_search(service: Service, target: str) -> Callable[[Service], _Written] | None:
    """Declares a search in stores that a format's maker keeps; None for other stores."""
    begins = _STORES.get(target)
    if begins is None or not service.stores:
        return None
    if not all(store.startswith(begins) for store in service.stores):
        return None
    return _search_at_google if target == _GEMINI else _search_at_openai


def _search_at_openai(service: Service) -> _Written:
    raw: JsonObject = {"type": "file_search", "vector_store_ids": list(service.stores)}
    if service.most:
        raw["max_num_results"] = service.most
    return "file_search", raw, ("most",)


def _search_at_google(service: Service) -> _Written:
    said: JsonObject = {"fileSearchStoreNames": list(service.stores)}
    if service.most:
        said["topK"] = service.most
    return "fileSearch", {"fileSearch": said}, ("most",)


def _to_openrouter(service: Service) -> _Written | None:
    if service.name == "code_execution":
        return None
    said: JsonObject = {}
    if service.allowed:
        said["allowed_domains"] = list(service.allowed)
    if service.blocked:
        said["excluded_domains"] = list(service.blocked)
    if service.most:
        said["max_uses"] = service.most
    if service.location:
        said["user_location"] = {"type": "approximate", **service.location}
    if service.size:
        said["search_context_size"] = service.size
    kind = f"openrouter:{service.name}"
    return kind, {"type": kind, **({"parameters": said} if said else {})}, _OPTIONS


def _choice(choice: ToolChoice, names: dict[str, str], target: str) -> ToolChoice | None:
    """Returns the choice under the tools' new names.

    Not every format can force one of these; then the model chooses.
    """
    chosen = choice.name if choice.mode == "tool" else None
    if choice.mode == "auto":  # so the Responses API's choice of such a tool by its type is read
        chosen = text_of(object_of(choice.extra.get("raw")).get("type"))
    if chosen in names:
        demanded = target in (_ANTHROPIC, _RESPONSES)
        return ToolChoice(mode="tool", name=names[chosen]) if demanded else None
    if choice.mode == "allowed":
        allowed = tuple(names.get(name, name) for name in choice.allowed)
        return altered(choice, allowed=allowed, extra={})
    return choice

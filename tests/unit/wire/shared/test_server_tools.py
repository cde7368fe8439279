"""Server tools that the target has, too, are its own there: in requests, answers and histories."""

import json
from itertools import permutations
from typing import Any

import pytest

from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.relay import Relay
from switchyard.wire.shared.server_tool_results import SHOWING
from switchyard.wire.shared.server_tool_results import ServedAnswers
from switchyard.wire.shared.server_tool_results import is_made_here
from tests.unit.wire.corpus import Record
from tests.unit.wire.corpus import needs_corpus
from tests.unit.wire.corpus import replies
from tests.unit.wire.corpus import streams
from tests.unit.wire.crossing import answered
from tests.unit.wire.crossing import chat_answer
from tests.unit.wire.crossing import dropped
from tests.unit.wire.crossing import sent
from tests.unit.wire.laws import ASKED

CHAT, RESPONSES, ANTHROPIC, GEMINI = "openai-chat", "openai-responses", "anthropic", "gemini"

SAID: dict[str, dict[str, Any]] = {
    CHAT: {"messages": [{"role": "user", "content": "x"}]},
    RESPONSES: {"input": "x"},
    ANTHROPIC: {"max_tokens": 9, "messages": [{"role": "user", "content": "x"}]},
    GEMINI: {"contents": [{"role": "user", "parts": [{"text": "x"}]}]},
}
TOOLS: dict[str, dict[str, dict[str, Any]]] = {
    "web_search": {
        ANTHROPIC: {"type": "web_search_20250305", "name": "web_search"},
        RESPONSES: {"type": "web_search"},
        GEMINI: {"googleSearch": {}},
        CHAT: {"type": "openrouter:web_search"},
    },
    "web_fetch": {
        ANTHROPIC: {"type": "web_fetch_20250910", "name": "web_fetch"},
        GEMINI: {"urlContext": {}},
        CHAT: {"type": "openrouter:web_fetch"},
    },
    "code_execution": {
        ANTHROPIC: {"type": "code_execution_20250825", "name": "code_execution"},
        RESPONSES: {"type": "code_interpreter", "container": {"type": "auto"}},
        GEMINI: {"codeExecution": {}},
    },
}
PAIRS = [
    (name, first, second)
    for name, words in TOOLS.items()
    for first, second in permutations(words, 2)
]


def asking(client: str, *tools: Any, **more: Any) -> dict[str, Any]:
    return {**SAID[client], "tools": list(tools), **more}


@pytest.mark.parametrize(("name", "client", "target"), PAIRS)
def test_a_tool_that_both_have_is_declared_in_the_targets_words(
    name: str, client: str, target: str
) -> None:
    body = asking(client, TOOLS[name][client])
    assert sent(client, target, body, "openrouter" if target == CHAT else None)["tools"] == [
        TOOLS[name][target]
    ]
    known = "openrouter" if target == CHAT else None
    assert dropped(client, target, body, known) == []
    assert dropped(client, target, body, "none") == ["server-tools"]


@pytest.mark.parametrize(
    ("client", "target", "tool"),
    [
        (ANTHROPIC, RESPONSES, {"type": "web_fetch_20260309", "name": "web_fetch"}),
        (RESPONSES, ANTHROPIC, {"type": "web_search_preview"}),
        (RESPONSES, GEMINI, {"type": "web_search_2025_08_26"}),
        (ANTHROPIC, GEMINI, {"type": "web_search_20260209", "name": "web_search"}),
        (GEMINI, ANTHROPIC, {"googleSearchRetrieval": {}}),
    ],
)
def test_every_version_of_a_tool_is_known(client: str, target: str, tool: Any) -> None:
    assert dropped(client, target, asking(client, tool)) == []
    assert len(sent(client, target, asking(client, tool))["tools"]) == 1


@pytest.mark.parametrize(
    ("client", "tool"),
    [
        (RESPONSES, {"type": "file_search", "vector_store_ids": ["vs_1"]}),
        (GEMINI, {"fileSearch": {"fileSearchStoreNames": ["s"]}}),
        (ANTHROPIC, {"type": "advisor_20260301", "name": "advisor", "model": "m"}),
        (RESPONSES, {"type": "mcp", "server_label": "s", "server_url": "https://s.test"}),
    ],
)
def test_what_the_target_does_not_have_is_told(client: str, tool: Any) -> None:
    for target in {ANTHROPIC, RESPONSES, GEMINI, CHAT, "ollama"} - {client}:
        assert dropped(client, target, asking(client, tool)) == ["server-tools"]
        assert "tools" not in sent(client, target, asking(client, tool))
    assert dropped(client, "ollama", asking(client, TOOLS["web_search"][client])) == [
        "server-tools"
    ]


AT_GOOGLE, AT_OPENAI = "fileSearchStores/boats", "vs_boats"


def at_openai(store: str, **more: Any) -> dict[str, Any]:
    return {"type": "file_search", "vector_store_ids": [store], "max_num_results": 4, **more}


def at_google(store: str, **more: Any) -> dict[str, Any]:
    return {"fileSearch": {"fileSearchStoreNames": [store], "topK": 4, **more}}


def test_files_are_searched_by_who_keeps_them() -> None:
    """A store is one provider's; who names it in another format's words means that provider."""
    body = asking(RESPONSES, at_openai(AT_GOOGLE))
    assert sent(RESPONSES, GEMINI, body)["tools"] == [at_google(AT_GOOGLE)]
    assert dropped(RESPONSES, GEMINI, body) == []
    body = asking(GEMINI, at_google(AT_OPENAI))
    assert sent(GEMINI, RESPONSES, body)["tools"] == [at_openai(AT_OPENAI)]
    assert dropped(GEMINI, RESPONSES, body) == []
    both = asking(RESPONSES, {**at_openai(AT_GOOGLE), "vector_store_ids": [AT_GOOGLE, AT_OPENAI]})
    assert dropped(RESPONSES, GEMINI, both) == ["server-tools"]


def test_a_filter_of_files_is_told() -> None:
    some = at_openai(AT_GOOGLE, filters={"type": "eq", "key": "year", "value": 2026})
    assert dropped(RESPONSES, GEMINI, asking(RESPONSES, some)) == ["server-tool-options"]
    some = at_google(AT_OPENAI, metadataFilter="year = 2026")
    assert dropped(GEMINI, RESPONSES, asking(GEMINI, some)) == ["server-tool-options"]


LONDON = {"type": "approximate", "city": "London", "country": "GB"}


def test_domains_and_places_are_said_where_they_can_be_and_else_told() -> None:
    search = {"type": "web_search", "filters": {"allowed_domains": ["a.test"]}}
    body = asking(RESPONSES, {**search, "user_location": LONDON})
    made = {"type": "web_search_20250305", "name": "web_search", "allowed_domains": ["a.test"]}
    assert sent(RESPONSES, ANTHROPIC, body)["tools"] == [{**made, "user_location": LONDON}]
    assert dropped(RESPONSES, ANTHROPIC, body) == []
    assert dropped(RESPONSES, GEMINI, body) == ["server-tool-options"]
    limited = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
    assert dropped(ANTHROPIC, RESPONSES, asking(ANTHROPIC, limited)) == ["server-tool-options"]
    made = {"type": "openrouter:web_search", "parameters": {"max_uses": 3}}
    assert sent(ANTHROPIC, CHAT, asking(ANTHROPIC, limited), "openrouter")["tools"] == [made]


@pytest.mark.parametrize("target", [ANTHROPIC, RESPONSES, GEMINI])
@pytest.mark.parametrize(
    "wish", [{"web_search_options": {"search_context_size": "low"}}, {"plugins": [{"id": "web"}]}]
)
def test_a_search_asked_for_beside_the_tools_of_chat_is_a_tool(wish: Any, target: str) -> None:
    (tool,) = sent(CHAT, target, {**SAID[CHAT], **wish})["tools"]
    assert tool.items() >= TOOLS["web_search"][target].items()


def test_a_demanded_search_is_demanded_of_those_who_can() -> None:
    choice = {"type": "tool", "name": "web_search"}
    body = asking(ANTHROPIC, TOOLS["web_search"][ANTHROPIC], tool_choice=choice)
    assert sent(ANTHROPIC, RESPONSES, body)["tool_choice"] == {"type": "web_search"}
    assert "toolConfig" not in sent(ANTHROPIC, GEMINI, body)
    body = asking(RESPONSES, TOOLS["web_search"][RESPONSES], tool_choice={"type": "web_search"})
    assert sent(RESPONSES, ANTHROPIC, body)["tool_choice"] == choice


def test_gemini_is_told_of_functions_beside_its_own_tools() -> None:
    function = {"name": "f", "input_schema": {"type": "object"}}
    body = asking(ANTHROPIC, TOOLS["web_search"][ANTHROPIC], function)
    written = sent(ANTHROPIC, GEMINI, {**body, "model": "gemini-3-pro"})
    assert written["toolConfig"] == {"includeServerSideToolInvocations": True}
    old = {**body, "model": "gemini-2.5-pro"}
    assert "googleSearch" not in json.dumps(sent(ANTHROPIC, GEMINI, old))
    assert dropped(ANTHROPIC, GEMINI, old) == ["server-tools"]


USAGE = {"input_tokens": 1, "output_tokens": 1}
SEARCHED: dict[str, dict[str, Any]] = {
    ANTHROPIC: {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [
            {
                "type": "server_tool_use",
                "id": "srvtoolu_1",
                "name": "web_search",
                "input": {"query": "tides"},
            },
            {
                "type": "web_search_tool_result",
                "tool_use_id": "srvtoolu_1",
                "content": [
                    {
                        "type": "web_search_result",
                        "url": "https://a.test/",
                        "title": "A",
                        "encrypted_content": "secret",
                    }
                ],
            },
            {"type": "text", "text": "High."},
        ],
        "stop_reason": "end_turn",
        "usage": USAGE,
    },
    RESPONSES: {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "model": "m",
        "output": [
            {
                "type": "web_search_call",
                "id": "ws_1",
                "status": "completed",
                "action": {
                    "type": "search",
                    "query": "tides",
                    "sources": [{"type": "url", "url": "https://a.test/"}],
                },
            },
            {
                "type": "message",
                "id": "msg_1",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": "High.", "annotations": []}],
            },
        ],
        "usage": {**USAGE, "total_tokens": 2},
    },
    GEMINI: {
        "candidates": [
            {
                "content": {"role": "model", "parts": [{"text": "High."}]},
                "finishReason": "STOP",
                "groundingMetadata": {
                    "webSearchQueries": ["tides"],
                    "groundingChunks": [{"web": {"uri": "https://a.test/", "title": "A"}}],
                },
            }
        ],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1},
    },
}
RAN: dict[str, list[dict[str, Any]]] = {
    ANTHROPIC: [
        {
            "type": "server_tool_use",
            "id": "srvtoolu_1",
            "name": "bash_code_execution",
            "input": {"command": "print(6*7)"},
        },
        {
            "type": "bash_code_execution_tool_result",
            "tool_use_id": "srvtoolu_1",
            "content": {
                "type": "bash_code_execution_result",
                "stdout": "42",
                "stderr": "",
                "return_code": 0,
                "content": [],
            },
        },
    ],
    RESPONSES: [
        {
            "type": "code_interpreter_call",
            "id": "ci_1",
            "code": "print(6*7)",
            "container_id": "cntr_1",
            "outputs": [{"type": "logs", "logs": "42"}],
            "status": "completed",
        }
    ],
    GEMINI: [
        {"executableCode": {"language": "PYTHON", "code": "print(6*7)"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "42"}},
    ],
}
CROSSINGS = list(permutations((ANTHROPIC, RESPONSES, GEMINI), 2))


def pieces(client: str, answer: dict[str, Any]) -> list[dict[str, Any]]:
    if client == ANTHROPIC:
        return answer["content"]
    if client == RESPONSES:
        return answer["output"]
    return answer["candidates"][0]["content"]["parts"]


@pytest.mark.parametrize(("client", "target"), CROSSINGS)
@pytest.mark.parametrize("streams", [False, True], ids=["whole", "stream"])
def test_searches_are_shown_as_the_client_knows_them(
    client: str, target: str, streams: bool
) -> None:
    body = asking(client, TOOLS["web_search"][client])
    read = answered(client, target, body, SEARCHED[target], streams)
    told = json.dumps(read)
    assert "High." in told
    assert "secret" not in told
    assert "tides" in told and "https://a.test/" in told
    if client == GEMINI:
        assert '"webSearchQueries": ["tides"' in told
        assert told.count('"uri": "https://a.test/"') == 1
        return
    kinds = {ANTHROPIC: "web_search_tool_result", RESPONSES: "web_search_call"}
    assert f'"{kinds[client]}"' in told
    if not streams:
        FORMATS[client].read_reply(read)
        assert sum(p["type"] == kinds[client] for p in pieces(client, read)) == 1


@pytest.mark.parametrize(("client", "target"), CROSSINGS)
def test_code_that_ran_is_shown_as_the_client_knows_it(client: str, target: str) -> None:
    answer = json.loads(json.dumps(SEARCHED[target]))
    found = pieces(target, answer)
    found[:-1] = RAN[target]
    answer.get("candidates", [{}])[0].pop("groundingMetadata", None)
    read = answered(client, target, asking(client, TOOLS["code_execution"][client]), answer)
    shown = [piece for piece in pieces(client, read) if "High." not in json.dumps(piece)]
    assert len(shown) == len(RAN[client])
    told = json.dumps(shown)
    assert "print(6*7)" in told and '"42"' in told


@pytest.mark.parametrize("client", [ANTHROPIC, RESPONSES])
def test_what_was_made_for_a_client_goes_back_to_its_own_providers_as_words(client: str) -> None:
    body = asking(client, TOOLS["web_search"][client])
    shown = pieces(client, answered(client, GEMINI, body, SEARCHED[GEMINI]))
    made = [p for p in shown if is_made_here(p.get("id")) or is_made_here(p.get("tool_use_id"))]
    assert made
    if client == ANTHROPIC:
        said: Any = [*SAID[client]["messages"], {"role": "assistant", "content": shown}]
        history = {**body, "messages": said}
    else:
        history = {**body, "input": [{"role": "user", "content": "x"}, *shown]}
    whole = json.dumps(history)
    kept = json.dumps(FORMATS[client].without_sealed(history))
    assert "switchyard_" not in kept.replace("msg_switchyard_", "")
    assert "tides" in kept and "https://a.test/" in kept
    assert json.dumps(history) == whole
    assert FORMATS[client].without_sealed(body) is body


def test_chat_clients_get_sources_and_no_calls_of_such_tools() -> None:
    search = asking(CHAT, TOOLS["web_search"][CHAT])
    read = answered(CHAT, ANTHROPIC, search, SEARCHED[ANTHROPIC])
    message = read["choices"][0]["message"]
    assert message["content"] == "High."
    assert not message.get("tool_calls")
    assert answered(ANTHROPIC, CHAT, asking(ANTHROPIC), chat_answer(text="ok"))["content"]


def test_a_tool_is_asked_for_once_and_under_no_name_that_is_taken() -> None:
    search, fetch = (TOOLS[name][ANTHROPIC] for name in ("web_search", "web_fetch"))
    both = asking(ANTHROPIC, fetch, {**search, "allowed_domains": ["a.test"]})
    (tool,) = sent(ANTHROPIC, RESPONSES, both)["tools"]
    assert tool == {"type": "web_search", "filters": {"allowed_domains": ["a.test"]}}
    function = {"name": "web_search", "parameters": {"type": "object"}}
    body = asking(GEMINI, {"googleSearch": {}}, {"functionDeclarations": [function]})
    (tool,) = sent(GEMINI, ANTHROPIC, body)["tools"]
    assert "input_schema" in tool
    assert dropped(GEMINI, ANTHROPIC, body) == ["server-tools"]


def test_a_search_that_must_not_go_to_the_web_goes_nowhere_else() -> None:
    cached = asking(RESPONSES, {"type": "web_search", "external_web_access": False})
    assert dropped(RESPONSES, ANTHROPIC, cached) == ["server-tools"]


@pytest.mark.parametrize(("name", "client", "target"), PAIRS)
def test_a_tool_that_went_there_and_back_is_the_same(name: str, client: str, target: str) -> None:
    there = sent(client, target, asking(client, TOOLS[name][client]), "openrouter")
    back = sent(target, client, there, "openrouter")
    assert back["tools"] == [TOOLS[name][client]]


_DOING = (
    "web_search",
    "code_execution",
    "code_interpreter",
    "executableCode",
    "toolCall",
    "Queries",
)


def _recorded() -> list[Any]:
    return [
        pytest.param(record, client, id=f"{record.format}-{record.id}-{client}")
        for name in SHOWING
        for record in (*replies(name), *streams(name))
        if any(word in str(record.sse or record.response) for word in _DOING)
        for client in SHOWING
        if client != name
    ]


@needs_corpus
@pytest.mark.parametrize(("record", "client"), _recorded())
def test_recorded_answers_say_the_same_beside_what_was_done(record: Record, client: str) -> None:
    """However a provider told of its tools, the client reads the same words and calls as without
    them, and a whole answer of its own format."""
    data = (record.sse or json.dumps(record.response)).encode()

    def read(*stages: Any) -> Any:
        relay = Relay(FORMATS[record.format], FORMATS[client], False, ASKED, stages=stages)
        relay.start(200, "text/event-stream" if record.sse else "application/json")
        relay.feed(data)
        relay.end()
        assert relay.committed and not relay.failed
        reply = FORMATS[client].read_reply(json.loads(relay.body))
        parts = [p for p in reply.choice.parts if not isinstance(p, Opaque)]
        words = "".join(p.text for p in parts if isinstance(p, Text))
        calls = [(p.id, p.arguments) for p in parts if isinstance(p, ToolCall)]
        return words, calls, reply.choice.stop and reply.choice.stop.reason

    shown = read(ServedAnswers(record.format, client, ASKED.id))
    assert shown == read()

import time
from collections.abc import Callable

import pytest
from mitmproxy import http

from switchyard.exchange.endpoints import find_endpoint
from switchyard.exchange.endpoints import find_foreign_endpoint
from switchyard.exchange.endpoints import format_of_client
from switchyard.wire.model.model_list import ModelEntry
from switchyard.wire.registry import FORMATS
from tests.support.proportion import least_growth


def request(method: str, path: str, **headers: str) -> http.Request:
    made = http.Request.make(method, "http://127.0.0.1:8787/")
    made.path = path
    for name, value in headers.items():
        made.headers[name.replace("_", "-")] = value
    return made


@pytest.mark.parametrize(
    ("path", "format"),
    [
        ("/v1/chat/completions", "openai-chat"),
        ("/chat/completions", "openai-chat"),
        ("/v1/chat/completions/", "openai-chat"),
        ("//v1/chat/completions", "openai-chat"),
        ("/v1//messages", "anthropic"),
        ("/v1/chat/completions?key=x/models", "openai-chat"),
        ("/v1/messages?beta=true", "anthropic"),
        ("/v1/v1/messages", "anthropic"),
        ("/v1/responses", "openai-responses"),
        ("/codex/responses", "openai-responses"),
        ("/codex/v1/responses", "openai-responses"),
        ("/api/chat", "ollama"),
        ("/openai/v1/chat/completions", "openai-chat"),
        ("/openai/v1/responses?api-version=preview", "openai-responses"),
        ("/openai/chat/completions", "openai-chat"),
        ("/api/v1/chat/completions", "openai-chat"),
        ("/api/v1/messages", "anthropic"),
        ("/v1beta/openai/chat/completions", "openai-chat"),
        ("/v2/chat", "cohere"),
        ("/v2/chat/", "cohere"),
    ],
)
def test_calls_whose_body_names_the_model(path: str, format: str) -> None:
    found = find_endpoint(request("POST", path))
    assert found is not None
    assert (found.kind, found.format.name, found.model) == ("generate", format, None)


@pytest.mark.parametrize(
    ("path", "model", "stream", "array"),
    [
        ("/v1beta/models/g:generateContent", "g", False, False),
        ("/v1beta/models/or/qwen%203:generateContent?key=k", "or/qwen 3", False, False),
        ("/v1/models/m:free:streamGenerateContent?alt=sse", "m:free", True, False),
        ("/v1beta/models/模型:streamGenerateContent", "模型", True, True),
    ],
)
def test_calls_whose_path_names_the_model(path: str, model: str, stream: bool, array: bool) -> None:
    found = find_endpoint(request("POST", path))
    assert found is not None
    assert found.format.name == "gemini"
    assert (found.model, found.stream, found.array) == (model, stream, array)


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/v1/responses/compact", "compact"),
        ("POST", "/codex/responses/compact", "compact"),
        ("POST", "/v1/responses/input_tokens", "count"),
        ("GET", "/openai/v1/models", "models"),
        ("GET", "/api/v1/models", "models"),
        ("GET", "/codex/models?client_version=0.1.0", "models"),
        ("GET", "/v1/models", "models"),
        ("GET", "/models/", "models"),
        ("GET", "/v1/models/", "models"),
        ("GET", "/api/tags", "models"),
        ("GET", "/api/version", "version"),
        ("GET", "/v1/models/or/a%20b", "model"),
        ("GET", "/v0/health/providers", "status"),
        ("GET", "/health", "health"),
        ("GET", "/v0/health/ready", "ready"),
        ("GET", "/v1/health", "health"),
        ("GET", "/?x=1", "greeting"),
        ("HEAD", "/", "greeting"),
        ("HEAD", "/api/hello", "greeting"),
        ("HEAD", "/v1/models", "models"),
    ],
)
def test_what_else_is_served(method: str, path: str, kind: str) -> None:
    found = find_endpoint(request(method, path))
    assert found is not None
    assert found.kind == kind


@pytest.mark.parametrize(
    ("path", "kind", "format", "model"),
    [
        (
            "/openai/deployments/gpt-5/chat/completions?api-version=1",
            "generate",
            "openai-chat",
            "gpt-5",
        ),
        ("/openai/deployments/a%2Fb%20c/completions", "generate", "openai-completions", "a/b c"),
        ("/openai/deployments/glm/x/embeddings", "embed", "openai-chat", "glm/x"),
        ("/openai/deployments/w/audio/transcriptions", "service", "openai-chat", "w"),
        ("/openai/deployments/d/images/generations", "service", "openai-chat", "d"),
    ],
)
def test_azure_names_the_model_before_the_call(
    path: str, kind: str, format: str, model: str
) -> None:
    found = find_endpoint(request("POST", path))
    assert found is not None
    assert (found.kind, found.format.name, found.model) == (kind, format, model)
    assert found.stream is None


@pytest.mark.parametrize(
    ("method", "path", "service", "format", "provider"),
    [
        ("POST", "/v1/images/generations", "/images/generations", "openai-chat", ""),
        ("POST", "/v1/audio/speech", "/audio/speech", "openai-chat", ""),
        ("POST", "/openai/v1/moderations", "/moderations", "openai-chat", "openai"),
        ("POST", "/v2/rerank", "/rerank", "openai-chat", ""),
        ("GET", "/v1/files?purpose=batch", "/files", "openai-chat", ""),
        ("GET", "/v1/files/file-1/content", "/files/file-1/content", "openai-chat", ""),
        ("DELETE", "/v1/files/file-1", "/files/file-1", "openai-chat", ""),
        ("POST", "/v1/batches/b-1/cancel", "/batches/b-1/cancel", "openai-chat", ""),
        ("POST", "/v1/messages/batches", "/messages/batches", "anthropic", ""),
        ("GET", "/v1/messages/batches/x/results", "/messages/batches/x/results", "anthropic", ""),
        ("GET", "/my-provider/v1/files", "/files", "openai-chat", "my-provider"),
    ],
)
def test_what_only_providers_serve(
    method: str, path: str, service: str, format: str, provider: str
) -> None:
    found = find_endpoint(request(method, path))
    assert found is not None and found.kind == "service"
    assert (found.method, found.format.name, found.provider) == (service, format, provider)


def test_files_are_anthropics_for_its_clients() -> None:
    found = find_endpoint(request("GET", "/v1/files", anthropic_version="2023-06-01"))
    assert found is not None and found.format.name == "anthropic"


def test_codex_lists_models_in_its_own_shape() -> None:
    found = find_endpoint(request("GET", "/v1/models?client_version=0.169.0"))
    assert found is not None
    entry = ModelEntry(id="glm/x", owner="glm", context_window=200_000)
    (model,) = found.format.write_models([entry])["models"]
    assert (model["slug"], model["context_window"], model["visibility"]) == (
        "glm/x",
        200_000,
        "list",
    )
    assert "data" in FORMATS["openai-responses"].write_models([entry])


def test_the_model_of_a_path_is_decoded() -> None:
    found = find_endpoint(request("GET", "/v1/models/or/a%20b%2Fc"))
    assert found is not None
    assert found.model == "or/a b/c"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/"),
        ("POST", "/v1/chat/completions/x"),
        ("POST", "/v1/chat%2Fcompletions"),
        ("POST", "/V1/CHAT/COMPLETIONS"),
        ("POST", "/x/v1/chat/completions"),
        ("POST", "/v1/../v1/messages"),
        ("POST", "/v1/models"),
        ("POST", "/v1beta/models/g:unheardOf"),
        ("POST", "/v1beta/models/:generateContent"),
        ("POST", "/health"),
        ("GET", "/v1/chat/completions"),
        ("GET", "/v1/images/generations/x"),
        ("PUT", "/v1/files"),
        ("GET", "/v1/files/../models"),
        ("GET", "/v1/files/%2e%2e/models"),
        ("POST", "/v1/files/a%2Fb"),
        ("POST", "/api/chat/completions"),
        ("POST", "/v1/chat"),
        ("POST", "/chat"),
        ("GET", "/v2/chat"),
        ("POST", "/openai/deployments/m/unknown"),
        ("GET", "/models/x"),
        ("GET", "/health/providers"),
        ("DELETE", "/v1/models/x"),
        ("OPTIONS", "/v1/messages"),
        ("GET", "*"),
    ],
)
def test_all_else_is_not_served(method: str, path: str) -> None:
    assert find_endpoint(request(method, path)) is None


@pytest.mark.parametrize(
    ("headers", "format"),
    [
        ({}, "openai-chat"),
        ({"anthropic_version": "2023-06-01"}, "anthropic"),
        ({"x_goog_api_key": "k"}, "gemini"),
        ({"anthropic_version": "2023-06-01", "x_goog_api_key": "k"}, "anthropic"),
    ],
)
def test_whose_model_list_is_asked_for(headers: dict[str, str], format: str) -> None:
    found = find_endpoint(request("GET", "/v1/models", **headers))
    assert found is not None
    assert found.format.name == format


def test_geminis_model_list_is_told_by_its_version() -> None:
    found = find_endpoint(request("GET", "/v1beta/models"))
    assert found is not None
    assert found.format.name == "gemini"


@pytest.mark.parametrize(
    ("method", "path", "format"),
    [
        ("POST", "/openai/v1/chat/completions", "openai-chat"),
        ("POST", "/anthropic/v1/messages?beta=true", "anthropic"),
        ("POST", "/backend-api/codex/responses", "openai-responses"),
        ("POST", "/backend-api/codex/responses/compact", "openai-responses"),
        ("POST", "/v1/projects/p/locations/l/publishers/google/models/g:generateContent", "gemini"),
        ("POST", "/v1/audio/speech", None),
        ("POST", "/v1/messages/batches", None),
        ("GET", "/v1/chat/completions", None),
        ("POST", "/v2/chat", None),
        ("POST", "/login", None),
    ],
)
def test_calls_at_a_providers_own_address(method: str, path: str, format: str | None) -> None:
    found = find_foreign_endpoint(request(method, path))
    assert (found.format.name if found else None) == format


@pytest.mark.parametrize(
    ("method", "path", "headers", "format"),
    [
        ("POST", "/v1/messages", {}, "anthropic"),
        ("POST", "/v1/responses", {}, "openai-responses"),
        ("POST", "/v1beta/models/x:streamGenerateContent", {}, "gemini"),
        ("POST", "/v1beta/nothing", {}, "gemini"),
        ("POST", "/v2/chat", {}, "cohere"),
        ("GET", "/nothing", {"anthropic_version": "1"}, "anthropic"),
        ("GET", "/nothing\udcff", {}, "openai-chat"),
    ],
)
def test_errors_are_told_as_the_client_expects(
    method: str, path: str, headers: dict[str, str], format: str
) -> None:
    assert format_of_client(request(method, path, **headers)).name == format


@pytest.mark.parametrize(
    "path",
    [
        lambda n: "/v" + "1" * n,
        lambda n: "/codex/v" + "1" * n,
        lambda n: "/v1/" + "models/" * n + "x",
        lambda n: "/v1" * n + "/models/x:y z",
        lambda n: "/v1beta/" + "models/a" * n + ":generateContent-",
        lambda n: "/v1/models/" + ":a" * n + "-",
        lambda n: "/" * n + "x",
        lambda n: "/v1/messages" + "/" * n + "x",
        lambda n: "/v1/messages?" + "alt=sse&" * n,
        lambda n: "/%2f" * n,
        lambda n: "/v1/models/" + "%6dodels/" * n + ":generateContent",
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "generativelanguage.googleapis.com"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_path_takes_time_by_its_length(
    path: Callable[[int], str], host: str, method: str
) -> None:
    """Anybody may send one, and it is looked at before a key is asked for."""

    def seconds(size: int) -> float:
        asked = request(method, path(size), host=host)
        began = time.process_time()
        find_endpoint(asked)
        find_foreign_endpoint(asked)
        format_of_client(asked)
        return time.process_time() - began

    assert least_growth(seconds, 4_000, 32_000, below=32, telling=0.003) < 32

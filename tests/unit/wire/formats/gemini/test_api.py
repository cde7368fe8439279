"""Gemini's paths, errors, models, and requests fitted to the generations of models."""

from typing import Any

import pytest

from switchyard.wire.formats.gemini import Gemini
from switchyard.wire.formats.gemini.adapt import fit
from switchyard.wire.formats.gemini.names import NO_SIGNATURE
from switchyard.wire.formats.gemini.paths import read_path
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import ErrorKind
from switchyard.wire.model.model_list import ModelEntry
from tests.unit.wire.corpus import needs_corpus
from tests.unit.wire.corpus import records

GEMINI = Gemini()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1beta/models/gemini-x:generateContent", ("gemini-x", "generateContent", None)),
        (
            "/v1/models/gemini-x:streamGenerateContent?key=k&alt=sse",
            ("gemini-x", "streamGenerateContent", "sse"),
        ),
        ("/proxy/v1beta/models/a/b:free:countTokens", ("a/b:free", "countTokens", None)),
        ("/v1beta/models/my%2Fmodel%20x:generateContent", ("my/model x", "generateContent", None)),
        ("/v1beta/tunedModels/t-1:generateContent", ("tunedModels/t-1", "generateContent", None)),
        (
            "/v1beta1/projects/p/locations/l/publishers/google/models/g:generateContent",
            ("g", "generateContent", None),
        ),
        ("/v1/publishers/google/models/g:embedContent", ("g", "embedContent", None)),
    ],
)
def test_paths(path: str, expected: tuple[Any, ...]):
    assert read_path(path) == expected


@pytest.mark.parametrize(
    "path",
    ["/v1/models", "/v1beta/models/x", "/v1/chat/completions", "/models/x:generateContent", ""],
)
def test_other_paths(path: str):
    assert read_path(path) is None


def test_paths_that_are_written_read_back():
    for model in ("gemini-x", "a/b", "with space", "tunedModels/t", "odd:name"):
        for stream in (True, False):
            path = f"/v1beta{GEMINI.path(model, stream)}"
            assert " " not in path
            called = read_path(path)
            assert called and (called.model, called.streams) == (model, stream)
            assert GEMINI.asks_stream({}, path) is stream
    assert (
        GEMINI.path("half a pair \ud83d", False) == "/models/half%20a%20pair%20%3F:generateContent"
    )
    assert GEMINI.path("models/x", True) == "/models/x:streamGenerateContent?alt=sse"
    assert GEMINI.asks_stream({"stream": True}, "/elsewhere") is True
    assert GEMINI.asks_stream({}, "/elsewhere") is None


def test_model_and_stream_wish_leave_the_body():
    body = {"model": "x", "stream": True, "contents": []}
    assert GEMINI.with_stream(GEMINI.with_model(body, "y"), False) == {"contents": []}
    bare = {"contents": []}
    assert GEMINI.with_stream(GEMINI.with_model(bare, "y"), True) is bare


def thinking(config: dict[str, Any], model: str) -> dict[str, Any] | None:
    body = {"contents": [], "generationConfig": {"topP": 1, "thinkingConfig": config}}
    before = repr(body)
    fitted = fit(body, model)["generationConfig"]
    assert repr(body) == before and fitted["topP"] == 1
    return fitted.get("thinkingConfig")


@pytest.mark.parametrize(
    ("model", "config", "expected"),
    [
        ("gemini-2.5-flash", {"thinkingLevel": "LOW"}, {"thinkingBudget": 1024}),
        ("models/gemini-2.5-pro", {"thinkingLevel": "high"}, {"thinkingBudget": 24576}),
        ("gemini-2.5-pro", {"thinkingBudget": 0}, {"thinkingBudget": 128}),
        ("gemini-2.5-pro", {"thinkingBudget": 99999}, {"thinkingBudget": 32768}),
        ("gemini-2.5-flash", {"thinkingBudget": 99999}, {"thinkingBudget": 24576}),
        ("gemini-2.5-flash-lite", {"thinkingBudget": 100}, {"thinkingBudget": 512}),
        ("gemini-2.5-flash-lite", {"thinkingBudget": 0}, {"thinkingBudget": 0}),
        ("gemini-2.5-flash", {"thinkingBudget": -1}, {"thinkingBudget": -1}),
        ("gemini-2.5-flash", {"includeThoughts": True}, {"includeThoughts": True}),
        ("gemini-2.0-flash", {"includeThoughts": True}, None),
        ("gemini-3-pro-preview", {"thinkingBudget": 0}, {"thinkingLevel": "LOW"}),
        ("gemini-3-flash", {"thinkingBudget": 0}, {"thinkingLevel": "MINIMAL"}),
        ("gemini-3-pro", {"thinkingLevel": "MINIMAL"}, {"thinkingLevel": "LOW"}),
        ("gemini-3-flash", {"thinkingLevel": "MINIMAL"}, {"thinkingLevel": "MINIMAL"}),
        ("gemini-3-flash", {"thinkingBudget": 4000}, {"thinkingBudget": 4000}),
        ("anything", {"thinkingBudget": 0}, {"thinkingBudget": 0}),
    ],
)
def test_thinking_is_asked_for_as_the_model_knows_it(
    model: str, config: dict[str, Any], expected: dict[str, Any] | None
):
    assert thinking(config, model) == expected


def test_contents_for_models_before_gemini_3():
    image = {"inlineData": {"mimeType": "image/png", "data": "AA"}}
    response = {"name": "f", "response": {"output": "x"}, "parts": [image]}
    body = {
        "contents": [
            {"role": "model", "parts": [{"functionCall": {}, "thoughtSignature": NO_SIGNATURE}]},
            {"role": "user", "parts": [{"functionResponse": response}, {"text": "see"}]},
            "Hi",
        ]
    }
    before = repr(body)
    assert fit(body, "gemini-2.5-flash")["contents"] == [
        {"role": "model", "parts": [{"functionCall": {}}]},
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"name": "f", "response": {"output": "x"}}},
                {"text": "see"},
                image,
            ],
        },
        "Hi",
    ]
    assert repr(body) == before
    assert fit(body, "gemini-3-pro") is body
    plain = {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}
    assert fit(plain, "gemini-2.5-flash") is plain


RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "13.5s"}
BAD_KEY = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
FIELD = {"fieldViolations": [{"field": "contents[0]", "description": "x"}]}


def google(code: int, status: str, *details: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": "m", "status": status, "details": list(details)}}


@pytest.mark.parametrize(
    ("body", "kind", "status", "message"),
    [
        (google(429, "RESOURCE_EXHAUSTED", RETRY), "rate_limit", 429, "m"),
        (google(400, "INVALID_ARGUMENT", BAD_KEY), "authentication", 400, "m"),
        (google(400, "INVALID_ARGUMENT", FIELD), "invalid_request", 400, "m"),
        (google(503, "UNAVAILABLE"), "overloaded", 503, "m"),
        (google(500, "INTERNAL"), "server", 500, "m"),
        (google(403, "PERMISSION_DENIED"), "permission", 403, "m"),
        ([google(404, "NOT_FOUND")], "not_found", 404, "m"),
        ({"error": "plain"}, "server", None, "plain"),
        ({"error": {"code": "402", "message": "pay"}}, "billing", 402, "pay"),
        ({"error": True}, "server", None, "the provider reported an error without saying which"),
        ({"detail": "Not Found"}, "server", None, "Not Found"),
        ({"detail": [{"loc": ["body", "x"], "msg": "bad"}]}, "invalid_request", 400, "body.x: bad"),
        ({"errors": [{"message": "e", "status": 429}]}, "rate_limit", 429, "e"),
        ({"object": "error", "message": "e", "code": 401}, "authentication", 401, "e"),
        ({"message": "e"}, "server", None, "e"),
        ({"base_resp": {"status_code": 1002, "status_msg": "slow"}}, "server", None, "slow"),
    ],
)
def test_errors_are_found(body: Any, kind: ErrorKind, status: int | None, message: str):
    error = GEMINI.find_error(body)
    assert error and (error.kind, error.status, error.message) == (kind, status, message)


def test_what_errors_say_besides():
    error = GEMINI.find_error(google(429, "RESOURCE_EXHAUSTED", {"retryDelay": "x s"}, RETRY))
    assert error and error.retry_after == 13.5
    error = GEMINI.find_error(google(400, "INVALID_ARGUMENT", FIELD))
    assert error and error.param == "contents[0]"


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        3,
        {"error": None, "candidates": []},
        {"candidates": [], "message": "x"},
        {"usageMetadata": {}, "detail": "x"},
        {"base_resp": {"status_code": 0}},
        {"totalTokens": 3},
    ],
)
def test_answers_are_no_errors(body: Any):
    assert GEMINI.find_error(body) is None


def test_errors_are_written():
    body = google(429, "RESOURCE_EXHAUSTED", RETRY)
    error = GEMINI.find_error(body)
    assert error and GEMINI.write_error(error) == (429, body)
    attempts = ({"provider": "p", "status": 429},)
    foreign = ApiError(message="slow", kind="rate_limit", retry_after=2.0, attempts=attempts)
    status, said = GEMINI.write_error(foreign)
    assert status == 429
    assert said == {
        "error": {
            "code": 429,
            "message": "slow",
            "status": "RESOURCE_EXHAUSTED",
            "details": [{"@type": RETRY["@type"], "retryDelay": "2s"}],
            "switchyard": {"attempts": [{"provider": "p", "status": 429}]},
        }
    }
    again = GEMINI.find_error(said)
    assert again and (again.kind, again.retry_after) == ("rate_limit", 2.0)


@pytest.mark.parametrize("status", [402, 403, 429])
def test_a_spent_budget_is_an_exhausted_resource(status: int):
    told, said = GEMINI.write_error(ApiError(message="spent", kind="billing", status=status))
    assert told == said["error"]["code"] == status
    assert said["error"]["status"] == "RESOURCE_EXHAUSTED"
    again = GEMINI.find_error(said)
    assert again and again.kind == ("billing" if status == 402 else "rate_limit")


def test_models_are_listed():
    (model,) = GEMINI.write_models([ModelEntry("glm/x", "glm", context_window=9)])["models"]
    assert model["name"] == "models/glm/x" and model["inputTokenLimit"] == 9
    assert "generateContent" in model["supportedGenerationMethods"]


@needs_corpus
def test_recorded_errors():
    for name in ("gemini", "gemini-count-tokens"):
        for record in records(name):
            body = record.response if isinstance(record.response, dict) else {}
            found = GEMINI.find_error(body)
            assert (found is not None) == (record.status >= 400), record.id
            if found:
                assert found.status == record.status

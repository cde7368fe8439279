"""Every call of CLIProxyAPI's documentation is a route here."""

import httpx2

READ_WRITE = (
    *("debug", "logging-to-file", "usage-statistics-enabled", "request-retry", "request-log"),
    *("quota-exceeded/switch-project", "quota-exceeded/switch-preview-model", "ws-auth"),
    "max-retry-interval",
)
LISTS = (
    *("api-keys", "generative-language-api-key", "gemini-api-key", "codex-api-key"),
    *("claude-api-key", "openai-compatibility", "oauth-excluded-models", "proxy-url"),
)
DOCUMENTED = {
    *(("get", "config"), ("get", "config.yaml"), ("put", "config.yaml"), ("get", "latest-version")),
    *(("get", "usage"), ("get", "usage/export"), ("post", "usage/import"), ("get", "usage-queue")),
    *(("get", "logs"), ("delete", "logs"), ("get", "request-error-logs")),
    *(("get", "request-error-logs/{name}"), ("get", "api-key-usage"), ("get", "auth-files")),
    *(("get", "auth-files/download"), ("post", "auth-files"), ("delete", "auth-files")),
    *(("post", "vertex/import"), ("get", "{name}-auth-url"), ("get", "get-auth-status")),
    *((method, path) for path in READ_WRITE for method in ("get", "put", "patch")),
    *((method, path) for path in LISTS for method in ("get", "put", "patch", "delete")),
}
"""The headings of "Management API", and the older ones that clients still use."""


async def test_every_documented_call_is_there(client: httpx2.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    there = {
        (method, path.removeprefix("/v0/management/"))
        for path, methods in paths.items()
        for method in methods
    }
    assert DOCUMENTED - there == set()

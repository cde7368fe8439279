"""The tools: what they speak, and how each is run without a screen."""

import json
import sys
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field

from tests.integration.tools.speech import Format
from tests.integration.tools.task import PROMPT
from tests.integration.tools.task import WORD_FILE
from tests.support.router import ROOT

RUN_WITH = (sys.executable, "-P", str(ROOT / "scripts" / "launch.py"), "run-with")

USERS_OWN = {
    name: f"own-{name.lower().replace('_', '-')}-0123"
    for name in (
        *("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"),
        *("OPENAI_API_KEY", "CODEX_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "OLLAMA_API_KEY"),
    )
}
"""Keys that a user has set for other things, and which run-with keeps from the router: a router
with client keys would refuse them."""

type Files = Mapping[str, object]
"""JSON documents by their paths in the tool's home."""


@dataclass(frozen=True, slots=True)
class Client:
    """A tool in one of its configurations."""

    name: str
    tool: str
    format: Format
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Files = field(default_factory=dict)
    by_hand: "Callable[[str, str], ByHand] | None" = None
    """For a configuration that run-with does not know: what is set for a router and a model."""

    def command(self, router: str, model: str) -> list[str]:
        """Points the tool at the router by its base URL."""
        if self.by_hand:
            own = self.by_hand(router, model)
            return [self.tool, *own.arguments, *self.arguments]
        way = ("--router", router, "--base-url", "--model", model)
        return [*RUN_WITH, *way, self.tool, *self.arguments]

    def environ(self, router: str, model: str) -> dict[str, str]:
        own = self.by_hand(router, model).environment if self.by_hand else USERS_OWN
        return {**self.environment, **own}

    def home_files(self, router: str, model: str) -> Files:
        """What the tool shall find in its home."""
        own = self.by_hand(router, model).files if self.by_hand else {}
        return {**self.files, **own}


@dataclass(frozen=True, slots=True)
class ByHand:
    """What a user would set."""

    environment: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    files: Files = field(default_factory=dict)


_CLAUDE = {
    "DISABLE_AUTOUPDATER": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "IS_SANDBOX": "1",
}
_GEMINI = {"GEMINI_CLI_TRUST_WORKSPACE": "true"}
_CODEX = ("exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", PROMPT)
_OPENCODE = {"share": "disabled", "autoupdate": False, "permission": "allow"}
_OPENCODE_FILES = {".config/opencode/opencode.json": _OPENCODE}
_AIDER = (
    *("--no-git", "--yes", "--no-check-update", "--no-show-model-warnings", "--no-auto-lint"),
    *("--no-analytics", "--message", PROMPT, WORD_FILE),
)


def _codex_builtin(router: str, model: str) -> ByHand:
    """The provider that Codex has of itself: it tries a WebSocket first."""
    settings = f'model = "{model}"\nopenai_base_url = "{router}/v1"\n'
    return ByHand({"CODEX_API_KEY": "any"}, files={".codex/config.toml": settings})


def _qwen_anthropic(router: str, model: str) -> ByHand:
    return ByHand(
        {"ANTHROPIC_BASE_URL": router, "ANTHROPIC_API_KEY": "any", "ANTHROPIC_MODEL": model},
        ("--auth-type", "anthropic"),
    )


def _qwen_gemini(router: str, model: str) -> ByHand:
    return ByHand(
        {"GOOGLE_GEMINI_BASE_URL": router, "GEMINI_API_KEY": "any", "GEMINI_MODEL": model},
        ("--auth-type", "gemini"),
    )


def _opencode(provider: str, version: str) -> Callable[[str, str], ByHand]:
    def own(router: str, model: str) -> ByHand:
        options = {"baseURL": f"{router}/{version}", "apiKey": "any"}
        limits = {"context": 128000, "output": 8000}
        models = {model: {"name": model, "tool_call": True, "limit": limits}}
        config = {
            "provider": {provider: {"options": options, "models": models}},
            "model": f"{provider}/{model}",
            "small_model": f"{provider}/{model}",
        }
        return ByHand({"OPENCODE_CONFIG_CONTENT": json.dumps(config)})

    return own


def _pi(api: str, version: str) -> Callable[[str, str], ByHand]:
    def own(router: str, model: str) -> ByHand:
        entry = {
            "id": model,
            "name": model,
            "reasoning": False,
            "input": ["text"],
            "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0},
            "contextWindow": 128000,
            "maxTokens": 8000,
        }
        provider = {"baseUrl": router + version, "api": api, "apiKey": "any", "models": [entry]}
        return ByHand(
            arguments=("--provider", "mine", "--model", model),
            files={".pi/agent/models.json": {"providers": {"mine": provider}}},
        )

    return own


CLIENTS: tuple[Client, ...] = (
    Client("claude", "claude", "anthropic", ("-p", PROMPT, "--allowedTools", "Bash"), _CLAUDE),
    Client("codex", "codex", "openai-responses", _CODEX),
    Client("gemini", "gemini", "gemini", ("-p", PROMPT, "--yolo"), _GEMINI),
    Client("qwen", "qwen", "openai-chat", ("-p", PROMPT, "--yolo")),
    Client("opencode", "opencode", "openai-chat", ("run", PROMPT), files=_OPENCODE_FILES),
    Client("cline", "cline", "openai-chat", ("--auto-approve", "true", PROMPT)),
    Client("pi", "pi", "openai-chat", ("-p", PROMPT)),
    Client("aider", "aider", "openai-chat", _AIDER),
    Client("codex-builtin", "codex", "openai-responses", _CODEX, by_hand=_codex_builtin),
    Client(
        "qwen-anthropic", "qwen", "anthropic", ("-p", PROMPT, "--yolo"), by_hand=_qwen_anthropic
    ),
    Client("qwen-gemini", "qwen", "gemini", ("-p", PROMPT, "--yolo"), by_hand=_qwen_gemini),
    Client(
        *("opencode-anthropic", "opencode", "anthropic", ("run", PROMPT)),
        files=_OPENCODE_FILES,
        by_hand=_opencode("anthropic", "v1"),
    ),
    Client(
        *("opencode-google", "opencode", "gemini", ("run", PROMPT)),
        files=_OPENCODE_FILES,
        by_hand=_opencode("google", "v1beta"),
    ),
    Client(
        *("opencode-openai", "opencode", "openai-responses", ("run", PROMPT)),
        files=_OPENCODE_FILES,
        by_hand=_opencode("openai", "v1"),
    ),
    Client(
        "pi-anthropic", "pi", "anthropic", ("-p", PROMPT), by_hand=_pi("anthropic-messages", "")
    ),
    Client(
        *("pi-google", "pi", "gemini", ("-p", PROMPT)),
        by_hand=_pi("google-generative-ai", "/v1beta"),
    ),
    Client(
        *("pi-responses", "pi", "openai-responses", ("-p", PROMPT)),
        by_hand=_pi("openai-responses", "/v1"),
    ),
)

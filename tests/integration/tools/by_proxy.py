"""Tools that keep their own logins and come through the router by HTTPS_PROXY.

The hosts that they call are played by an upstream on this machine; their logins are made up.
"""

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

from tests.integration.tools.bench import Bench
from tests.integration.tools.bench import Outcome
from tests.integration.tools.bench import open_bench
from tests.integration.tools.clients import RUN_WITH
from tests.integration.tools.speech import FORMATS
from tests.integration.tools.speech import Format
from tests.integration.tools.speech import answer
from tests.integration.tools.speech import asks_model
from tests.integration.tools.speech import fault_of
from tests.integration.tools.stage import CLIENT_KEY
from tests.integration.tools.stage import KEY
from tests.integration.tools.stage import MODEL
from tests.integration.tools.stage import VERSIONED
from tests.integration.tools.task import PROMPT
from tests.integration.tools.task import WORD_FILE
from tests.support.steps import Behaviour
from tests.support.steps import whole
from tests.support.tls import server_context
from tests.support.upstream import Recorded
from tests.support.upstream import Upstream

PASSTHROUGH = "passthrough"

CLAUDE_HOST = "api.anthropic.com"
OPENAI_HOST = "api.openai.com"
CODEX_HOST = "chatgpt.com"
GEMINI_HOST = "generativelanguage.googleapis.com"
ASSIST_HOST = "cloudcode-pa.googleapis.com"
QWEN_HOST = "dashscope.aliyuncs.com"
OTHER_HOST = "llm.example.com"

INTERCEPTED = (
    *(CLAUDE_HOST, OPENAI_HOST, CODEX_HOST, GEMINI_HOST, ASSIST_HOST),
    *(QWEN_HOST, OTHER_HOST),
)
TUNNELLED = ("oauth2.googleapis.com", "www.googleapis.com")
"""What a login with Google asks besides; no model is there."""

SECRET = "mine-5d20c1"
"""Stands in every credential of a tool's own."""


@dataclass(frozen=True, slots=True)
class Own:
    """A tool with its own login."""

    name: str
    tool: str
    format: Format
    host: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, object] = field(default_factory=dict)


def _jwt(claims: Mapping[str, object]) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'RS256', 'typ': 'JWT'})}.{part(claims)}.{SECRET}"


def _chatgpt_login() -> dict[str, object]:
    now = int(time.time())
    account = {
        "chatgpt_plan_type": "pro",
        "chatgpt_account_id": "acc-1",
        "chatgpt_user_id": "u-1",
        "user_id": "u-1",
    }
    claims = {"https://api.openai.com/auth": account, "exp": now + 864_000, "iat": now}
    token = _jwt({**claims, "email": "me@example.com"})
    tokens = {
        "id_token": token,
        "access_token": token,
        "refresh_token": f"rt-{SECRET}",
        "account_id": "acc-1",
    }
    renewed = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    return {
        "auth_mode": "chatgpt",
        "OPENAI_API_KEY": None,
        "tokens": tokens,
        "last_refresh": renewed,
    }


def _google_login() -> dict[str, object]:
    return {
        "access_token": f"ya29.{SECRET}",
        "refresh_token": f"1//{SECRET}",
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "token_type": "Bearer",
        "expiry_date": (int(time.time()) + 86_400) * 1000,
    }


def _gemini_settings(login: str) -> dict[str, object]:
    return {
        "security": {"auth": {"selectedType": login}},
        "general": {"disableAutoUpdate": True},
        "privacy": {"usageStatisticsEnabled": False},
    }


_QUIET = {
    "DISABLE_AUTOUPDATER": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "IS_SANDBOX": "1",
}
_TRUSTED = {"GEMINI_CLI_TRUST_WORKSPACE": "true"}
_CLAUDE = ("-p", PROMPT, "--allowedTools", "Bash")
_CODEX = ("exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", PROMPT)
_URL = f"https://{OTHER_HOST}/v1"
_OPENCODE = {
    "provider": {
        "mine": {
            "npm": "@ai-sdk/openai-compatible",
            "name": "Mine",
            "options": {"baseURL": _URL, "apiKey": f"sk-{SECRET}"},
            "models": {"m": {"name": "M", "tool_call": True}},
        }
    },
    "model": "mine/m",
    "small_model": "mine/m",
    "share": "disabled",
    "autoupdate": False,
    "permission": "allow",
}
_CLINE = {
    "version": 1,
    "lastUsedProvider": "openai-compatible",
    "modes": {},
    "providers": {
        "openai-compatible": {
            "settings": {
                "provider": "openai-compatible",
                "apiKey": f"sk-{SECRET}",
                "model": "m",
                "baseUrl": _URL,
            },
            "updatedAt": "2026-01-01T00:00:00.000Z",
            "tokenSource": "manual",
        }
    },
}
_PI = {
    "baseUrl": _URL,
    "api": "openai-completions",
    "apiKey": f"sk-{SECRET}",
    "models": [
        {
            "id": "m",
            "name": "M",
            "reasoning": False,
            "input": ["text"],
            "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0},
            "contextWindow": 128000,
            "maxTokens": 8000,
        }
    ],
}

TOOLS: tuple[Own, ...] = (
    Own(
        *("claude", "claude", "anthropic", CLAUDE_HOST, _CLAUDE),
        environment={**_QUIET, "ANTHROPIC_API_KEY": f"sk-ant-api03-{SECRET}"},
    ),
    Own(
        *("claude-login", "claude", "anthropic", CLAUDE_HOST, _CLAUDE),
        environment={**_QUIET, "CLAUDE_CODE_OAUTH_TOKEN": f"sk-ant-oat01-{SECRET}"},
    ),
    Own(
        *("codex", "codex", "openai-responses", OPENAI_HOST, _CODEX),
        environment={"CODEX_API_KEY": f"sk-{SECRET}"},
        files={".codex/config.toml": 'model = "gpt-5"\n'},
    ),
    Own(
        *("codex-login", "codex", "openai-responses", CODEX_HOST, _CODEX),
        files={".codex/auth.json": _chatgpt_login()},
    ),
    Own(
        *("gemini", "gemini", "gemini", GEMINI_HOST),
        ("-p", PROMPT, "--yolo", "-m", "gemini-2.5-pro"),
        environment={**_TRUSTED, "GEMINI_API_KEY": f"AIza-{SECRET}"},
        files={".gemini/settings.json": _gemini_settings("gemini-api-key")},
    ),
    Own(
        *("gemini-login", "gemini", "gemini", ASSIST_HOST),
        ("-p", PROMPT, "--yolo", "-m", "gemini-2.5-pro"),
        environment=_TRUSTED,
        files={
            ".gemini/settings.json": _gemini_settings("oauth-personal"),
            ".gemini/oauth_creds.json": _google_login(),
        },
    ),
    Own(
        *("qwen", "qwen", "openai-chat", QWEN_HOST),
        ("-p", PROMPT, "--yolo", "--auth-type", "openai"),
        environment={
            "OPENAI_API_KEY": f"sk-{SECRET}",
            "OPENAI_MODEL": "qwen3-coder-plus",
            "OPENAI_BASE_URL": f"https://{QWEN_HOST}/compatible-mode/v1",
        },
    ),
    Own(
        *("opencode", "opencode", "openai-chat", OTHER_HOST, ("run", PROMPT)),
        files={".config/opencode/opencode.json": _OPENCODE},
    ),
    Own(
        *("cline", "cline", "openai-chat", OTHER_HOST, ("--auto-approve", "true", PROMPT)),
        environment={"CLINE_PROVIDER_SETTINGS_PATH": "{home}/providers.json"},
        files={"providers.json": _CLINE},
    ),
    Own(
        *("pi", "pi", "openai-chat", OTHER_HOST),
        ("-p", "--provider", "mine", "--model", "m", PROMPT),
        files={".pi/agent/models.json": {"providers": {"mine": _PI}}},
    ),
    Own(
        *("aider", "aider", "openai-chat", OTHER_HOST),
        (
            *("--model", "openai/gpt-4o", "--no-git", "--yes", "--no-check-update"),
            *("--no-show-model-warnings", "--no-auto-lint", "--no-analytics"),
            *("--message", PROMPT, WORD_FILE),
        ),
        environment={"OPENAI_API_BASE": _URL, "OPENAI_API_KEY": f"sk-{SECRET}"},
    ),
)


class Homes:
    """The hosts that the tools call, and a router for each rule about them."""

    def __init__(self, directory: Path, authority: Path) -> None:
        """`authority` vouches for the hosts' certificates."""
        self._directory = directory
        self._authority = authority
        self._fault: str | None = None
        self._benches: dict[tuple[tuple[str, ...], bool], Bench] = {}
        self.upstream = Upstream().start()
        self.upstream.on(None, always=answer)
        names = (*INTERCEPTED, *TUNNELLED)
        self.home = Upstream(tls=server_context("http/1.1", names=names)).start()
        self.home.on(None, always=self._answer)

    def run(
        self, own: Own, members: tuple[str, ...], fault: str | None = None, locked: bool = False
    ) -> Outcome:
        """Gives a tool the task. `members` are those of its host's rule; the host itself has the
        fault; a `locked` router asks for a client key. Raises NotInstalled."""
        bench = self._bench(members, locked)
        self._fault = fault
        try:
            return bench.perform(
                own.tool,
                [*RUN_WITH, "--router", bench.router.url, own.tool, *own.arguments],
                # As where a company's authority is trusted besides: tunnels end at our upstream.
                {
                    **own.environment,
                    "NODE_EXTRA_CA_CERTS": str(self._authority),
                    "SSL_CERT_FILE": str(self._authority),
                    **({"SWITCHYARD_KEY": CLIENT_KEY} if locked else {}),
                },
                own.files,
            )
        finally:
            self._fault = None

    def close(self) -> None:
        for bench in self._benches.values():
            bench.router.stop()
        for upstream in (self.upstream, self.home):
            upstream.stop()

    def _bench(self, members: tuple[str, ...], locked: bool) -> Bench:
        if (members, locked) not in self._benches:
            directory = self._directory / f"rule-{len(self._benches)}"
            directory.mkdir()
            config = {
                "providers": [
                    {
                        "name": format,
                        "format": format,
                        "base-url": self.upstream.url + VERSIONED[format],
                        "api-key": KEY,
                    }
                    for format in FORMATS
                ],
                "intercept": {host: list(members) for host in INTERCEPTED},
                "retry": {"request-retry": 0},
                "cooldown": {"base": "20ms", "cap": "40ms"},
                "clients": {"api-keys": [CLIENT_KEY] if locked else []},
            }
            self._benches[members, locked] = open_bench(
                *(directory, config, self.upstream, self.home),
                hosts=(*INTERCEPTED, *TUNNELLED),
                trust=self._authority,
            )
        return self._benches[members, locked]

    def _answer(self, request: Recorded) -> Behaviour:
        if asks_model(request):
            return fault_of(request, self._fault) if self._fault else answer(request)
        for end, said in _ASIDES.items():
            if request.path.endswith(end):
                return whole(json.dumps(said).encode())
        return answer(request)


def member(format: Format) -> str:
    """The model of the provider that speaks the format."""
    return f"{format}/{MODEL}"


_ASIDES: dict[str, Any] = {
    "/wham/accounts/check": {
        "accounts": [
            {
                "id": "acc-1",
                "account_id": "acc-1",
                "account_user_id": "u-1__acc-1",
                "structure": "personal",
                "plan_type": "pro",
                "can_access_with_session": True,
                "is_deactivated": False,
                "is_fedramp_compliant_workspace": False,
                "workspace_backend_origin": f"https://{CODEX_HOST}",
                "account_routing_override": "NO_CONSTRAINT",
            }
        ],
        "default_account_id": "acc-1",
        "account_ordering": ["acc-1"],
    },
    ":loadCodeAssist": {
        "currentTier": {"id": "free-tier", "name": "Free"},
        "allowedTiers": [{"id": "free-tier", "isDefault": True}],
        "cloudaicompanionProject": "project-1",
    },
    ":retrieveUserQuota": {"buckets": []},
    "/tokeninfo": {
        "email": "me@example.com",
        "expires_in": 3599,
        "scope": "https://www.googleapis.com/auth/cloud-platform",
    },
    "/userinfo": {"email": "me@example.com"},
}
"""What logins ask of their hosts, by the end of the path."""

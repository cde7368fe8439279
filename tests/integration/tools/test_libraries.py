"""Libraries that call models: a streamed task with a tool, through the router.

Each is a script of `libraries/`. `scripts/test --tools` installs and runs them.
"""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.tools.bench import Outcome
from tests.integration.tools.conftest import Report
from tests.integration.tools.installing import NotInstalled
from tests.integration.tools.installing import libraries
from tests.integration.tools.installing import place_of
from tests.integration.tools.installing import search_path
from tests.integration.tools.speech import FORMATS
from tests.integration.tools.speech import Format
from tests.integration.tools.stage import MODEL
from tests.integration.tools.stage import Stage
from tests.integration.tools.stage import after
from tests.integration.tools.stage import another
from tests.integration.tools.stage import via
from tests.integration.tools.task import COMMANDS
from tests.integration.tools.task import PROMPT
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.router import Router
from tests.support.router import environment
from tests.support.steps import Drip
from tests.support.steps import chunked
from tests.support.upstream import Upstream

SCRIPTS = Path(__file__).with_name("libraries")
MANY = 20
LATE = Drip((b"",), 0.02)
"""How long after `[DONE]` the upstream ends its body."""

LLM_MODELS = """\
- model_id: routed
  model_name: {model}
  api_base: {router}/v1
  supports_tools: true
"""
LLM_TOOL = """\
import subprocess
def shell(command: str) -> str:
    "Runs a shell command"
    return subprocess.run(command, shell=True, capture_output=True, text=True).stdout
"""


@dataclass(frozen=True, slots=True)
class Library:
    """One of them, by one API."""

    name: str
    package: str
    """What is installed for it, of `pinned.yaml`."""
    format: Format
    """What it speaks; Ollama's API counts as Chat, from which it is translated too."""
    script: tuple[str, ...]


LIBRARIES = (
    Library("strands, Ollama", "strands", "openai-chat", ("strands_ollama.py",)),
    Library("strands, Chat", "strands", "openai-chat", ("strands_openai.py",)),
    Library("Pydantic AI, Chat", "pydantic-ai", "openai-chat", ("pydantic_ai_agent.py", "chat")),
    Library("Pydantic AI, Responses", "pydantic-ai", "openai-responses",
            ("pydantic_ai_agent.py", "responses")),
    Library("Pydantic AI, Anthropic", "pydantic-ai", "anthropic",
            ("pydantic_ai_agent.py", "anthropic")),
    Library("OpenAI Agents, Chat", "openai-agents", "openai-chat", ("openai_agents.py", "chat")),
    Library("OpenAI Agents, Responses", "openai-agents", "openai-responses",
            ("openai_agents.py", "responses")),
    Library("LangChain, Chat", "langchain", "openai-chat", ("langchain_agent.py", "chat")),
    Library("LangChain, Responses", "langchain", "openai-responses",
            ("langchain_agent.py", "responses")),
    Library("LangChain, Anthropic", "langchain", "anthropic",
            ("langchain_agent.py", "anthropic")),
    Library("LangChain, Ollama", "langchain", "openai-chat", ("langchain_agent.py", "ollama")),
    Library("AI SDK, Chat", "ai-sdk", "openai-chat", ("vercel.mjs", "chat")),
    Library("AI SDK, compatible", "ai-sdk", "openai-chat", ("vercel.mjs", "compatible")),
    Library("AI SDK, Responses", "ai-sdk", "openai-responses", ("vercel.mjs", "responses")),
    Library("AI SDK, Anthropic", "ai-sdk", "anthropic", ("vercel.mjs", "anthropic")),
    Library("llm", "llm", "openai-chat", ("llm",)),
)  # fmt: skip

every_library = pytest.mark.parametrize("library", LIBRARIES, ids=lambda one: one.name)


def command_of(library: Library) -> Sequence[str]:
    if library.script == ("llm",):
        return ["llm", "-m", "routed", "--functions", LLM_TOOL, PROMPT]
    program = "node" if library.script[0].endswith(".mjs") else "python"
    return [program, str(SCRIPTS / library.script[0]), *library.script[1:]]


def perform(report: Report, stage: Stage, library: Library, model: str) -> Outcome:
    report.skip_unless(False)
    package = libraries()[library.package]
    try:
        return stage.run_command(
            library.package,
            command_of(library),
            {
                "MODEL": model,
                "PROMPT": PROMPT,
                "PACKAGES": str(place_of(package)),
                "PYTHONDONTWRITEBYTECODE": "1",
                "OPENAI_API_KEY": "any",
            },
            {".config/io.datasette.llm/extra-openai-models.yaml": LLM_MODELS},
        )
    except NotInstalled as error:
        report.skip_missing(library.package, error)


def judge(outcome: Outcome) -> None:
    assert outcome.done, outcome.story()
    assert outcome.ended.status == 0, outcome.story()
    assert not outcome.refused, outcome.story()
    assert len(outcome.requests) >= len(COMMANDS) + 1, outcome.story()


@every_library
@pytest.mark.parametrize("format", FORMATS)
def test_the_task_is_done_whatever_the_provider_speaks(
    stage: Stage, report: Report, library: Library, format: Format
) -> None:
    outcome = perform(report, stage, library, via(format))
    report.add(library.name, f"by {format}", outcome, passed=outcome.done)
    judge(outcome)


@every_library
def test_the_task_is_done_though_the_first_member_fails(
    stage: Stage, report: Report, library: Library
) -> None:
    outcome = perform(report, stage, library, after("overloaded", library.format))
    case = f"overloaded, then {another(library.format)}"
    report.add(library.name, case, outcome, passed=outcome.done)
    judge(outcome)
    assert MODEL in outcome.models(), outcome.story()


def test_openais_sdk_for_javascript_needs_one_connection(report: Report, tmp_path: Path) -> None:
    report.skip_unless(False)
    try:
        path = search_path("openai-js")
    except NotInstalled as error:
        report.skip_missing("openai-js", error)
    answer = Answer()
    with Upstream() as upstream:
        upstream.on("m", always=chunked(*CHAT.events(answer), LATE))
        provider = {"name": "p", "base-url": f"{upstream.url}/v1", "api-key": "k"}
        config = {"providers": [provider], "exchange-log": {"dir": str(tmp_path / "log")}}
        with Router(tmp_path, config) as router:
            more = {"ROUTER": router.url, "MODEL": "p/m", "PATH": path}
            packages = str(place_of(libraries()["openai-js"]))
            subprocess.run(
                ["node", str(SCRIPTS / "many_calls.mjs"), str(MANY)],
                env=environment(tmp_path, {**more, "PACKAGES": packages}),
                check=True,
                timeout=300,
            )
        connections = upstream.connections
    logs = [
        json.loads((one / "exchange.json").read_bytes()) for one in (tmp_path / "log").iterdir()
    ]
    assert len(logs) == MANY and all(one["answered"] for one in logs)
    assert {one["tokens"]["output"] for one in logs} == {answer.output}
    assert connections == 1

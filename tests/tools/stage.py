"""What the tools are run against: a router with upstreams of all formats, good and faulty."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.upstream import Upstream
from tests.tools.bench import Bench
from tests.tools.bench import Outcome
from tests.tools.bench import open_bench
from tests.tools.clients import Client
from tests.tools.speech import AT_ONCE
from tests.tools.speech import FAULTS
from tests.tools.speech import FAULTY
from tests.tools.speech import FORMATS
from tests.tools.speech import Fault
from tests.tools.speech import Format
from tests.tools.speech import answer

KEY = "sk-upstream-7c1f"
MODEL = "model-of-the-task"
VERSIONED = {"openai-chat": "/v1", "openai-responses": "/v1", "anthropic": "", "gemini": ""}


def via(format: Format) -> str:
    """The combo that a provider of the format answers."""
    return f"via-{format}"


def after(fault: Fault, format: Format) -> str:
    """The combo whose first member speaks the format and fails; one of another format answers."""
    return f"{fault}-{format}"


def another(format: Format) -> Format:
    return FORMATS[(FORMATS.index(format) + 2) % len(FORMATS)]


def configuration(url: str) -> dict[str, Any]:
    providers: list[dict[str, Any]] = []
    combos: dict[str, list[str]] = {}
    for format in FORMATS:
        common = {"format": format, "base-url": url + VERSIONED[format], "api-key": KEY}
        providers.append({"name": f"good-{format}", **common})
        combos[via(format)] = [f"good-{format}/{MODEL}"]
        combos[via(format) + AT_ONCE] = [f"good-{format}/{MODEL}{AT_ONCE}"]
        for fault in FAULTS:
            # A provider each: what one fault rests must not spare another case its fault.
            name = f"bad-{fault}-{format}"
            providers.append({"name": name, **common})
            good = f"good-{another(format)}/{MODEL}"
            combos[after(fault, format)] = [f"{name}/{FAULTY}{fault}", good]
    return {
        "providers": providers,
        "combos": combos,
        "retry": {"request-retry": 0},
        "cooldown": {"base": "20ms", "cap": "40ms"},
    }


@dataclass(slots=True)
class Stage:
    """Tools come by base URL."""

    bench: Bench

    def run(self, client: Client, model: str) -> Outcome:
        """Gives a tool the task. Raises NotInstalled."""
        router = self.bench.router.url
        return self.bench.perform(
            client.tool,
            client.command(router, model),
            client.environ(router, model),
            client.home_files(router, model),
        )


def open_stage(directory: Path) -> Stage:
    upstream = Upstream().start()
    upstream.on(None, always=answer)
    return Stage(open_bench(directory, configuration(upstream.url), upstream))


def close_stage(stage: Stage) -> None:
    stage.bench.router.stop()
    stage.bench.upstream.stop()

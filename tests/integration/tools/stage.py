"""What the tools are run against: a router with upstreams of all formats, good and faulty."""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

import httpx2

from tests.integration.tools.bench import WITHIN
from tests.integration.tools.bench import Bench
from tests.integration.tools.bench import Outcome
from tests.integration.tools.bench import open_bench
from tests.integration.tools.clients import Client
from tests.integration.tools.speech import AT_ONCE
from tests.integration.tools.speech import AWAY
from tests.integration.tools.speech import BREAKS
from tests.integration.tools.speech import FAULTS
from tests.integration.tools.speech import FAULTY
from tests.integration.tools.speech import FORMATS
from tests.integration.tools.speech import SLOW
from tests.integration.tools.speech import Fault
from tests.integration.tools.speech import Format
from tests.integration.tools.speech import answer
from tests.support.upstream import Upstream

KEY = "sk-upstream-7c1f"
CLIENT_KEY = "sk-router-93b2"
MODEL = "model-of-the-task"
WRONG_KEY = "sk-router-0000"
REFUSALS = {"spent": 402, "barred": 403, "huge": 413, "busy": 429}
"""Models that the locked router refuses, and the status that it does so with."""
VERSIONED = {"openai-chat": "/v1", "openai-responses": "/v1", "anthropic": "", "gemini": ""}


def via(format: Format) -> str:
    """The combo that a provider of the format answers."""
    return f"via-{format}"


def after(fault: Fault, format: Format) -> str:
    """The combo whose first member speaks the format and fails; one of another format answers."""
    return f"{fault}-{format}"


def goes_on(format: Format) -> str:
    """The combo whose first member breaks off in the middle of a text; another goes on with it."""
    return f"{BREAKS}-{format}"


def in_turns(first: Format, second: Format) -> str:
    """The combo whose first member is not to be had for the task's second turn."""
    return f"turns-{first}-{second}"


def another(format: Format) -> Format:
    return FORMATS[(FORMATS.index(format) + 2) % len(FORMATS)]


def configuration(url: str) -> dict[str, Any]:
    providers: list[dict[str, Any]] = []
    combos: dict[str, Any] = {}
    for format in FORMATS:
        common = {"format": format, "base-url": url + VERSIONED[format], "api-key": KEY}
        providers.append({"name": f"good-{format}", **common})
        combos[via(format)] = [f"good-{format}/{MODEL}"]
        for manner in (AT_ONCE, SLOW):
            combos[via(format) + manner] = [f"good-{format}/{MODEL}{manner}"]
        for fault in FAULTS:
            # A provider each: what one fault rests must not spare another case its fault.
            name = f"bad-{fault}-{format}"
            providers.append({"name": name, **common})
            good = f"good-{another(format)}/{MODEL}"
            combos[after(fault, format)] = [f"{name}/{FAULTY}{fault}", good]
        providers.append({"name": f"away-{format}", **common})
        for second in FORMATS:
            members = [f"away-{format}/{MODEL}{AWAY}", f"good-{second}/{MODEL}"]
            combos[in_turns(format, second)] = members
        providers.append({"name": f"bad-{BREAKS}-{format}", **common})
        members = [f"bad-{BREAKS}-{format}/{FAULTY}{BREAKS}", f"good-{another(format)}/{MODEL}"]
        combos[goes_on(format)] = {"members": members, "continue-streams": True}
    return {
        "providers": providers,
        "combos": combos,
        "retry": {"request-retry": 0},
        "cooldown": {"base": "20ms", "cap": "40ms"},
        "heartbeat": {"after": "500ms", "every": "500ms"},
    }


def refusing(providers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Settings of a router that asks for a client key, and refuses some models to it."""
    spent = {"models": ["spent"], "budgets": {"total": "0.000001 USD"}}
    huge = {"models": ["huge"], "limits": {"input": "10/m"}}
    busy = {"models": ["busy"], "limits": {"requests": "1/d"}}
    policy = {"per-model": [spent, huge, busy], "over-budget": "refuse", "except": ["barred"]}
    return {
        "clients": {"api-keys": [{"key": CLIENT_KEY, "name": "tools", **policy}]},
        "providers": [
            *({**one, "billing": "per-token"} for one in providers),
            {**providers[0], "name": "costly", "billing": "per-token", "models": [*REFUSALS]},
        ],
        "prices": [{"input": 2, "output": 8}],
    }


@dataclass(slots=True)
class Stage:
    """Tools come by base URL."""

    directory: Path
    upstream: Upstream
    _benches: dict[bool, Bench] = field(default_factory=dict)
    """By whether the router asks for a client key."""

    def run(
        self,
        client: Client,
        model: str,
        locked: bool = False,
        key: str = CLIENT_KEY,
        within: float = WITHIN,
    ) -> Outcome:
        """Gives a tool the task. Raises NotInstalled."""
        bench = self._bench(locked)
        router = bench.router.url
        shown = {"SWITCHYARD_KEY": key} if locked else {}
        return bench.perform(
            client.tool,
            client.command(router, model),
            {**client.environ(router, model), **shown},
            client.home_files(router, model),
            within,
        )

    def run_command(
        self,
        package: str,
        command: Sequence[str],
        environ: Mapping[str, str],
        files: Mapping[str, str],
    ) -> Outcome:
        """Has a command of a package do the task, with the variables `environ` and `ROUTER`.

        In `files` the router and the variable `MODEL` are filled in. Raises NotInstalled.
        """
        bench = self._bench(False)
        router, model = bench.router.url, environ["MODEL"]
        filled = {name: text.format(router=router, model=model) for name, text in files.items()}
        return bench.perform(package, command, {**environ, "ROUTER": router}, filled)

    def _bench(self, locked: bool) -> Bench:
        if locked not in self._benches:
            (place := self.directory / ("locked" if locked else "open")).mkdir()
            config = configuration(self.upstream.url)
            if locked:
                config |= refusing(config["providers"])
            bench = self._benches[locked] = open_bench(place, config, self.upstream)
            if locked:
                _use_up(bench.router.url)
        return self._benches[locked]

    def close(self) -> None:
        for bench in self._benches.values():
            bench.router.stop()
        self.upstream.stop()


def _use_up(router: str) -> None:
    """Makes the one request that the limit of the model `busy` allows in a day."""
    body = {"model": "busy", "messages": [{"role": "user", "content": "hi"}]}
    headers = {"authorization": f"Bearer {CLIENT_KEY}"}
    with httpx2.Client(trust_env=False, timeout=60) as client:
        client.post(f"{router}/v1/chat/completions", json=body, headers=headers).raise_for_status()


def open_stage(directory: Path) -> Stage:
    upstream = Upstream().start()
    upstream.on(None, always=answer)
    return Stage(directory, upstream)

"""What the tools are run against: a router with upstreams of all formats, good and faulty."""

import itertools
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

from tests.support.router import Router
from tests.support.upstream import Recorded
from tests.support.upstream import Upstream
from tests.tools.clients import Client
from tests.tools.installing import search_path
from tests.tools.isolation import Ended
from tests.tools.isolation import run_apart
from tests.tools.speech import FAULTS
from tests.tools.speech import FAULTY
from tests.tools.speech import FORMATS
from tests.tools.speech import Fault
from tests.tools.speech import Format
from tests.tools.speech import answer
from tests.tools.speech import model_of
from tests.tools.task import WORD_FILE

KEY = "sk-upstream-7c1f"
MODEL = "model-of-the-task"
WITHIN = 60.0
"""Seconds until a tool that runs is taken to hang."""

_SHOWN = 12

_VERSIONED = {"openai-chat": "/v1", "openai-responses": "/v1", "anthropic": "", "gemini": ""}

_numbers = itertools.count(1)


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
        common = {"format": format, "base-url": url + _VERSIONED[format], "api-key": KEY}
        providers.append({"name": f"good-{format}", **common})
        combos[via(format)] = [f"good-{format}/{MODEL}"]
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


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run of a tool."""

    ended: Ended
    word: str
    """What it had to find out."""
    requests: tuple[Recorded, ...]
    """What the upstream was asked."""
    watched: tuple[dict[str, Any], ...]
    """What the router answered, refused and failed at."""

    @property
    def done(self) -> bool:
        return self.word in self.ended.output

    @property
    def dropped(self) -> set[str]:
        """What was sent that the router had to leave out."""
        names = (one for seen in self.watched for one in seen.get("dropped", "").split(", "))
        return {name for name in names if name}

    def models(self) -> set[str]:
        return {model_of(request) for request in self.requests}

    def story(self) -> str:
        """For a failed test: what happened."""
        lines = [f"status {self.ended.status} after {self.ended.seconds:.1f} s"]
        lines += [json.dumps(seen) for seen in self.watched[:_SHOWN]]
        lines += [f"upstream: {r.method} {r.target} {model_of(r)}" for r in self.requests[:_SHOWN]]
        return "\n".join([*lines, "output:", self.ended.output[-6000:]])


@dataclass(slots=True)
class Stage:
    router: Router
    upstream: Upstream
    directory: Path
    log: Path
    _seen: int = field(default=0)

    def run(self, client: Client, model: str) -> Outcome:
        """Gives the tool the task by base URL. Raises NotInstalled."""
        router = self.router.url
        command = client.command(router, model)
        return self._run(client, command, client.environ(router, model), router, model)

    def _run(
        self, client: Client, command: list[str], more: dict[str, str], router: str, model: str
    ) -> Outcome:
        path = search_path(client.tool)
        home, work = self._directories(client)
        word = f"word-{secrets.token_hex(6)}"
        (work / WORD_FILE).write_text(f"{word}\n")
        client.lay_out(home, router, model)
        environ = {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8", "TERM": "dumb", **more}
        before = len(self.upstream.requests)
        list(self._watched())
        ended = run_apart(
            command, port=self.router.port, directory=work, environ=environ, within=WITHIN
        )
        asked = tuple(self.upstream.requests[before:])
        return Outcome(ended, word, asked, tuple(self._watched()))

    def _directories(self, client: Client) -> tuple[Path, Path]:
        place = self.directory / f"{client.name}-{next(_numbers)}"
        home, work = place / "home", place / "work"
        for directory in (home, work):
            directory.mkdir(parents=True)
        return home, work

    def _watched(self) -> Iterator[dict[str, Any]]:
        """What the router's watch wrote since the last time."""
        if not self.log.exists():
            return
        lines = self.log.read_text().splitlines()
        new, self._seen = lines[self._seen :], len(lines)
        yield from map(json.loads, new)


def open_stage(directory: Path) -> Stage:
    upstream = Upstream().start()
    upstream.on(None, always=answer)
    log = directory / "watched.jsonl"
    told = directory / "watch.json"
    told.write_text(json.dumps({"hosts": {}, "log": str(log)}))
    watch = Path(__file__).with_name("watch.py")
    router = Router(
        directory,
        configuration(upstream.url),
        *("-s", str(watch)),
        env={"SWITCHYARD_WATCH": str(told)},
    )
    return Stage(router.start(), upstream, directory, log)


def close_stage(stage: Stage) -> None:
    stage.router.stop()
    stage.upstream.stop()

"""A router, watched, before which tools do the task."""

import itertools
import json
import secrets
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

from tests.integration.tools.installing import search_path
from tests.integration.tools.isolation import Ended
from tests.integration.tools.isolation import run_apart
from tests.integration.tools.speech import model_of
from tests.integration.tools.speech import refusal
from tests.integration.tools.task import WORD_FILE
from tests.support.router import Router
from tests.support.upstream import Recorded
from tests.support.upstream import Upstream

WITHIN = 180.0
"""Seconds until a tool that runs is taken to hang."""

_SHOWN = 40
_WATCH = Path(__file__).with_name("watch.py")

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run of a tool."""

    ended: Ended
    word: str
    """What it had to find out."""
    requests: tuple[Recorded, ...]
    """What the providers of the configuration were asked."""
    at_home: tuple[Recorded, ...]
    """What the hosts were asked that the tool itself calls."""
    watched: tuple[dict[str, Any], ...]
    """What the router answered, refused and failed at."""
    work: Path
    """The directory that it worked in."""

    @property
    def done(self) -> bool:
        return self.word in self.ended.output

    @property
    def dropped(self) -> set[str]:
        """What was sent that the router had to leave out."""
        names = (one for seen in self.watched for one in seen.get("dropped", "").split(", "))
        return {name for name in names if name}

    @property
    def sockets(self) -> int:
        """WebSockets that the router itself spoke."""
        return sum(seen.get("status") == 101 for seen in self.watched)

    @property
    def refused(self) -> list[str]:
        """Why providers refused requests; some tools mend theirs and try again."""
        return [why for each in (*self.requests, *self.at_home) if (why := refusal(each))]

    def models(self) -> set[str]:
        return {model_of(request) for request in self.requests}

    def story(self) -> str:
        """For a failed test: what happened."""
        lines = [f"status {self.ended.status} after {self.ended.seconds:.1f} s"]
        lines += [json.dumps(seen) for seen in self.watched[:_SHOWN]]
        lines += [f"upstream: {r.method} {r.target} {model_of(r)}" for r in self.requests[:_SHOWN]]
        lines += [f"at home: {r.method} {r.target} {model_of(r)}" for r in self.at_home[:_SHOWN]]
        lines += [f"refused: {why}" for why in self.refused]
        return "\n".join([*lines, "output:", self.ended.output[-6000:]])


@dataclass(slots=True)
class Bench:
    router: Router
    upstream: Upstream
    home: Upstream | None
    log: Path
    _seen: int = field(default=0)

    def perform(
        self,
        tool: str,
        command: Sequence[str],
        environ: Mapping[str, str],
        files: Mapping[str, object],
        within: float = WITHIN,
    ) -> Outcome:
        """Has a tool do the task, for `within` seconds. `{home}` in its variables is the home that
        is made for it, in which `files` are (texts, or what becomes JSON). Raises NotInstalled."""
        path = search_path(tool)
        home, work = self._directories(tool)
        word = f"word-{secrets.token_hex(6)}"
        (work / WORD_FILE).write_text(f"{word}\n")
        for name, content in files.items():
            place = home / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(content if isinstance(content, str) else json.dumps(content))
        own = {name: value.replace("{home}", str(home)) for name, value in environ.items()}
        before = [len(each.requests) for each in self._upstreams()]
        list(self._watched())
        ended = run_apart(
            command,
            port=self.router.port,
            directory=work,
            environ={"PATH": path, "HOME": str(home), "LANG": "C.UTF-8", "TERM": "dumb", **own},
            within=within,
        )
        asked = [
            tuple(each.requests[start:])
            for each, start in zip(self._upstreams(), before, strict=True)
        ]
        at_home = asked[1] if self.home else ()
        return Outcome(ended, word, asked[0], at_home, tuple(self._watched()), work)

    def _upstreams(self) -> list[Upstream]:
        return [self.upstream, *([self.home] if self.home else [])]

    def _directories(self, tool: str) -> tuple[Path, Path]:
        place = self.router.directory / f"{tool}-{next(_numbers)}"
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


def open_bench(
    directory: Path,
    config: Mapping[str, Any],
    upstream: Upstream,
    home: Upstream | None = None,
    hosts: Sequence[str] = (),
    trust: Path | None = None,
) -> Bench:
    """Starts the router. `home` stands in for `hosts`, with certificates that `trust` vouches
    for; no other host can be reached."""
    log = directory / "watched.jsonl"
    ports = dict.fromkeys(hosts, home.port) if home else {}
    told = directory / "watch.json"
    told.write_text(json.dumps({"hosts": ports, "log": str(log)}))
    environ = {"SWITCHYARD_WATCH": str(told)}
    router = Router(directory, config, "-s", str(_WATCH), env=environ, trust=trust)
    return Bench(router.start(), upstream, home, log)

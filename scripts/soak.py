"""One router under load: many streams at once, faulty upstreams, clients that leave.

Prints what happened and what was left behind. Exit code 1 if a request was not accounted for
exactly once, a client read anything that is no proper answer, or something leaked.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2

from tests.support.answers import ANTHROPIC
from tests.support.answers import BAD
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import Dialect
from tests.support.answers import refusing
from tests.support.reading import Malformed
from tests.support.reading import read_body
from tests.support.reading import read_stream
from tests.support.router import Router
from tests.support.steps import CUT
from tests.support.steps import HANG
from tests.support.steps import RESET
from tests.support.steps import Behaviour
from tests.support.steps import Drip
from tests.support.steps import chunked
from tests.support.steps import whole
from tests.support.upstream import Recorded
from tests.support.upstream import Upstream

FAULTY = 0.3
LEAVING = 0.15
JSON_SHARE = 0.25
IDLE_WITHIN = 60.0
MOST_WARM_UP = 60.0
"""Seconds of load after which the process has what it needs, or a third of shorter runs."""
MOST_GROWTH = 8.0
"""MB that the process may grow by between the end of a whole warm-up and the end."""
MOST_GROWTH_WHILE_WARMING = 20.0
"""The same in shorter runs."""

PROBE = Path(__file__).parent / "lib" / "soak_probe.py"
WORDS = tuple(f" word{n}" for n in range(20))
TEXT = "".join(WORDS)

type Fault = Callable[[Dialect, bool], Behaviour]


def begun(dialect: Dialect, *after: Any) -> Behaviour:
    said = [*dialect.opening(Answer()), *dialect.begin_text(), dialect.text(WORDS[0])]
    return chunked(*said, *after)


FAULTS: dict[str, Fault] = {
    "cut": lambda d, s: (CUT,),
    "reset": lambda d, s: (RESET,),
    "hang": lambda d, s: (HANG,),
    "hang-after-head": lambda d, s: chunked(HANG),
    "429": lambda d, s: refusing(d, 429, "rate_limit_error"),
    "429-retry-after": lambda d, s: refusing(d, 429, headers=[("retry-after", "1")]),
    "500": lambda d, s: refusing(d, 500, message=BAD),
    "503": lambda d, s: refusing(d, 503, "overloaded_error"),
    "html": lambda d, s: whole(f"<html>{BAD}".encode(), 502, "text/html"),
    "empty": lambda d, s: chunked() if s else whole(b""),
    "no-json": lambda d, s: whole(f"{{{BAD}".encode()),
    "error-event": lambda d, s: chunked(d.error_event("overloaded_error", "busy")),
    "cut-in-text": lambda d, s: begun(d, CUT) if s else (*whole(d.whole(Answer()))[:1], CUT),
    "reset-in-text": lambda d, s: begun(d, RESET) if s else (RESET,),
    "stall-in-text": lambda d, s: begun(d, HANG) if s else (HANG,),
    "error-in-text": lambda d, s: begun(d, d.error_event("api_error", "ill")),
}


def react(dialect: Dialect, rng: random.Random, played: Counter[str]) -> Any:
    """What an upstream does: well most of the time, slowly as models are."""

    def reaction(request: Recorded) -> Behaviour:
        if rng.random() < FAULTY:
            name = rng.choice(list(FAULTS))
            played[name] += 1
            return FAULTS[name](dialect, request.streams)
        played["good"] += 1
        if not request.streams:
            return whole(dialect.whole(Answer(text=TEXT)))
        every = rng.uniform(0.0, 0.1)
        said = Drip(tuple(map(dialect.text, WORDS)), every)
        start = [*dialect.opening(Answer()), *dialect.begin_text()]
        return chunked(*start, said, *dialect.closing(Answer()))

    return reaction


def configuration(upstream: Upstream) -> dict[str, Any]:
    providers = [
        {
            "name": f"{dialect.name}-{n}",
            "format": dialect.name,
            "base-url": upstream.url,
            "api-key-entries": [f"sk-soak-{n}-1", f"sk-soak-{n}-2"],
            "timeouts": {"first-byte": "2s", "first-output": "2s", "between-chunks": "2s"},
        }
        for dialect in (CHAT, ANTHROPIC)
        for n in (1, 2)
    ]
    members = [f"{provider['name']}/{provider['format']}" for provider in providers]
    return {
        "providers": providers,
        "combos": {
            "spread": {"members": members, "strategy": "round-robin"},
            "ordered": {"members": members},
            "hedged": {"members": members, "strategy": "round-robin", "hedge-after": "300ms"},
            "continued": {"members": members, "strategy": "round-robin", "continue-streams": True},
            "patient": {"members": members, "wait-for-recovery": "3s"},
        },
        "heartbeat": {"after": "500ms", "every": "500ms"},
        "cooldown": {"base": "10ms", "cap": "100ms"},
        "retry": {"max-retry-interval": "1s", "deadline": "20s"},
    }


class Load:
    """Clients that ask, read strictly, and sometimes leave."""

    def __init__(self, url: str, rng: random.Random) -> None:
        self.outcomes: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.asked = 0
        self._url = url
        self._rng = rng

    async def client(self, until: float) -> None:
        """One client after the other, each with a connection of its own for some requests."""
        while time.monotonic() < until:
            async with httpx2.AsyncClient(base_url=self._url, timeout=60, trust_env=False) as http:
                for _ in range(self._rng.randint(1, 8)):
                    await self._ask(http)
                    if time.monotonic() >= until:
                        break

    async def _ask(self, http: httpx2.AsyncClient) -> None:
        rng = self._rng
        dialect = rng.choice([CHAT, ANTHROPIC])
        stream = rng.random() >= JSON_SHARE
        combo = rng.choice(["spread", "ordered", "hedged", "continued", "patient"])
        said = [{"role": "user", "content": "Well?"}]
        body = {"model": combo, "messages": said, "max_tokens": 99, "stream": stream}
        leaves = rng.uniform(0.05, 1.5) if rng.random() < LEAVING else None
        self.asked += 1
        try:
            async with asyncio.timeout(leaves):
                answer = await http.post(dialect.path, json=body)
        except TimeoutError:
            self.outcomes["left"] += 1
            return
        except httpx2.HTTPError as e:
            self.outcomes["broken"] += 1
            self.wrong.append(f"{combo}, {dialect.name}, stream={stream}: {e!r}")
            return
        try:
            self.outcomes[self._judge(dialect, stream, answer)] += 1
        except Malformed as e:
            self.outcomes["malformed"] += 1
            self.wrong.append(f"{combo}, {dialect.name}, stream={stream}: {e}: {answer.text!r}")

    def _judge(self, dialect: Dialect, stream: bool, answer: httpx2.Response) -> str:
        streamed = stream and answer.status_code == 200
        told = (read_stream if streamed else read_body)(dialect.name, answer.content)  # pyright: ignore
        if told.error is None and told.text.strip() == TEXT.strip():
            return "answered"
        if told.error is None and self._is_continued(told.text):
            return "answered, continued"
        if BAD in told.text or told.error is None:
            raise Malformed("neither the answer nor an error")
        if answer.status_code != 200:
            return f"error {answer.status_code}"
        return "error in the stream, after output" if told.text else "error in the stream"

    def _is_continued(self, text: str) -> bool:
        """Whether it is an answer that begins anew where another broke off: these upstreams do not
        read what they are asked to continue."""
        return text.endswith(TEXT) and all(word in TEXT for word in text.split())


def resident(pid: int) -> float:
    """MB of memory the process holds."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def sockets(pid: int) -> int:
    links = []
    for each in Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.append(str(each.readlink()))
        except OSError:
            continue
    return sum(link.startswith("socket:") for link in links)


def fetch(router: Router, path: str) -> Any:
    return httpx2.get(router.url + path, timeout=30, trust_env=False).json()


def standing(router: Router) -> dict[str, Any]:
    """What is alive in the router now."""
    probe = fetch(router, "/soak")
    rows = [row for p in fetch(router, "/v0/health/providers")["providers"] for row in p["targets"]]
    return {
        **probe,
        "running": fetch(router, "/health")["running"],
        "in-flight": sum(row["in-flight"] for row in rows),
        "successes": sum(row["successes"] for row in rows),
        "failures": sum(row["failures"] for row in rows),
        "sockets": sockets(router.pid),
    }


def is_idle(now: dict[str, Any], before: dict[str, Any]) -> bool:
    held = ("running", "in-flight", "routed", "tasks", "sockets", "connections", "never-ended")
    same = all(now[name] <= before[name] for name in held)
    return same and all(now["alive"][name] <= n for name, n in before["alive"].items())


def wait_until_idle(router: Router, before: dict[str, Any]) -> dict[str, Any]:
    """The figures once nothing more is running, or after IDLE_WITHIN seconds."""
    until = time.monotonic() + IDLE_WITHIN
    while True:
        now = standing(router)
        if is_idle(now, before) or time.monotonic() > until:
            return now
        time.sleep(0.25)


async def run_load(load: Load, streams: int, seconds: float, router: Router) -> float:
    """The memory after the warm-up."""
    until = time.monotonic() + seconds
    clients = [asyncio.ensure_future(load.client(until)) for _ in range(streams)]
    await asyncio.sleep(min(seconds / 3, MOST_WARM_UP))
    warm = resident(router.pid)
    await asyncio.gather(*clients)
    return warm


def judge(
    seconds: float,
    load: Load,
    before: dict[str, Any],
    after: dict[str, Any],
    warm: float,
    end: float,
) -> list[str]:
    """What is wrong, in words."""
    wrong = [f"a client read: {each[:400]}" for each in load.wrong[:10]]
    if not is_idle(after, before):
        wrong.append(f"something is left: before {before}, after {after}")
    # One that left early may have done so before its request was out.
    unseen = load.asked - after["begun"]
    if sum(load.outcomes.values()) != load.asked or not 0 <= unseen <= load.outcomes["left"]:
        wrong.append(f"{load.asked} requests, {after['begun']} seen by the router")
    if after["ended"] != after["begun"] or after["ended-twice"] or after["never-ended"]:
        wrong.append("a request did not end exactly once")
    answered = sum(n for name, n in load.outcomes.items() if name.startswith("answered"))
    if after["successes"] < answered:
        wrong.append(f"{answered} answers, but {after['successes']} successes counted")
    whole = seconds / 3 >= MOST_WARM_UP
    if end - warm > (MOST_GROWTH if whole else MOST_GROWTH_WHILE_WARMING):
        wrong.append(f"memory grew by {end - warm:.0f} MB after the warm-up")
    return wrong


def soak(seconds: float, streams: int, seed: int) -> int:
    rng, played = random.Random(seed), Counter[str]()
    with Upstream() as upstream, tempfile.TemporaryDirectory() as directory:
        for dialect in (CHAT, ANTHROPIC):
            upstream.on(dialect.name, always=react(dialect, rng, played))
        config = configuration(upstream)
        with Router(Path(directory), config, "--set", "flow_detail=0", "-s", str(PROBE)) as router:
            standing(router)
            before, start = standing(router), resident(router.pid)
            load = Load(router.url, rng)
            warm = asyncio.run(run_load(load, streams, seconds, router))
            after = wait_until_idle(router, before)
            end = resident(router.pid)
    wrong = judge(seconds, load, before, after, warm, end)
    report = {
        "seconds": seconds,
        "clients at once": streams,
        "requests": load.asked,
        "outcomes": dict(load.outcomes.most_common()),
        "upstream played": dict(played.most_common()),
        "before": before,
        "after": after,
        "memory, MB": {"start": start, "warm": warm, "end": end},
    }
    print(json.dumps(report, indent=2))
    print("\n".join(f"WRONG: {each}" for each in wrong) or "Nothing is left, nothing is lost.")
    return 1 if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=180.0, help="of load (180)")
    parser.add_argument("--streams", type=int, default=200, help="clients at once (200)")
    parser.add_argument("--seed", type=int, default=1, help="of the faults and the leaving (1)")
    given = parser.parse_args()
    return soak(given.seconds, given.streams, given.seed)


if __name__ == "__main__":
    sys.exit(main())

"""Proves that reloads lose no request: `python -m tests.integration.reloads` prints the figures.

Clients ask without a pause while the management API changes the configuration, 200 times or as
`--reloads` says. Each configuration has its number in a header for both providers of a combo, the
first of which always fails over to the second: a request must show one number to both, and its
answer must be whole.
"""

import argparse
import json
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

import httpx2

from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.router import Router
from tests.support.signals import wait_until
from tests.support.steps import SSE
from tests.support.steps import Behaviour
from tests.support.steps import Drip
from tests.support.steps import Head
from tests.support.upstream import Recorded
from tests.support.upstream import Upstream

CLIENTS = 6
KEY = "manage-me-7f3a"
MARK = "x-generation"
ANSWER = Answer(text=" ".join(f"word{number}" for number in range(12)))
BETWEEN = 0.005
"""Seconds between two pieces of an answer, so that reloads come into its middle."""


def config(upstream: Upstream, generation: int) -> dict[str, Any]:
    """Returns the configuration with a number."""
    common = {
        "base-url": f"{upstream.url}/v1",
        "api-key": "sk-upstream-1",
        "headers": {MARK: str(generation)},
    }
    return {
        "providers": [
            {"name": "first", "models": ["busy"], **common},
            {"name": "second", "models": ["good"], **common},
        ],
        "combos": {"both": ["first/busy", "second/good"]},
        "cooldown": {"base": "1ms", "cap": "1ms"},
        "retry": {"request-retry": 0},
        "management": {"key": KEY},
        "usage": "off",
    }


def slow_refusal(_: Recorded) -> Behaviour:
    """An error of the server that takes a moment."""
    body = json.dumps(CHAT.error("server_error", "overloaded")).encode()
    fields = (("content-type", "application/json"), ("content-length", str(len(body))))
    return (Head(503, fields), Drip((body[:10], body[10:20], body[20:]), BETWEEN))


def slow_answer(_: Recorded) -> Behaviour:
    """A stream of many pieces."""
    return (Head(200, (("content-type", SSE),)), Drip(tuple(CHAT.events(ANSWER)), BETWEEN))


@dataclass(slots=True)
class ReloadLoad:
    """What clients send until they are told to stop, and what went wrong."""

    url: str
    generation: int = 0
    """The number of the configuration that was last put in force."""
    sent: int = 0
    crossing: int = 0
    """Requests during which another configuration came into force."""
    wrong: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        """Sends one request after the other."""
        with httpx2.Client(base_url=self.url, timeout=60, trust_env=False) as client:
            while not self.stop.is_set():
                with self._turn:
                    self.sent += 1
                    name = f"request {self.sent}"
                before = self.generation
                wrong = self._send(client, name)
                with self._turn:
                    self.crossing += self.generation != before
                    if wrong:
                        self.wrong.append(f"{name}: {wrong}")

    def _send(self, client: httpx2.Client, name: str) -> str:
        body = {
            "model": "both",
            "stream": True,
            "messages": [{"role": "user", "content": name}],
        }
        try:
            answer = client.post(CHAT.path, json=body)
        except httpx2.HTTPError as error:
            return repr(error)
        whole = text_of(answer.text) == ANSWER.text and "[DONE]" in answer.text
        return "" if answer.status_code == 200 and whole else answer.text[-400:]


def text_of(stream: str) -> str:
    """Returns the text of a chat stream."""
    lines = [line.removeprefix("data: ") for line in stream.splitlines() if line.startswith("data")]
    chunks = [json.loads(line) for line in lines if line != "[DONE]"]
    choices = [choice for chunk in chunks for choice in chunk.get("choices", ())]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


@dataclass(frozen=True, slots=True)
class ReloadProof:
    """The figures."""

    reloads: int
    sent: int
    crossing: int
    seconds: float

    def text(self) -> str:
        return (
            f"{self.sent} requests during {self.reloads} reloads in {self.seconds:.0f} s, none"
            f" lost; another configuration came into force during {self.crossing} of them, and"
            " each was sent by one configuration alone"
        )


def prove(folder: Path, reloads: int, upstream: Upstream) -> ReloadProof:
    """Reloads under load; returns the figures.

    Raises AssertionError where a request is lost or has two configurations.
    """
    upstream.on("busy", always=slow_refusal, path=CHAT.path)
    upstream.on("good", always=slow_answer, path=CHAT.path)
    with Router(folder, config(upstream, 0)) as router:
        load, begun = ReloadLoad(router.url), time.monotonic()
        with ThreadPoolExecutor(CLIENTS) as clients:
            running = [clients.submit(load.run) for _ in range(CLIENTS)]
            try:
                change = _changer(router.url)
                for number in range(1, reloads + 1):
                    _await_generation(upstream, number - 1)
                    change(config(upstream, number))
                    load.generation = number
            finally:
                load.stop.set()
            for one in running:
                one.result()
        seconds = time.monotonic() - begun
    assert not load.wrong, load.wrong[:3]
    _check_generations(upstream, load.sent, reloads)
    return ReloadProof(reloads, load.sent, load.crossing, seconds)


def _await_generation(upstream: Upstream, number: int) -> None:
    """Returns once a request was sent by the configuration with a number, and runs maybe."""
    wait_until(lambda: any(one.header(MARK) == str(number) for one in upstream.requests[-99:]))


def _changer(url: str) -> Callable[[dict[str, Any]], None]:
    headers = {"authorization": f"Bearer {KEY}", "if-match": "*"}
    client = httpx2.Client(base_url=url, headers=headers, timeout=60, trust_env=False)

    def change(wanted: dict[str, Any]) -> None:
        answer = client.put("/v0/management/config", json=wanted)
        assert answer.status_code == 200 and answer.json()["changed"], answer.text

    return change


def _check_generations(upstream: Upstream, sent: int, reloads: int) -> None:
    """Raises AssertionError unless all attempts of each request have one number."""
    seen: dict[str, list[str]] = defaultdict(list)
    for one in upstream.requests:
        seen[one.json["messages"][0]["content"]].append(one.header(MARK) or "")
    assert len(seen) == sent
    assert not (mixed := {name: marks for name, marks in seen.items() if len(set(marks)) > 1}), (
        mixed
    )
    # Those that begin while another request probes the first provider go to the second at once.
    assert any(len(marks) == 2 for marks in seen.values()), "none failed over"
    assert len({marks[0] for marks in seen.values()}) > reloads // 2


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.integration.reloads", description=__doc__)
    parser.add_argument("--reloads", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Upstream() as upstream:
        print(prove(Path(folder), options.reloads, upstream).text())


if __name__ == "__main__":
    main()

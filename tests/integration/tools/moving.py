"""A task of ten steps, in which a conversation has another provider at each of them.

At each step one vendor of the street has its turn, thinks, and asks for one command; the others are
overloaded or limit their rate, after they have checked the history as strictly as ever. Each
command needs the output of the one before it and adds a line to a file, so the file of a task that
is done holds what only ten calls with ten results can have made.
"""

import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.integration.sdks.upstreams.provider import Asked
from tests.integration.sdks.upstreams.provider import Refused
from tests.integration.street.vendors import Vendor
from tests.integration.street.vendors import street
from tests.integration.tools import task
from tests.integration.tools.bench import Bench
from tests.integration.tools.bench import Outcome
from tests.integration.tools.bench import open_bench
from tests.integration.tools.clients import Client
from tests.integration.tools.speech import answer
from tests.integration.tools.speech import asks_model
from tests.integration.tools.task import WORD
from tests.integration.tools.task import WORD_FILE
from tests.support.answers import Answer
from tests.support.answers import Call
from tests.support.steps import Behaviour
from tests.support.steps import whole
from tests.support.upstream import Recorded
from tests.support.upstream import Upstream

STEPS = 10
FILE = "steps.txt"
PROMPT = f"Go on from {WORD_FILE} for ten steps with the shell, then tell me the last line."

ORDERS = {
    "of-each-format": ("anthropic", "openai", "gemini", "deepseek", "ollama"),
    "down-the-street": tuple(street()),
    "ids-come-again": ("deepseek", "qwen-vllm", "ollama"),
}
"""Who has its turn, over and over."""
REPEATING = "ids-come-again"
"""The order whose vendors count the calls of each answer from 0, as some servers do."""


def following(line: str) -> str:
    """The line that the command of a step makes of the one before."""
    return f"word-{hashlib.sha256(f'{line}\n'.encode()).hexdigest()[:12]}"


def lines_from(word: str) -> list[str]:
    """What the file of a task that is done holds."""
    return list(
        itertools.accumulate(range(STEPS - 1), lambda line, _: following(line), initial=word)
    )


def command_after(lines: Sequence[str]) -> str:
    """The command of the next step."""
    if not lines:
        return f"tee -a {FILE} < {WORD_FILE}"
    return f"echo {lines[-1]} | sha256sum | cut -c1-12 | sed s/^/word-/ | tee -a {FILE}"


def said_at(step: int) -> str:
    """The words beside the call of a step; some have none."""
    return f"Now for step {step}." if step % 2 else ""


@dataclass(slots=True)
class Journey:
    """The vendors of one task, and all that was wrong with it."""

    order: tuple[str, ...]
    vendors: dict[str, Vendor] = field(default_factory=street)
    answered: list[tuple[int, str]] = field(default_factory=list)
    """Steps, each with the vendor that took it; the last is the end of the task."""
    away: int = 0
    """How often a vendor was out that had not its turn."""
    refused: list[str] = field(default_factory=list)
    """What vendors refused of a history."""
    problems: list[str] = field(default_factory=list)
    """What was missing of one."""
    given: set[str] = field(default_factory=set)
    """Proofs of thinking that vendors gave and read again."""
    returned: set[str] = field(default_factory=set)
    """Those that came back to their makers."""

    def react(self, request: Recorded) -> Behaviour:
        """What a vendor does with a request."""
        vendor = next((v for v in self.vendors.values() if v.key == request.key), None)
        if vendor is None or not (asks_model(request) or request.path == "/api/chat"):
            return answer(request)
        try:
            asked = vendor.read(request)
        except (Refused, LookupError, TypeError, ValueError, AttributeError) as why:
            self.refused.append(f"{vendor.name}: {why!r}"[:400])
            return vendor.refused(why)
        offered = tuple(task.Offered(name, schema) for name, (_, schema) in asked.tools.items())
        shell = task.shell_of(offered)
        if shell is None or asked.schema is not None:
            said = task.next_turn(task.Asked(schema=asked.schema))
            assert isinstance(said, task.Say)
            return vendor.answered(request, Answer(text=said.text), asked)
        step = len(asked.results)
        self._judge(vendor, asked, step)
        if vendor.name != self.order[step % len(self.order)]:
            return self._out(vendor)
        self.answered.append((step, vendor.name))
        known = len(vendor.issued.proofs)
        behaviour = vendor.answered(request, self._next(asked, shell, step), asked)
        if step < STEPS and vendor.format != "openai-chat":
            self.given.update(list(vendor.issued.proofs)[known:])
        return behaviour

    def _next(self, asked: Asked, shell: task.Offered, step: int) -> Answer:
        lines = [WORD.findall(asked.results[at])[-1] for at in range(step)]
        thinking = f"Thought before step {step}."
        if step >= STEPS:
            return Answer(text=f"From {lines[0]} to {lines[-1]}.", thinking=thinking)
        use = task.call(shell, command_after(lines), step)
        call = Call("", shell.name, json.dumps(use.input))
        return Answer(text=said_at(step), thinking=thinking, calls=(call,))

    def _out(self, vendor: Vendor) -> Behaviour:
        self.away += 1
        status = (503, 429)[self.away % 2]
        said = ("The model is overloaded, try again later", "Rate limit reached")[self.away % 2]
        return whole(vendor.provider.error(status, said), status)

    def _judge(self, vendor: Vendor, asked: Asked, step: int) -> None:
        """Notes what a vendor misses in the history, and what it gets back of its own."""
        where = f"step {step} at {vendor.name}"
        words = " ".join(text for _, text in asked.words)
        lines: list[str] = []
        if len(asked.calls) != step:
            self.problems.append(f"{where}: {len(asked.calls)} calls")
        for at, (_, arguments) in enumerate(asked.calls[:step]):
            if command_after(lines) not in json.dumps(arguments):
                self.problems.append(f"{where}: call {at} is {arguments}")
            found = WORD.findall(asked.results[at])
            right = following(lines[-1]) if lines else (found or ["none"])[0]
            if right not in found:
                self.problems.append(f"{where}: result {at} is {asked.results[at]!r}")
            lines.append(right)
            if said_at(at) not in words:
                self.problems.append(f"{where}: {said_at(at)!r} is missing")
        if PROMPT not in words:
            self.problems.append(f"{where}: the prompt is missing")
        self.returned.update(self.given & vendor.issued.proofs.keys() & set(asked.proofs))

    def story(self, outcome: Outcome) -> str:
        """For a failed test: what happened."""
        told = [f"answered: {self.answered}", f"out: {self.away} times"]
        told += [f"refused: {why}" for why in self.refused[:20]]
        told += [f"problem: {why}" for why in self.problems[:20]]
        return "\n".join([*told, outcome.story()])


@dataclass(slots=True)
class Course:
    """A router with the vendors of the street, before which tools go on their journeys."""

    directory: Path
    upstream: Upstream
    _bench: Bench | None = None

    def run(self, client: Client, order: str) -> tuple[Outcome, Journey]:
        """Has a tool do the task. Raises NotInstalled."""
        if self._bench is None:
            self._bench = open_bench(
                self.directory, configuration(self.upstream.url), self.upstream
            )
        journey = Journey(ORDERS[order])
        if order == REPEATING:
            for vendor in journey.vendors.values():
                vendor.tool_id = "call_0"
        self.upstream.forget()
        self.upstream.on(None, always=journey.react)
        arguments = tuple(PROMPT if a == task.PROMPT else a for a in client.arguments)
        client = replace(client, arguments=arguments)
        router = self._bench.router.url
        outcome = self._bench.perform(
            client.tool,
            client.command(router, order),
            client.environ(router, order),
            client.home_files(router, order),
        )
        return outcome, journey

    def close(self) -> None:
        if self._bench is not None:
            self._bench.router.stop()
        self.upstream.stop()


def configuration(url: str) -> dict[str, Any]:
    """The router's, with a combo for each order."""
    vendors = street()
    return {
        "providers": [vendor.entry(url) for vendor in vendors.values()],
        "combos": {
            name: [f"{vendor}/{vendors[vendor].model}" for vendor in order]
            for name, order in ORDERS.items()
        },
        "retry": {"request-retry": 0},
        "cooldown": {"base": "10ms", "cap": "20ms"},
    }

"""Which conversations are held, and the table of how they went."""

import itertools
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.integration.street.talks import Street
from tests.integration.street.talks import Talk
from tests.integration.street.talks import combo_of
from tests.integration.street.vendors import street
from tests.support.router import Router
from tests.support.upstream import Upstream

FORMATS = ("openai-chat", "openai-responses", "anthropic", "gemini", "ollama")


@dataclass(frozen=True, slots=True)
class Case:
    """One conversation to hold."""

    vendors: tuple[str, ...]
    client: str
    stream: bool


@contextmanager
def opened(directory: Path) -> Iterator[tuple[Street, Router]]:
    """The street, with a real router before it."""
    vendors = street()
    made = Street(vendors)
    with Upstream() as upstream:
        upstream.on(None, always=made.react)
        config = {
            "providers": [vendor.entry(upstream.url) for vendor in vendors.values()],
            "combos": {
                combo_of(order): [f"{name}/{vendors[name].model}" for name in order]
                for order in (*pairs(), *triples())
            },
            "retry": {"request-retry": 0},
            "cooldown": {"base": "10ms", "cap": "20ms"},
        }
        with Router(directory, config) as router:
            yield made, router


def pairs() -> list[tuple[str, ...]]:
    """Every A and B: A, B, A again."""
    return list(itertools.permutations(street(), 2))


def triples() -> list[tuple[str, ...]]:
    """Every A, B and a third."""
    return list(itertools.permutations(street(), 3))


def whole(orders: Iterable[tuple[str, ...]]) -> list[Case]:
    """Every order with each client, streamed and not."""
    return [
        Case(order, client, stream)
        for order in orders
        for client in FORMATS
        for stream in (False, True)
    ]


def sample(orders: Sequence[tuple[str, ...]]) -> list[Case]:
    """Every order once; clients and streams take turns."""
    ways = list(itertools.product(FORMATS, (False, True)))
    return [Case(order, *ways[n % len(ways)]) for n, order in enumerate(orders)]


def held(street: Street, url: str, cases: Iterable[Case], threads: int = 4) -> list[Talk]:
    """Hold all conversations."""

    def hold(case: Case) -> Talk:
        talk = street.open(case.client, case.stream, case.vendors)
        talk.run(url)
        return talk

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(hold, cases))


def report(talks: Sequence[Talk]) -> list[str]:
    """The tables: by first and second vendor, and by client."""
    names = list(street())
    lines = ["Conversations without any fault / all, first vendor (rows) and second (columns)", ""]
    lines.append(" " * 12 + "".join(f"{name[:11]:>12}" for name in names))
    for one in names:
        cells = []
        for two in names:
            fits = [t for t in talks if (t.vendors[0].name, t.vendors[1].name) == (one, two)]
            good = sum(not talk.problems for talk in fits)
            cells.append(f"{f'{good}/{len(fits)}' if fits else '-':>12}")
        lines.append(f"{one:12}" + "".join(cells))
    heads = ("good/all", "mended", "proofs kept", "prefixes")
    lines += ["", f"{'client':18}{'stream':>8}" + "".join(f"{head:>13}" for head in heads)]
    for client, stream in itertools.product(FORMATS, (False, True)):
        fits = [t for t in talks if (t.client, t.stream) == (client, stream)]
        if not fits:
            continue
        good = sum(not talk.problems for talk in fits)
        kept, able = sum(t.kept for t in fits), sum(t.able for t in fits)
        same = [fit for t in fits for fit in t.prefixes]
        mended = sum(len(t.mended) for t in fits)
        cells = f"{good}/{len(fits)}", str(mended), f"{kept}/{able}", f"{sum(same)}/{len(same)}"
        lines.append(f"{client:18}{stream!s:>8}" + "".join(f"{cell:>13}" for cell in cells))
    return lines

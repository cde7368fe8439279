"""`python -m tests.integration.street [--triples] [--sample] [--client FORMAT] [--faults N]`.

Holds the conversations of the matrix and prints how they went. The exit status is 1 where any has
a fault.
"""

import argparse
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.integration.street.matrix import FORMATS
from tests.integration.street.matrix import held
from tests.integration.street.matrix import opened
from tests.integration.street.matrix import pairs
from tests.integration.street.matrix import report
from tests.integration.street.matrix import sample
from tests.integration.street.matrix import triples
from tests.integration.street.matrix import whole


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--triples", action="store_true", help="with a third vendor")
    parser.add_argument("--sample", action="store_true", help="every order once")
    parser.add_argument("--client", choices=FORMATS, help="one client's format alone")
    parser.add_argument("--vendor", help="orders with this vendor alone")
    parser.add_argument("--faults", type=int, default=20, help="how many faults are printed")
    asked = parser.parse_args()
    orders = triples() if asked.triples else pairs()
    if asked.vendor:
        orders = [order for order in orders if asked.vendor in order]
    cases = sample(orders) if asked.sample else whole(orders)
    if asked.client:
        cases = [case for case in cases if case.client == asked.client]
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as directory, opened(Path(directory)) as (street, router):
        router.trouble_expected = True
        talks = held(street, router.url, cases)
    print("\n".join(report(talks)))
    faulty = [talk for talk in talks if talk.problems]
    requests = sum(talk.requests for talk in talks)
    took = time.monotonic() - started
    print(f"\n{len(talks)} conversations, {requests} requests, {took:.0f} s, {len(faulty)} faulty")
    for talk in faulty[: asked.faults]:
        print(f"- {talk.client} {'stream' if talk.stream else 'whole'} {talk.name}")
        for problem in talk.problems[:3]:
            print(f"    {problem}")
    mended = Counter(_kind(problem) for talk in talks for problem in talk.mended)
    for kind, times in mended.most_common(asked.faults):
        print(f"mended {times} x {kind}")
    return 1 if faulty else 0


def _kind(problem: str) -> str:
    """A refusal without what differs from one request to the next."""
    return re.sub(r"\d+", "N", problem.partition(": ")[2])


if __name__ == "__main__":
    sys.exit(main())

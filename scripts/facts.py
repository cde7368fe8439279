"""Lists the facts about models that `config/shipped/presets` holds, with their sources and dates.

`scripts/facts` runs it. A fact is a profile, or an entry of its `by-model`: what cannot switch
thinking off, which efforts exist, what refuses sampling. Providers change these without a word, so
that each is to be read again after three months.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from datetime import date
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

PRESETS = Path(__file__).resolve().parents[1] / "config" / "shipped" / "presets"
STALE = timedelta(days=92)
"""How long a fact is believed."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What is said of a provider's models, or of some of them."""

    preset: str
    models: tuple[str, ...]
    """Patterns; empty for the whole profile."""
    source: str | None
    read: date | None
    """When the source was read."""

    def is_stale(self, today: date) -> bool:
        """Whether it has to be read again."""
        return self.read is None or today - self.read > STALE

    def __str__(self) -> str:
        whom = f" ({', '.join(self.models)})" if self.models else ""
        return f"{self.read or 'no date'}  {self.preset}{whom}: {self.source or 'no source'}"


def facts(folder: Path = PRESETS) -> Iterator[Fact]:
    """Yield the facts of all presets. An entry without a source has its profile's."""
    for path in sorted(folder.glob("*.yaml")):
        document = YAML(typ="safe").load(path)
        profile: dict[str, Any] = document.get("profile") or {}
        if not isinstance(profile, dict) or not profile:
            continue
        source, read = profile.get("source"), profile.get("read")
        yield Fact(path.stem, (), source, read)
        for entry in profile.get("by-model") or ():
            models = tuple(entry["models"])
            yield Fact(path.stem, models, entry.get("source", source), entry.get("read", read))


def main(arguments: list[str]) -> int:
    """Print the facts, stale ones first. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, prog="scripts/facts")
    parser.add_argument("--check", action="store_true", help="exit with 1 if any fact is stale")
    parser.add_argument("--all", action="store_true", help="list the others too")
    asked = parser.parse_args(arguments)
    today = datetime.now(UTC).date()
    found = list(facts())
    stale = [fact for fact in found if fact.is_stale(today)]
    for fact in stale:
        print(f"stale    {fact}")
    for fact in found if asked.all else ():
        if fact not in stale:
            print(f"current  {fact}")
    print(f"{len(stale)} of {len(found)} facts are older than {STALE.days} days.")
    return 1 if asked.check and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

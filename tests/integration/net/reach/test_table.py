"""The table of docs/security.md, tried cell by cell: who can reach what, in every mode."""

import contextlib
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.net.reach.client import Client
from tests.integration.net.reach.client import Probe
from tests.integration.net.reach.client import Refused
from tests.integration.net.reach.client import probes
from tests.integration.net.reach.place import BOX
from tests.integration.net.reach.place import GATEWAY
from tests.integration.net.reach.place import KEY
from tests.integration.net.reach.place import KEYLESS
from tests.integration.net.reach.place import REGULAR
from tests.integration.net.reach.place import REVERSE
from tests.integration.net.reach.place import SAFE
from tests.integration.net.reach.place import SOCKS
from tests.integration.net.reach.place import TEXT
from tests.integration.net.reach.place import TRANSPARENT
from tests.integration.net.reach.place import UPSTREAM
from tests.integration.net.reach.place import Place
from tests.integration.net.reach.place import configuration
from tests.integration.net.test_wireguard import tunnelled
from tests.support.netns import Namespace
from tests.support.router import ROOT

COLUMNS = ("calls to models", "all else at providers' hosts", "other hosts", "unread bytes")


@dataclass(frozen=True, slots=True)
class Row:
    """One of the table."""

    mode: str
    client: str
    key: str
    cells: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.mode}, {self.client}, key {self.key}"


def read_table() -> list[Row]:
    text = (ROOT / "docs" / "security.md").read_text()
    head, *lines = re.findall(r"^\| .* \|$", text.partition("**Clients.**")[0], re.MULTILINE)
    assert [cell.strip() for cell in head.strip("|").split("|")][3:] == list(COLUMNS)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [Row(mode, client, key, tuple(cells)) for mode, client, key, *cells in rows]


TABLE = read_table()


def client_of(row: Row, place: Place) -> tuple[Client, Namespace]:
    lab = place.world.lab
    key = KEY if row.key == "shown" else None
    elsewhere = row.client == "elsewhere"
    ports = {"regular": REGULAR, "upstream": UPSTREAM, "SOCKS5": SOCKS, "reverse": REVERSE}
    port = KEYLESS if row.key == "none configured" else ports.get(row.mode, 0)
    client = Client(row.mode, key, GATEWAY if elsewhere else "127.0.0.1", port)
    if row.client == "page in a browser":
        client.headers["origin"] = "https://evil.example"
    if not port and key:
        client.headers["authorization"] = f"Bearer {key}"
    return client, lab.gateway if port and not elsewhere else lab.clients


TRIED = [
    (row, column, cell)
    for row in TABLE
    for column, cell in zip(COLUMNS, row.cells, strict=True)
    if cell in ("yes", "no")
]


@contextlib.contextmanager
def captured(place: Place) -> Iterator[None]:
    place.world.up(
        *("--netns", place.world.lab.clients.name, "--ports", f"80,443,{BOX},{SAFE}"),
        port=TRANSPARENT,
    )
    try:
        yield
    finally:
        place.world.down()


def check(reached: Place, row: Row, column: str, cell: str) -> None:
    client, namespace = client_of(row, reached)
    ways = probes(client, column)
    assert ways
    for name, probe in ways.items():
        before = reached.heard

        def attempt(probe: Probe = probe) -> bytes:
            try:
                return probe(client)
            except (Refused, ssl.SSLError, ConnectionError):
                return b""

        said = namespace.do(attempt)
        got = reached.heard > before
        told = any(mark.encode() in said for mark in (TEXT, *reached.servers))
        assert got is (cell == "yes"), f"{row}: {column} by {name}: {said!r}"
        if got:
            assert told or column == "calls to models", f"{row}: {column} by {name}: {said!r}"


def test_every_cell_is_tried_or_says_why_not() -> None:
    cells = {cell for row in TABLE for cell in row.cells}
    assert cells <= {"yes", "no", "-", "yes, not tried"}
    assert {row.mode for row in TABLE if "yes, not tried" in row.cells} == {"local capture"}
    asked = {(row.mode, row.client, row.key) for row in TABLE}
    assert len(asked) == len(TABLE), "a row stands there twice"
    for mode in ("regular", "upstream", "SOCKS5", "reverse"):
        for client in ("this machine", "elsewhere"):
            for key in ("none", "shown"):
                assert (mode, client, key) in asked


@pytest.mark.parametrize(
    ("row", "column", "cell"),
    [pytest.param(*one, id=f"{one[0]}: {one[1]}") for one in TRIED if one[0].mode != "WireGuard"],
)
def test_a_cell(reached: Place, row: Row, column: str, cell: str) -> None:
    with captured(reached) if row.mode == "transparent" else contextlib.nullcontext():
        check(reached, row, column, cell)


def test_the_cells_of_wireguard(reached: Place, tmp_path: Path) -> None:
    with tunnelled(reached.world, tmp_path, configuration()):
        for row, column, cell in TRIED:
            if row.mode == "WireGuard":
                check(reached, row, column, cell)

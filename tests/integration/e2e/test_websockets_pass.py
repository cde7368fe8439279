"""A tool's own WebSocket to its own host, through the router by HTTPS_PROXY."""

import json
import random
import threading
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from ssl import TLSVersion

import httpx2
import pytest
from ruamel.yaml import YAML
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection
from websockets.sync.server import serve

from tests.integration.e2e.test_transport import trusting
from tests.support.router import ROOT
from tests.support.router import Router
from tests.support.signals import Signal
from tests.support.tls import server_context

HOST = "chatgpt.com"
URL = f"wss://{HOST}/backend-api/codex/responses"
TOKEN = "eyJ-login-5d20c1e7"
HEADERS = {
    "Authorization": f"Bearer {TOKEN}",
    "chatgpt-account-id": "acc-1",
    "OpenAI-Beta": "responses_websockets=2026-02-06",
}
KEYS = ("sk-team-3f8e1d7ab2", "sk-team-90c5be4471", "sk-team-5ad20c1e77")
WITHIN = 30.0
"""Seconds until what should come is taken to be lost."""

MESSAGES = (
    json.dumps({"type": "response.create", "generate": False, "input": [{"role": "user"}]}),
    '{"spacing" :  "kept", "snow": "\N{SNOWMAN}", "control": "\\u0000"}',
    "",
    bytes(range(256)),
    "long " * 300_000,
    random.Random(1).randbytes(1_200_000),
)

compressed_or_not = pytest.mark.parametrize("compression", ["deflate", None])


@dataclass(slots=True)
class Talk:
    """One connection, as the tool's host saw it."""

    headers: list[tuple[str, str]]
    heard: list[str | bytes] = field(default_factory=list)
    ended: tuple[int | None, str | None] = (None, None)
    over: Signal = field(default_factory=Signal)


class Home:
    """The tool's own host: says everything again, and does what some messages ask for."""

    def __init__(self) -> None:
        self.talks: list[Talk] = []
        context = server_context("http/1.1", names=[HOST])
        self._server = serve(self._talk, "127.0.0.1", 0, ssl=context, max_size=None)
        self.port: int = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()

    def _talk(self, connection: ServerConnection) -> None:
        assert connection.request
        talk = Talk(list(connection.request.headers.raw_items()))
        self.talks.append(talk)
        try:
            for message in connection:
                talk.heard.append(message)
                match message:
                    case "in pieces":
                        connection.send(iter(["one ", "two ", "three"]))
                    case "ping":
                        assert connection.ping(b"are you there").wait(WITHIN)
                        connection.send("yes")
                    case "close":
                        connection.close(4001, "that was all")
                    case _:
                        connection.send(message)
        except ConnectionClosed:
            pass
        talk.ended = connection.close_code, connection.close_reason
        talk.over.set()


@dataclass(frozen=True, slots=True)
class World:
    home: Home
    router: Router
    dump: Path

    def put_in_force(self, config: str) -> None:
        applied = self.router.will_log("applied the changed")
        self.router.config_path.write_text(config)
        applied.wait()

    def connect(self, compression: str | None, key: str = KEYS[0]) -> ClientConnection:
        context = trusting(self.router.ca)
        # This client reads in a thread of its own. OpenSSL takes no two calls for a connection at
        # once: while one reads TLS 1.3's tickets, what the other writes is lost now and then.
        context.maximum_version = TLSVersion.TLSv1_2
        return connect(
            URL,
            ssl=context,
            proxy=self.router.url.replace("://", f"://any:{key}@"),
            additional_headers=HEADERS,
            compression=compression,
            max_size=None,
            open_timeout=WITHIN,
            close_timeout=WITHIN,
        )


@pytest.fixture(scope="module")
def world(upstream_ca: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("websockets")
    home = Home()
    elsewhere = {"name": "other", "base-url": "http://127.0.0.1:9/v1", "api-key": "sk-other"}
    dump = directory / "flows.mitm"
    keys = [{"key": key, "name": f"key-{number}"} for number, key in enumerate(KEYS)]
    router = Router(
        directory,
        {
            "providers": [elsewhere],
            "intercept": {HOST: "passthrough"},
            "clients": {"api-keys": keys},
        },
        *("-s", str(ROOT / "tests" / "support" / "elsewhere.py")),
        *("-w", str(dump)),
        env={"TEST_HOSTS": json.dumps({HOST: home.port})},
        trust=upstream_ca,
    )
    with router:
        world = World(home, router, dump)
        with world.connect("deflate") as client:
            client.send(MESSAGES[0])
            assert client.recv(WITHIN) == MESSAGES[0]
        yield world
    home.close()
    kept = dump.read_bytes()
    assert b"response.create" in kept, "what was said can be seen afterwards"
    assert TOKEN.encode() not in kept, "the login cannot"
    assert TOKEN not in router.log


@compressed_or_not
def test_messages_arrive_as_they_were_sent(world: World, compression: str | None) -> None:
    with world.connect(compression) as client:
        for message in MESSAGES:
            client.send(message)
            assert client.recv(WITHIN) == message
    talk = world.home.talks[-1]
    talk.over.wait()
    assert talk.heard == list(MESSAGES)
    assert [type(each) for each in talk.heard] == [type(each) for each in MESSAGES]


def test_the_handshake_is_the_clients_own(world: World) -> None:
    with world.connect("deflate") as client:
        assert client.request and client.response
        sent = list(client.request.headers.raw_items())
        assert client.response.headers["Server"].startswith("Python/")
        assert not [name for name in client.response.headers if "switchyard" in name]
        client.send("here")
        assert client.recv(WITHIN) == "here"  # its host has noted the talk by then
    assert world.home.talks[-1].headers == sent


@compressed_or_not
def test_a_message_in_pieces_stays_whole(world: World, compression: str | None) -> None:
    with world.connect(compression) as client:
        client.send("in pieces")
        assert "".join(map(str, client.recv_streaming())) == "one two three"
        client.send(iter(["and ", "back"]))
        assert client.recv(WITHIN) == "and back"


def test_pings_are_answered_by_the_other_end(world: World) -> None:
    with world.connect(None) as client:
        client.send("ping")
        assert client.recv(WITHIN) == "yes"
        assert client.ping(b"and you").wait(WITHIN)


def _server_ends(client: ClientConnection) -> None:
    client.send("close")
    with pytest.raises(ConnectionClosed):
        client.recv(WITHIN)


def _client_ends(client: ClientConnection) -> None:
    client.close(4002, "enough")


@pytest.mark.parametrize(
    ("end", "said"),
    [(_server_ends, (4001, "that was all")), (_client_ends, (4002, "enough"))],
    ids=["server", "client"],
)
def test_why_it_ended_is_told(
    world: World, end: Callable[[ClientConnection], None], said: tuple[int, str]
) -> None:
    with world.connect("deflate") as client:
        end(client)
        assert (client.close_code, client.close_reason) == said
    talk = world.home.talks[-1]
    talk.over.wait()
    assert talk.ended == said


def test_a_client_that_goes_takes_the_connection_to_its_host_along(world: World) -> None:
    with world.connect(None) as client:
        client.send("here")
        assert client.recv(WITHIN) == "here"
        client.socket.close()
        world.home.talks[-1].over.wait()


def test_windows_that_the_host_reports_are_known(world: World) -> None:
    event = {
        "type": "codex.rate_limits",
        "rate_limits": {"primary": {"used_percent": 31, "window_minutes": 300}},
    }
    with world.connect("deflate") as client:
        client.send(json.dumps(event))
        assert client.recv(WITHIN) == json.dumps(event)
        key = {"authorization": f"Bearer {KEYS[0]}"}
        told = httpx2.get(f"{world.router.url}/v0/health/providers", headers=key, trust_env=False)
    (window,) = told.json()["windows"]
    assert window["owner"].startswith("passthrough:chatgpt.com login ")
    assert (window["window"], window["used"]) == ("5h", 0.31)
    assert "acc-1" not in told.text and TOKEN not in told.text


@pytest.mark.parametrize("how", ["blocked", "removed"])
def test_a_key_that_may_not_be_used_any_more_ends_what_passes(world: World, how: str) -> None:
    path = world.router.config_path
    before = path.read_text()
    changed = YAML(typ="safe").load(before)
    keys = changed["clients"]["api-keys"]
    if how == "blocked":
        keys[1]["blocked"] = True
    else:
        del keys[1]
    with world.connect(None, KEYS[1]) as client, world.connect(None, KEYS[2]) as other:
        for each in (client, other):
            each.send("here")
            assert each.recv(WITHIN) == "here"
        heard = world.home.talks[-2].heard
        world.put_in_force(json.dumps(changed))
        client.send("still here")
        with pytest.raises(ConnectionClosed):
            client.recv(WITHIN)
        assert heard == ["here"]
        other.send("as before")
        assert other.recv(WITHIN) == "as before"
    world.put_in_force(before)

"""Every way in answers, streams and fails over: a table of mode, protocol and check.

Transparent mode needs root and is tried in namespaces; `tests/integration/net` looks closer at it.
"""

import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from _pytest.capture import CaptureManager

from tests.integration.net.conftest import FIRST
from tests.integration.net.conftest import PLAIN
from tests.integration.net.conftest import SECOND
from tests.integration.net.conftest import World
from tests.integration.net.conftest import whole_world  # noqa: F401
from tests.support.answers import BAD
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.support.corporate import CorporateProxy
from tests.support.ports import free_port
from tests.support.router import Router
from tests.support.signals import PATIENCE
from tests.support.signals import Signal
from tests.support.steps import Wait
from tests.support.steps import chunked
from tests.support.tls import authority
from tests.support.tls import server_context
from tests.support.upstream import Upstream

TEXT = Answer().text
HTTP, HTTPS, HTTP2 = "http/1.1", "https/1.1", "https/2"
VERSION = {HTTP: ("--http1.1", "1.1"), HTTPS: ("--http1.1", "1.1"), HTTP2: ("--http2", "2")}

WAYS = [
    *(("regular, base URL", protocol) for protocol in (HTTP, HTTPS)),
    *(("regular, by proxy", protocol) for protocol in (HTTP, HTTPS, HTTP2)),
    *(("regular, by TLS to the proxy", protocol) for protocol in (HTTPS, HTTP2)),
    *(("reverse", protocol) for protocol in (HTTP, HTTPS, HTTP2)),
    *(("socks5", protocol) for protocol in (HTTP, HTTPS, HTTP2)),
    *(("upstream, base URL", protocol) for protocol in (HTTP, HTTPS)),
    *(("upstream, by proxy", protocol) for protocol in (HTTP, HTTPS, HTTP2)),
    *(("transparent", protocol) for protocol in (HTTP, HTTPS, HTTP2)),
]
CHECKS = ("answer", "stream", "failover", "failover of a stream")
OTHER = "other.test"


@dataclass(slots=True)
class Place:
    """A router, and the upstreams that it finds."""

    router: Router
    first: Upstream
    second: Upstream
    plain: Upstream
    hosts: tuple[str, str]
    """Where clients believe the first provider (TLS) and the plain one to be."""
    ports: dict[str, int]
    within: tuple[str, ...] = ()


def configuration(first: str, second: str, plain: str) -> dict:
    """Providers at these base URLs; for each way and check a model that fails at one of them."""
    key = {"api-key-entries": ["sk-own-1"]}
    numbers = range(len(WAYS) * len(CHECKS))
    return {
        "providers": [
            {"name": "first", "base-url": first, **key},
            {"name": "second", "base-url": second, **key},
            {"name": "plain", "base-url": plain, **key},
        ],
        "combos": {f"stack-{n}": [f"first/fails-{n}", f"second/works-{n}"] for n in numbers},
        "retry": {"request-retry": 0},
    }


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Upstream, Upstream, Upstream]]:
    tls = server_context("h2", "http/1.1", names=("localhost", FIRST, SECOND, OTHER))
    with Upstream(tls=tls) as first, Upstream(tls=tls) as second, Upstream() as plain:
        yield first, second, plain


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's own, for the router's address."""
    path = tmp_path_factory.mktemp("own") / "router.pem"
    issued = authority().issue_cert("localhost", "127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(str(path))
    return path


@pytest.fixture(scope="module")
def direct(
    servers, certificate: Path, upstream_ca: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """Several modes of one router at once, each on its own port."""
    first, second, plain = servers
    config = configuration(f"{first.url}/v1", f"{second.url}/v1", f"{plain.url}/v1")
    config["tls"] = {"cert": str(certificate)}
    ports = {name: free_port() for name in ("regular", "reverse", "socks5")}
    modes = [f"regular@{ports['regular']}", f"socks5@{ports['socks5']}"]
    modes += [f"reverse:https://api.example@{ports['reverse']}"]
    arguments = [part for mode in modes for part in ("--mode", mode)]
    directory = tmp_path_factory.mktemp("direct")
    with Router(directory, config, *arguments, trust=upstream_ca) as router:
        hosts = f"localhost:{first.port}", f"127.0.0.1:{plain.port}"
        yield Place(router, first, second, plain, hosts, ports)


@pytest.fixture(scope="module")
def corporate(
    servers, certificate: Path, upstream_ca: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """A router from which only a corporate proxy leads anywhere: it alone knows the names."""
    first, second, plain = servers
    places = {f"{FIRST}:443": first.port, f"{SECOND}:443": second.port, f"{PLAIN}:80": plain.port}
    places |= {f"{OTHER}:443": second.port, f"{OTHER}:80": plain.port}
    config = configuration(f"https://{FIRST}/v1", f"https://{SECOND}/v1", f"http://{PLAIN}/v1")
    config["tls"] = {"cert": str(certificate)}
    directory = tmp_path_factory.mktemp("corporate")
    with CorporateProxy(places) as proxy:
        mode = f"upstream:http://127.0.0.1:{proxy.port}"
        with Router(directory, config, "--mode", mode, trust=upstream_ca) as router:
            ports = {"regular": router.port}
            yield Place(router, first, second, plain, (FIRST, PLAIN), ports)


@pytest.fixture(scope="module")
def captured(
    request: pytest.FixtureRequest, upstream_ca: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """Clients in a namespace, whose connections are redirected."""
    world: World = request.getfixturevalue("whole_world")
    config = configuration(f"https://{FIRST}/v1", f"https://{SECOND}/v1", f"http://{PLAIN}/v1")
    directory = tmp_path_factory.mktemp("captured")
    modes = ("--mode", "transparent@8790")
    within = world.lab.gateway.command()
    with Router(directory, config, *modes, trust=upstream_ca, within=within) as router:
        world.up("--netns", world.lab.clients.name, port=8790)
        try:
            upstreams = world.first, world.second, world.plain
            client = tuple(world.lab.clients.command())
            yield Place(router, *upstreams, (FIRST, PLAIN), {}, client)
        finally:
            world.down()


@pytest.fixture(scope="module")
def table(request: pytest.FixtureRequest) -> Iterator[dict[tuple[str, str, str], str]]:
    """What came out, printed at the end."""
    cells: dict[tuple[str, str, str], str] = {}
    yield cells
    captured = request.config.pluginmanager.getplugin("capturemanager")
    assert isinstance(captured, CaptureManager)
    with captured.global_and_fixture_disabled():
        print(f"\n\n{'mode':<30}{'protocol':<12}" + "".join(f"{one:<22}" for one in CHECKS))
        for mode, protocol in WAYS:
            row = [cells.get((mode, protocol, check), "not tried") for check in CHECKS]
            print(f"{mode:<30}{protocol:<12}" + "".join(f"{cell:<22}" for cell in row))


def way(place: Place, mode: str, protocol: str) -> tuple[str, list[str]]:
    """The URL that a client asks for, and curl's arguments for the way there."""
    secure, plain = place.hosts
    scheme, _, _ = protocol.partition("/")
    foreign = f"http://{plain}" if protocol == HTTP else f"https://{secure}"
    trust = ["--cacert", str(place.router.ca)]
    own = ["--cacert", str(place.router.directory / "own-ca.pem")]
    authority().cert_pem.write_to_path(own[1])
    port = place.ports.get("regular")
    match mode:
        case "regular, base URL" | "upstream, base URL":
            return f"{scheme}://localhost:{port}", own
        case "regular, by proxy" | "upstream, by proxy":
            return foreign, [*trust, "-x", f"http://127.0.0.1:{port}"]
        case "regular, by TLS to the proxy":
            return foreign, [*trust, "-x", f"https://localhost:{port}", "--proxy-cacert", own[1]]
        case "reverse":
            return f"{scheme}://localhost:{place.ports['reverse']}", own
        case "socks5":
            at = f"127.0.0.1:{place.ports['socks5']}"
            return foreign, [*trust, "--socks5-hostname", at]
        case _:
            return foreign, trust


def curl(place: Place, mode: str, protocol: str, body: dict) -> subprocess.Popen[str]:
    url, arguments = way(place, mode, protocol)
    return subprocess.Popen(
        [
            *place.within, "curl", "-sSN", "-m", "45", VERSION[protocol][0], *arguments,
            *("-H", "content-type: application/json", "-H", "authorization: Bearer sk-x"),
            *("-d", json.dumps(body), "-w", "\n%{http_code} %{http_version}\n"),
            f"{url}{CHAT.path}",
        ],
        env={"PATH": "/usr/bin:/bin"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def check_answer(place: Place, number: int, ask: Callable[[dict], subprocess.Popen]) -> str:
    place.first.on(f"m-{number}", saying(CHAT))
    return ask({"model": f"first/m-{number}"}).communicate()[0]


def check_stream(place: Place, number: int, ask: Callable[[dict], subprocess.Popen]) -> str:
    """Pieces come as they are sent: the rest is held until the client has the beginning."""
    seen = Signal()
    beginning, *rest = CHAT.events(Answer())[1:]
    opening = CHAT.events(Answer())[0]
    place.first.on(f"m-{number}", chunked(opening, beginning, Wait(seen), *rest))
    client = ask({"model": f"first/m-{number}", "stream": True})
    assert client.stdout
    told = ""
    while "All" not in told:
        line = client.stdout.readline()
        assert line, client.communicate()[1]
        told += line
    seen.set()
    return told + client.communicate()[0]


def check_failover(place: Place, number: int, ask: Callable[[dict], subprocess.Popen]) -> str:
    failed = place.first.on(f"fails-{number}", refusing(CHAT, 503))
    place.second.on(f"works-{number}", saying(CHAT))
    told = ask({"model": f"stack-{number}"}).communicate()[0]
    assert len(failed.requests) == 1
    return told


def check_failover_stream(place: Place, number: int, ask) -> str:
    event = CHAT.error_event("server_error", BAD)
    failed = place.first.on(f"fails-{number}", chunked(CHAT.opening(Answer())[0], event))
    place.second.on(f"works-{number}", saying(CHAT))
    told = ask({"model": f"stack-{number}", "stream": True}).communicate()[0]
    assert len(failed.requests) == 1
    assert BAD not in told
    return told


JUDGES: dict[str, Callable] = {
    "answer": check_answer,
    "stream": check_stream,
    "failover": check_failover,
    "failover of a stream": check_failover_stream,
}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(("mode", "protocol"), WAYS)
def test_mode(request: pytest.FixtureRequest, table, mode: str, protocol: str, check: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("NOT TRIED: curl is not installed")
    fixture = {"upstream": "corporate", "transparent": "captured"}.get(mode.partition(",")[0])
    try:
        place: Place = request.getfixturevalue(fixture or "direct")
    except pytest.skip.Exception:
        table[mode, protocol, check] = "not permitted"
        raise
    table[mode, protocol, check] = "FAILED"
    number = WAYS.index((mode, protocol)) * len(CHECKS) + CHECKS.index(check)
    question = {"messages": [{"role": "user", "content": "Well?"}]}
    clients = []

    def ask(about: dict) -> subprocess.Popen:
        clients.append(curl(place, mode, protocol, {**about, **question}))
        return clients[0]

    try:
        told = JUDGES[check](place, number, ask)
    finally:
        for client in clients:
            client.kill()
    lines = told.strip().splitlines()
    assert lines[-1:] == [f"200 {VERSION[protocol][1]}"], told
    said = "".join(
        choice.get("delta", choice.get("message")).get("content") or ""
        for line in lines[:-1]
        if (data := line.removeprefix("data: ")).startswith("{")
        for choice in json.loads(data)["choices"]
    )
    assert said == TEXT
    table[mode, protocol, check] = "ok"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_in_upstream_mode_other_traffic_goes_through_the_proxy_too(
    corporate: Place, scheme: str, upstream_ca: Path
) -> None:
    server = corporate.second if scheme == "https" else corporate.plain
    plan = server.on(None, saying(CHAT), path="/untouched")
    done = subprocess.run(
        ["curl", "-sS", "-m", "45", "-x", corporate.router.url, "--cacert", str(upstream_ca),
         "-d", '{"stream": false}', f"{scheme}://{OTHER}/untouched"],
        capture_output=True, text=True, timeout=2 * PATIENCE,
    )  # fmt: skip
    assert TEXT in done.stdout, done
    assert plan.requests[0].body == b'{"stream": false}'


def test_upstream_mode_before_itself_does_not_start(tmp_path: Path) -> None:
    """Whatever it sent would come round to it again."""
    config = configuration("https://a.test/v1", "https://b.test/v1", "http://c.test/v1")
    router = Router(tmp_path, config)
    looped = Router(tmp_path, config, "--mode", f"upstream:http://localhost:{router.port}")
    looped.port = router.port
    looped.launch()
    assert looped.wait() == 1
    assert "names this router as its own upstream proxy: requests would loop" in looped.log


def test_the_corporate_proxys_password_goes_with_both(servers, upstream_ca, tmp_path: Path) -> None:
    first, second, plain = servers
    places = {f"{FIRST}:443": first.port, f"{OTHER}:443": second.port, f"{PLAIN}:80": plain.port}
    config = configuration(f"https://{FIRST}/v1", f"https://{SECOND}/v1", f"http://{PLAIN}/v1")
    first.on("m-auth", saying(CHAT))
    plain.on("m-auth", saying(CHAT))
    second.on(None, saying(CHAT), path="/untouched")
    body = {"messages": [{"role": "user", "content": "?"}], "stream": False}
    with CorporateProxy(places) as proxy:
        modes = ("--mode", f"upstream:http://127.0.0.1:{proxy.port}")
        login = ("--set", "upstream_auth=me:secret")
        with Router(tmp_path, config, *modes, *login, trust=upstream_ca) as router:
            for url, arguments, model in (
                (router.url + CHAT.path, (), "first/m-auth"),
                (router.url + CHAT.path, (), "plain/m-auth"),
                (f"https://{OTHER}/untouched", ("-x", router.url), "any"),
            ):
                done = subprocess.run(
                    ["curl", "-sS", "-m", "45", "--cacert", str(upstream_ca), *arguments, "-H",
                     "content-type: application/json", "-d", json.dumps({**body, "model": model}),
                     url],
                    capture_output=True, text=True, timeout=2 * PATIENCE,
                )  # fmt: skip
                assert TEXT in done.stdout, (url, done)
            assert "secret" not in router.log
    assert len(proxy.credentials) == 3
    assert set(proxy.credentials) == {"Basic bWU6c2VjcmV0"}


def test_a_server_that_speaks_first_is_heard_by_socks(direct: Place) -> None:
    door = socket.create_server(("127.0.0.1", 0))

    def greet() -> None:
        connection, _ = door.accept()
        with connection:
            connection.sendall(b"220 mail.test\r\n")

    thread = threading.Thread(target=greet, daemon=True)
    thread.start()
    with door, socket.create_connection(("127.0.0.1", direct.ports["socks5"]), PATIENCE) as client:
        client.sendall(b"\5\1\0")
        assert client.recv(2) == b"\5\0"
        port = door.getsockname()[1]
        client.sendall(b"\5\1\0\1\x7f\0\0\1" + port.to_bytes(2, "big"))
        heard = b""
        while not heard.endswith(b"\r\n"):
            heard += client.recv(99)
        assert heard[:2] == b"\5\0"
        assert heard.endswith(b"220 mail.test\r\n")
        thread.join(PATIENCE)

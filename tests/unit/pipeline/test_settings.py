import asyncio
import io
import logging
import os
import threading
from collections.abc import AsyncIterator
from collections.abc import Buffer
from collections.abc import Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from mitmproxy import exceptions
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.addons.script import ScriptLoader
from mitmproxy.test import taddons
from mitmproxy.test import tflow

from switchyard.config import reload
from switchyard.config import watcher
from switchyard.config.load import parse_config
from switchyard.config.problems import ConfigProblem
from switchyard.config.schema import Config
from switchyard.listener.exposure import exposure
from switchyard.pipeline import settings as module
from switchyard.pipeline.settings import DEFAULT_CONFIG
from switchyard.pipeline.settings import Settings
from switchyard.runtime import snapshot
from switchyard.runtime.runtime import Runtime
from tests.support.client_keys import in_clear

ONE = 'providers: [{name: one, base-url: "https://one.example/v1", api-key: secret-key-one}]\n'
TWO = ONE.replace("one", "two")
KEYED = ONE + "clients: {api-keys: [router-key-1]}\n"
BAD = ONE + "combos: {x: [nobody/m]}\n"


class Log(logging.Handler):
    """What was logged, to be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._more = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        self._more.set()

    async def wait_for(self, text: str) -> str:
        """The first line with `text` in it; those before it are taken as read."""
        async with asyncio.timeout(60):
            while True:
                while self.lines:
                    line = self.lines.pop(0)
                    if text in line:
                        return line
                self._more.clear()
                await self._more.wait()


@pytest.fixture
def log() -> Iterator[Log]:
    handler = Log()
    levels = {logger: logger.level for logger in (module.logger, watcher.logger)}
    for logger in levels:
        logger.setLevel(logging.INFO)
        logger.addHandler(handler)
    yield handler
    for logger, level in levels.items():
        logger.removeHandler(handler)
        logger.setLevel(level)


@pytest.fixture(autouse=True)
def at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.01)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("SWITCHYARD_CONFIG", raising=False)
    umask = os.umask(0o022)
    yield
    os.umask(umask)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "router.yaml"
    path.write_text(ONE)
    return path


def replace(file: Path, text: str) -> None:
    """As editors do: written aside, then moved in place."""
    operation = file.with_suffix(".new")
    operation.write_text(text)
    os.replace(operation, file)


@asynccontextmanager
async def started(
    file: Path | None, host: str = "", run: bool = True
) -> AsyncIterator[tuple[taddons.context, Settings, Runtime]]:
    """The settings of a router that listens, on a port of the system's choice."""
    runtime = Runtime()
    server, addon = Proxyserver(), Settings(runtime)
    with taddons.context(server, ScriptLoader()) as context:
        context.options.update(listen_host=host, listen_port=0)
        context.master.addons.add(addon)
        if file is not None:
            context.options.update(switchyard_config=str(file))
        else:
            context.configure(addon, switchyard_config="")
        await server.setup_servers()
        try:
            if run:
                addon.running()
            yield context, addon, runtime
        finally:
            addon.done()
            for instance in server.servers:
                await instance.stop()


def names(runtime: Runtime) -> list[str]:
    return [provider.name for provider in runtime.snapshot.config.providers]


async def test_the_file_is_in_force_before_the_first_request(file: Path, log: Log) -> None:
    async with started(file) as (context, _, runtime):
        assert names(runtime) == ["one"]
        assert context.options.connection_strategy == "lazy"
        assert context.options.upstream_cert is False
        assert context.options.listen_host == "127.0.0.1"
        ready = await log.wait_for("switchyard: ready on ")
        assert "http://127.0.0.1:" in ready
        assert ready.endswith("(1 provider: one)")
        assert "secret-key" not in ready
        assert (await log.wait_for("switchyard: dashboard at ")).endswith("/dashboard/")


async def test_a_changed_file_comes_into_force_and_a_bad_one_does_not(file: Path, log: Log) -> None:
    async with started(file) as (_, _, runtime):
        await log.wait_for("ready")
        replace(file, BAD)
        said = await log.wait_for("keeping the previous configuration")
        assert "router.yaml:2: combos.x" in said
        assert "secret-key" not in said
        assert names(runtime) == ["one"]
        replace(file, "providers: [")
        await log.wait_for("keeping the previous configuration")
        file.unlink()
        assert "cannot be read" in await log.wait_for("keeping the previous configuration")
        assert names(runtime) == ["one"]
        replace(file, TWO)
        assert str(file) in await log.wait_for("applied the changed")
        assert names(runtime) == ["two"]


async def test_what_a_file_should_know_is_told(
    file: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    notice = ConfigProblem(str(file), 2, "some.key", "accepted, but not yet acted upon")
    monkeypatch.setattr(Config, "notices", property(lambda _: (notice,)))
    async with started(file, run=False):
        assert str(notice) in await log.wait_for("switchyard: ")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7"])
def test_it_does_not_start_where_others_reach_it_without_a_key(
    host: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    addon = Settings(Runtime())
    with taddons.context(Proxyserver(), ScriptLoader()) as context:
        context.options.update(listen_host=host)
        context.master.addons.add(addon)
        context.options.update(switchyard_config=str(file))
        with pytest.raises(SystemExit) as ended:
            addon.running()
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith(f"switchyard: not started: it would listen on {host} for other ")
    assert "clients.api-keys" in said


@pytest.mark.parametrize("mode", ["regular@0.0.0.0:0", "reverse:http://x.example@0.0.0.0:0"])
def test_an_address_in_a_mode_counts_too(
    mode: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    addon = Settings(Runtime())
    with taddons.context(Proxyserver(), ScriptLoader()) as context:
        context.options.update(mode=[mode])
        context.master.addons.add(addon)
        context.options.update(switchyard_config=str(file))
        with pytest.raises(SystemExit):
            addon.running()
    assert "it would listen on 0.0.0.0" in capsys.readouterr().err


async def test_with_client_keys_it_listens_anywhere(file: Path, log: Log) -> None:
    file.write_text(KEYED)
    async with started(file, "0.0.0.0") as (context, _, runtime):
        assert context.options.listen_host == "0.0.0.0"
        assert in_clear(runtime.snapshot.client_keys) == ["router-key-1"]
        assert "http://0.0.0.0:" in await log.wait_for("ready")


async def test_a_reload_does_not_open_the_router_to_everybody(file: Path, log: Log) -> None:
    file.write_text(KEYED)
    async with started(file, "0.0.0.0") as (_, _, runtime):
        await log.wait_for("ready")
        replace(file, TWO)
        said = await log.wait_for("keeping the previous configuration")
        assert "it would listen on 0.0.0.0" in said
        assert names(runtime) == ["one"]
        assert in_clear(runtime.snapshot.client_keys) == ["router-key-1"]
        replace(file, TWO + "clients: {api-keys: [router-key-2]}\n")
        await log.wait_for("applied the changed")
        assert in_clear(runtime.snapshot.client_keys) == ["router-key-2"]


@pytest.mark.parametrize("change", [{"listen_host": "0.0.0.0"}, {"mode": ["regular@0.0.0.0:0"]}])
async def test_a_running_router_without_keys_cannot_be_told_to_listen_anywhere(
    change: dict, file: Path, log: Log
) -> None:
    async with started(file) as (context, _, _):
        await log.wait_for("ready")
        with pytest.raises(exceptions.OptionsError, match=r"it would listen on 0\.0\.0\.0"):
            context.options.update(**change)
        assert context.options.listen_host == "127.0.0.1"
        assert context.options.mode == ["regular"]


async def test_another_file_may_be_named_while_running(file: Path, log: Log) -> None:
    other = file.with_name("other.yaml")
    other.write_text(BAD)
    async with started(file) as (context, _, runtime):
        await log.wait_for("ready")
        with pytest.raises(exceptions.OptionsError, match=r"combos\.x"):
            context.options.update(switchyard_config=str(other))
        assert names(runtime) == ["one"]
        replace(file, ONE.replace("name: one", "name: still-watched"))
        await log.wait_for(f"applied the changed {file}")
        other.write_text(TWO)
        context.options.update(switchyard_config=str(other))
        assert names(runtime) == ["two"]


async def test_another_file_that_cannot_be_in_force_is_not_followed(
    file: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError("a certificate changed")

    other = file.with_name("other.yaml")
    other.write_text(TWO)
    async with started(file) as (context, _, runtime):
        await log.wait_for("ready")
        before = runtime.snapshot, runtime.listeners.environment
        with monkeypatch.context() as broken, pytest.raises(exceptions.OptionsError, match="OSEr"):
            broken.setattr(snapshot, "EgressTable", fails)
            context.options.update(switchyard_config=str(other))
        await log.wait_for("keeping the previous configuration")
        assert context.options.switchyard_config == str(file)
        assert (runtime.snapshot, runtime.listeners.environment) == before
        replace(file, ONE.replace("name: one", "name: still-watched"))
        await log.wait_for(f"applied the changed {file}")


UNFORESEEN = (RecursionError, MemoryError, ValueError, KeyError, OSError, AssertionError)


@pytest.mark.parametrize("kind", UNFORESEEN)
async def test_the_watch_goes_on_whatever_it_meets(
    file: Path, log: Log, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    parse, fail = reload.parse_config, threading.Event()
    fails = 0

    def sometimes(*arguments):
        nonlocal fails
        if fail.is_set():
            fails += 1
            raise kind("unforeseen")
        return parse(*arguments)

    monkeypatch.setattr(reload, "parse_config", sometimes)
    background = logging.getLogger("switchyard.values.lasting")
    background.addHandler(log)
    try:
        async with started(file) as (_, _, runtime):
            await log.wait_for("ready on")
            fail.set()
            replace(file, TWO)
            await log.wait_for(f"the configuration watcher failed: {kind.__name__}")
            assert names(runtime) == ["one"]
            fail.clear()
            replace(file, TWO + "# again\n")
            await log.wait_for("applied the changed")
            assert names(runtime) == ["two"]
    finally:
        background.removeHandler(log)
    assert sum("met" in line for line in log.lines) == 0, "told once"


@pytest.mark.parametrize("kind", ["fifo", "folder", "device", "huge", "deep", "expression"])
async def test_what_is_no_configuration_is_told_and_the_watch_goes_on(
    file: Path, log: Log, kind: str
) -> None:
    async with started(file) as (_, _, runtime):
        await log.wait_for("ready on")
        odd = file.with_suffix(".odd")
        match kind:
            case "fifo":
                os.mkfifo(odd)
            case "folder":
                odd.mkdir()
                file.unlink()
            case "device":
                odd.symlink_to("/dev/zero")
            case "huge":
                odd.touch()
                os.truncate(odd, 10**10)
            case "deep":
                odd.write_text("x: " + "${A:-" * 3000 + "}" * 3000)
            case "expression":
                pattern = "(" * 500 + ")" * 500
                odd.write_text(ONE + f"routes: [{{pattern: '{pattern}', provider: one}}]")
        os.replace(odd, file)
        await log.wait_for("keeping the previous configuration:")
        assert names(runtime) == ["one"]
        if kind == "folder":
            file.rmdir()
        replace(file, TWO)
        await log.wait_for("applied the changed")
        assert names(runtime) == ["two"]


async def test_the_loop_goes_on_while_a_file_is_read(
    file: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, goes_on = threading.Event(), threading.Event()
    read = reload.read_file

    def slow(path: Path) -> bytes:
        reading.set()
        assert goes_on.wait(20)
        return read(path)

    async with started(file) as (_, _, runtime):
        await log.wait_for("ready on")
        monkeypatch.setattr(reload, "read_file", slow)
        replace(file, TWO)
        assert await asyncio.to_thread(reading.wait, 20)
        assert names(runtime) == ["one"], "and this line was reached meanwhile"
        goes_on.set()
        await log.wait_for("applied the changed")


@pytest.mark.parametrize("text", [None, "", "[]", BAD, "providers: [{name: a b}]", "\x00"])
def test_a_bad_file_ends_the_process_at_the_start(
    text: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "router.yaml"
    if text is not None:
        path.write_text(text)
    runtime = Runtime()
    addon = Settings(runtime)
    with taddons.context(Proxyserver(), ScriptLoader()) as context:
        context.master.addons.add(addon)
        with pytest.raises(SystemExit) as ended:
            context.options.update(switchyard_config=str(path))
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith(f"switchyard: not started: {path}")
    assert "secret-key" not in said
    assert runtime.snapshots.latest is None, "nothing is half started"


class Pipe(io.RawIOBase):
    """What several workers write to."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer, /) -> int:
        self.written.append(bytes(data))
        return len(self.written[-1])


@pytest.mark.parametrize("unbuffered", [False, True])
def test_a_line_of_the_log_is_written_at_once(
    unbuffered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With PYTHONUNBUFFERED, too: other workers' lines must not come between it and its end."""
    pipe = Pipe()
    out = io.TextIOWrapper(pipe, write_through=unbuffered)  # type: ignore[type-var]
    monkeypatch.setattr("sys.stdout", out)
    with taddons.context(Proxyserver(), ScriptLoader()) as context:
        context.master.addons.add(Settings(Runtime()))
        print("switchyard: ready")
    assert pipe.written == [b"switchyard: ready\n"]


def test_the_environment_names_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWITCHYARD_CONFIG", str(file))
    runtime = Runtime()
    addon = Settings(runtime)
    with taddons.context(Proxyserver(), ScriptLoader(), addon) as context:
        context.configure(addon, switchyard_config="")
        assert names(runtime) == ["one"]
        other = file.with_name("other.yaml")
        other.write_text(TWO)
        context.configure(addon, switchyard_config=str(other))
        assert names(runtime) == ["two"], "an option stands above the environment"


async def test_the_shipped_file_starts_the_demo_upstream_and_ends_it(
    monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    for name in list(os.environ):
        if name.endswith("_API_KEY") or name.startswith("SWITCHYARD"):
            monkeypatch.delenv(name)
    async with started(None) as (_, addon, runtime):
        assert addon._watcher._source.path == DEFAULT_CONFIG
        demo = next(p for p in runtime.snapshot.config.providers if p.builtin == "demo")
        url = runtime.snapshot.base_url(demo, "openai-chat")
        assert url.startswith("http://127.0.0.1:")
        await log.wait_for("ready")
        host, _, port = url.removeprefix("http://").partition("/")[0].partition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.close()
    with pytest.raises(OSError):
        await asyncio.open_connection(host, int(port))


async def test_servers_that_began_on_every_address_start_anew_on_loopback(
    file: Path, log: Log
) -> None:
    # As mitmproxy runs: a task begins at once, with the options as they are then.
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    server, addon = Proxyserver(), Settings(Runtime())
    with taddons.context(server, ScriptLoader()) as context:
        context.options.update(listen_host="", listen_port=0)
        await server.setup_servers()
        assert any(address[0] == "0.0.0.0" for address in server.listen_addrs())
        context.master.addons.add(addon)
        context.options.update(switchyard_config=str(file))
        server.running()
        addon.running()
        try:
            assert "http://127.0.0.1:" in await log.wait_for("ready")
            assert {address[0] for address in server.listen_addrs()} == {"127.0.0.1"}
        finally:
            addon.done()
            for instance in server.servers:
                await instance.stop()


@pytest.mark.parametrize(("peer", "refused"), [("127.0.0.1", False), ("203.0.113.5", True)])
async def test_nobody_else_is_let_in_while_the_port_is_open_to_all(
    file: Path, log: Log, peer: str, refused: bool
) -> None:
    async with started(file, run=False) as (_, addon, _):
        early, late = tflow.tclient_conn(), tflow.tclient_conn()
        early.peername = late.peername = (peer, 5000)
        addon.client_connected(early)
        assert bool(early.error) is refused
        addon.running()
        await log.wait_for("ready")
        addon.client_connected(late)
        assert not late.error


@pytest.mark.parametrize(
    ("mode", "refused"),
    [("regular@0.0.0.0:1", True), ("wireguard@0.0.0.0:1", False), ("local:claude", False),
     ("transparent@10.1.1.1:1", True), ("regular@127.0.0.1:1", False)],
)  # fmt: skip
def test_only_modes_that_let_anybody_in_need_keys_on_open_addresses(mode, refused: bool) -> None:
    with taddons.context(Proxyserver(), ScriptLoader()) as context:
        context.options.update(mode=[mode], listen_host="127.0.0.1")
        config = parse_config(ONE.encode(), Path("x.yaml"), {})
        assert bool(exposure(config)) is refused

"""The router as users start it: real processes, asked over HTTP."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import openai
import pytest

from scripts.lib.environment import Environment
from switchyard.demo.process import DemoUpstream
from tests.integration.scripts.test_container import copies
from tests.support.ports import free_port

ROOT = Path(__file__).parents[3]
LAUNCH = [sys.executable, "-P", str(ROOT / "scripts" / "launch.py")]
START = [str(ROOT / "scripts" / "start")]
LIMIT = 300.0


class Router:
    """A router process; whatever the test does, it is gone at the end."""

    def __init__(self, command: list[str], environ: dict[str, str], cwd: Path) -> None:
        self.process = subprocess.Popen(
            command,
            env=environ,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = ""
        self._guard = threading.Timer(LIMIT, self.process.kill)
        self._guard.start()

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Read the log up to the line that `pattern` is found in."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"{pattern!r} is not in the log:\n{self.output}")

    def ready(self) -> str:
        """Wait for the line that says so; return the address."""
        return self.wait_for(r"switchyard: ready on (http://[^ ,]+)")[1]

    def end(self) -> int:
        """Read the rest of the log; return the exit status."""
        assert self.process.stdout is not None
        self.output += self.process.stdout.read()
        return self.process.wait()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.end()

    def close(self) -> None:
        self._guard.cancel()
        self.process.kill()
        self.process.communicate()


Run = Callable[..., Router]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    routers = []
    bare = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")}
    (tmp_path / "home").mkdir()

    def start(*arguments: str, command: list[str] = LAUNCH, **environ: str) -> Router:
        router = Router([*command, *arguments], bare | environ, tmp_path)
        routers.append(router)
        return router

    yield start
    for router in routers:
        router.close()


def get(url: str, path: str = "") -> tuple[int, bytes]:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=LIMIT)
    try:
        connection.request("GET", path or f"{parts.path}?{parts.query}")
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def client(url: str, api_key: str = "none") -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key=api_key, max_retries=0, timeout=LIMIT)


def echo(url: str, text: str, model: str = "demo/echo", api_key: str = "none") -> str | None:
    with client(url, api_key) as sdk:
        completion = sdk.chat.completions.create(
            model=model, messages=[{"role": "user", "content": text}]
        )
        return completion.choices[0].message.content


def test_without_any_key_the_demo_answers_and_a_stop_is_clean(run: Run):
    router = run("--port", "0")
    url = router.ready()
    assert get(url, "/health")[0] == 200
    assert echo(url, "is anybody there?") == "is anybody there?"
    with client(url) as sdk:
        stream = sdk.chat.completions.create(
            model="demo/echo", messages=[{"role": "user", "content": "one by one"}], stream=True
        )
        words = [chunk.choices[0].delta.content for chunk in stream if chunk.choices]
    assert [word for word in words if word] == ["one", " by", " one"]
    assert router.stop() == 0, router.output
    assert "Traceback" not in router.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_in_the_middle_of_a_stream_is_clean(
    run: Run, tmp_path: Path, number: signal.Signals
):
    text = (ROOT / "config" / "default.yaml").read_text()
    (tmp_path / "at-once.yaml").write_text(f"{text}\ndrain: 0s\n")
    router = run("--port", "0", "--config", "at-once.yaml")
    url = urlsplit(router.ready())
    connection = HTTPConnection(url.netloc, timeout=LIMIT)
    message = {"role": "user", "content": "word " * 100_000}
    body = {"model": "demo/echo", "messages": [message], "stream": True}
    connection.request("POST", "/v1/chat/completions", json.dumps(body))
    assert connection.getresponse().readline().startswith(b"data: ")
    assert router.stop(number) == 0, router.output
    if sys.version_info >= (3, 13):  # asyncio in early releases of 3.12 logs what it cancels
        assert "Traceback" not in router.output
    connection.close()


def test_options_beat_the_environment(run: Run, tmp_path: Path):
    (tmp_path / "good.yaml").write_text(
        "providers:\n- {name: own, builtin: demo, models: [{name: echo}]}\n"
    )
    port = str(free_port())
    router = run(
        "--config", "good.yaml", "--port", port, PORT="1", SWITCHYARD_CONFIG="/missing.yaml"
    )
    assert router.ready() == f"http://127.0.0.1:{port}"
    assert echo(f"http://127.0.0.1:{port}", "hi", model="own/echo") == "hi"


@pytest.mark.parametrize("by", ["flag", "environment"])
def test_a_refused_configuration_starts_nothing(run: Run, tmp_path: Path, by: str):
    (tmp_path / "bad.yaml").write_text("providers: 7\n")
    if by == "flag":
        router = run("--config", "bad.yaml", "--port", "0")
    else:
        router = run("--port", "0", SWITCHYARD_CONFIG="bad.yaml")
    assert router.end() not in (0, None)
    assert "bad.yaml" in router.output
    assert "switchyard: ready" not in router.output


def test_a_port_in_use_ends_the_start_and_says_by_whom(run: Run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        router = run("--port", str(taken.getsockname()[1]))
        assert router.end() == 1
    assert "is already in use by another program" in router.output
    assert "switchyard: ready" not in router.output
    first = run("--port", "0")
    port = first.ready().rpartition(":")[2]
    for more in ((), ("--workers", "2")):
        second = run("--port", port, *more)
        assert second.end() == 1
        assert f"port {port} of 127.0.0.1 is already in use by another Switchyard" in second.output
    assert first.stop() == 0


OWN = "providers:\n- {name: own, builtin: demo, models: [{name: echo}]}\n"


@pytest.mark.parametrize("by", ["word", "user"])
def test_ones_own_file_needs_no_option(run: Run, tmp_path: Path, by: str):
    if by == "word":
        (tmp_path / "my.yaml").write_text(OWN)
        router = run("my.yaml", "--port", "0")
    else:
        (tmp_path / "xdg" / "switchyard").mkdir(parents=True)
        (tmp_path / "xdg" / "switchyard" / "config.yaml").write_text(OWN)
        router = run(XDG_CONFIG_HOME=str(tmp_path / "xdg"), SWITCHYARD_PORT="0", PORT="many")
    assert echo(router.ready(), "hi", model="own/echo") == "hi"


def test_variables_beside_the_file(run: Run, tmp_path: Path):
    (tmp_path / "my.yaml").write_text(OWN + 'clients: {api-keys: ["${MY_KEY}"]}\n')
    port = str(free_port())
    (tmp_path / ".env").write_text(f"export MY_KEY='from-the-file'\nSWITCHYARD_PORT={port}\n")
    router = run("my.yaml")
    assert router.ready() == f"http://127.0.0.1:{port}"
    assert echo(f"http://127.0.0.1:{port}", "hi", "own/echo", "from-the-file") == "hi"
    router.stop()
    assert "from-the-file" not in router.output


def test_a_first_file_is_written_checked_and_started(run: Run, tmp_path: Path):
    keys = {"OPENAI_API_KEY": "sk-of-a-test-0123456789"}
    made = run("--init", **keys)
    assert made.end() == 0
    file = tmp_path / "home" / ".config" / "switchyard" / "config.yaml"
    assert f"wrote {file}" in made.output and file.is_file()
    checked = run("--check", **keys)
    assert checked.end() == 0 and f"{file} is right: 2 providers (openai, demo)" in checked.output
    unset = run("--check")
    assert unset.end() == 1 and "OPENAI_API_KEY is not set or empty" in unset.output
    router = run("--port", "0", "--set", "switchyard_discovery=false", **keys)
    assert echo(router.ready(), "hi") == "hi"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--prot", "9000"], "unknown option --prot (did you mean --port?)"),
        (["--web", "--web-prt=1"], "unknown option --web-prt (did you mean --web-port?)"),
        (["--set", "switchyard_discovry=false"], "did you mean switchyard_discovery?"),
        (["--host", "host.invalid"], "the host 'host.invalid' is not an address of this machine"),
    ],
)
def test_a_wrong_option_ends_the_start(run: Run, arguments: list[str], said: str):
    router = run(*arguments)
    assert router.end() not in (0, None)
    assert said in router.output
    assert "switchyard: ready" not in router.output


def test_web_shows_its_address_with_the_token(run: Run):
    # mitmweb logs the port it was told and not the one it got: 0 would not do.
    web_port = free_port()
    router = run("--web", "--port", "0", "--web-port", str(web_port))
    page = router.wait_for(r"(http://127\.0\.0\.1:\d+/\?token=\w+)")[1]
    url = router.ready()
    status, html = get(page)
    assert status == 200
    assert b"mitmproxy" in html
    assert get(page.partition("?")[0] + "?token=wrong")[0] == 403
    assert echo(url, "hello web") == "hello web"
    assert router.stop() == 0, router.output


def test_other_arguments_reach_mitmproxy(run: Run, tmp_path: Path):
    router = run("--port", "0", "--set", f"confdir={tmp_path / 'elsewhere'}")
    router.ready()
    assert (tmp_path / "elsewhere" / "mitmproxy-ca.pem").exists()
    assert router.stop() == 0


def test_the_variables_of_the_cline_proxy(run: Run):
    upstream = DemoUpstream(delay=0)
    try:
        router = run("--port", "0", CLINE_BASE_URL=upstream.start(), CLINE_API_KEY="any")
        assert echo(router.ready(), "through", model="cline/echo") == "through"
    finally:
        upstream.stop()


def test_the_request_timeout_of_the_cline_proxy(run: Run):
    never = DemoUpstream(delay=3600)
    try:
        router = run(
            "--port",
            "0",
            CLINE_BASE_URL=never.start(),
            CLINE_API_KEY="any",
            REQUEST_TIMEOUT_MS="50",
        )
        with pytest.raises(openai.APIStatusError) as error:
            echo(router.ready(), "never", model="cline/echo")
        assert error.value.status_code == 504
    finally:
        never.stop()


def test_the_files_of_the_image_are_enough(run: Run, tmp_path: Path):
    app = tmp_path / "app"
    for source, target in copies():
        place = app / target.relative_to("/app")
        place.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, place)
    command = [sys.executable, "-P", str(app / "scripts" / "launch.py")]
    open_to_all = {"HOST": "0.0.0.0", "PORT": "0"}

    refused = run(command=command, **open_to_all)
    assert refused.end() not in (0, None)
    assert "SWITCHYARD_KEY" in refused.output

    router = run(command=command, **open_to_all, SWITCHYARD_KEY="the-key")
    port = urlsplit(router.ready()).port
    check = [sys.executable, "-I", str(app / "scripts" / "healthcheck.py")]
    environ = {"HOST": "0.0.0.0", "PORT": str(port)}
    subprocess.run(check, env=environ, check=True)
    url = f"http://127.0.0.1:{port}"
    assert echo(url, "hi", api_key="the-key") == "hi"
    with pytest.raises(openai.AuthenticationError):
        echo(url, "hi", api_key="another")
    assert router.stop() == 0


def is_ready() -> bool:
    return Environment(ROOT).holds("requirements.lock")


@pytest.mark.skipif(not is_ready(), reason="needs .venv as scripts/test makes it")
def test_the_start_script_becomes_the_router(run: Run):
    router = run("--port", "0", command=START)
    assert echo(router.ready(), "from the script") == "from the script"
    command = subprocess.run(
        ["ps", "-o", "command=", "-p", str(router.process.pid)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "launch.py" in shlex.split(command.stdout)[2]
    assert router.stop() == 0, router.output


LAST_MOMENTS = """
import atexit

class Witness:
    def __del__(self, say=print):
        say("the interpreter was taken apart", flush=True)

witness = Witness()
atexit.register(print, "what was to be done at the end was done")
"""


def test_native_threads_meet_no_half_ended_interpreter(run: Run, tmp_path: Path) -> None:
    (tmp_path / "witness.py").write_text(LAST_MOMENTS)
    router = run("-s", "witness.py", PORT="0")
    router.ready()
    assert router.stop() == 0
    assert "was done" in router.output and "taken apart" not in router.output

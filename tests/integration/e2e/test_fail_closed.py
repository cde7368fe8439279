"""A start that goes wrong ends the process: nobody is ever served without the pipeline."""

import http.client
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from http.server import HTTPServer
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.router import MITMDUMP
from tests.support.router import MITMWEB
from tests.support.router import ROOT
from tests.support.router import environment
from tests.support.router import write_config

CONFIG = "providers: [{name: p, base-url: 'http://127.0.0.1:9/v1', api-key: sk-secret-5577}]\n"
ENDS_WITHIN = 90
WAYS = ("launch", "no-engine", "mitmdump", "mitmweb")


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    said: str
    served: bool
    """Whether a client was ever served meanwhile."""


def command(way: str, root: Path) -> Sequence[str]:
    script = ("-s", str(root / "addons" / "router.py"))
    match way:
        case "mitmdump":
            return (str(MITMDUMP), *script)
        case "mitmweb":
            return (str(MITMWEB), "--no-web-open-browser", "--set", "web_port=0", *script)
    launch = (sys.executable, "-P", str(root / "scripts" / "launch.py"))
    return (*launch, "--no-engine") if way == "no-engine" else launch


class _Inside(BaseHTTPRequestHandler):
    """What nobody but this machine's owner is to reach."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


def run(directory: Path, way: str, *arguments: str, root: Path = ROOT) -> Ended:
    """Start the router, and ask it as a proxy for as long as it runs."""
    port, inside = free_port(), HTTPServer(("127.0.0.1", 0), _Inside)
    threading.Thread(target=inside.serve_forever, daemon=True).start()
    process = subprocess.Popen(
        [*command(way, root), "-p", str(port), "--set", f"confdir={directory}", *arguments],
        cwd=directory,
        env=environment(directory),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    served = False

    def ask() -> None:
        nonlocal served
        while process.poll() is None:
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            try:
                client.request("GET", f"http://127.0.0.1:{inside.server_port}/")
                served = client.getresponse().status == 200 or served
            except (OSError, http.client.HTTPException):
                pass  # it is not there yet, or no more
            finally:
                client.close()

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    try:
        said, _ = process.communicate(timeout=ENDS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
        raise AssertionError(f"it goes on (served: {served}):\n{said}") from None
    finally:
        asking.join(ENDS_WITHIN)
        inside.shutdown()
        inside.server_close()
    return Ended(process.returncode, said, served)


def assert_closed(ended: Ended, *words: str) -> None:
    assert ended.code not in (0, None), ended.said
    assert not ended.served
    assert "switchyard: ready" not in ended.said
    lines = [line for line in ended.said.splitlines() if all(word in line for word in words)]
    assert lines, ended.said


@pytest.mark.parametrize("way", WAYS)
def test_a_doubled_option(tmp_path: Path, way: str) -> None:
    config = write_config(tmp_path / "c.yaml", CONFIG)
    doubled = ("--set", "switchyard_discovery=true", "--set", "switchyard_discovery=false")
    ended = run(tmp_path, way, "--set", f"switchyard_config={config}", *doubled)
    assert_closed(ended, "switchyard_discovery")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--config", "c.yaml", "--set", "switchyard_config=d.yaml"),
        ("--set=switchyard_config=d.yaml", "--config", "c.yaml"),
        ("--set", "switchyard_config=c.yaml", "--set=switchyard_config=d.yaml"),
    ],
)
def test_two_configurations(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    for name in ("c.yaml", "d.yaml"):
        write_config(tmp_path / name, CONFIG)
    assert_closed(run(tmp_path, "launch", *arguments), "switchyard_config is set twice")


@pytest.mark.parametrize("way", ["launch", "mitmdump"])
@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("switchyard_discovery=maybe", "switchyard_discovery"),
        ("switchyard_confg=c.yaml", "there is no such option; did you mean switchyard_config?"),
        ("switchyard_attempts=most", "must be one of none, failed, changed, all"),
    ],
)
def test_a_wrong_option(tmp_path: Path, way: str, option: str, said: str) -> None:
    assert_closed(run(tmp_path, way, "--set", option), "switchyard: not started", said)


RAISES = {
    "at its import": "raise RuntimeError('boom 71')\n",
    "when it is loaded": "class Bad:\n    def load(self, loader): raise OSError('boom 71')\n"
    "addons.append(Bad())\n",
    "when it is configured": "class Bad:\n    def configure(self, updated): 1 / 0\n"
    "addons.append(Bad())\n",
    "by its name": "class Settings: pass\naddons.append(Settings())\nraise KeyError('boom 71')\n",
    "without end": "def deep(): deep()\ndeep()\n",
}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project that may be changed."""
    root = tmp_path_factory.mktemp("copy")
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("addons", "config", "scripts"):
        shutil.copytree(ROOT / name, root / name, ignore=ignore)
    shutil.copy(root / "addons" / "router.py", root / "router.py")
    return root


@pytest.mark.parametrize("way", ["launch", "mitmdump"])
@pytest.mark.parametrize("how", RAISES)
def test_an_addon_that_does_not_load(tmp_path: Path, broken: Path, way: str, how: str) -> None:
    whole = (broken / "router.py").read_text()
    (broken / "addons" / "router.py").write_text(whole + RAISES[how])
    config = write_config(tmp_path / "c.yaml", CONFIG)
    ended = run(tmp_path, way, "--set", f"switchyard_config={config}", root=broken)
    assert_closed(ended, "switchyard: not started: cannot load the router")


def test_an_option_that_nobody_knows_is_told(start_router) -> None:
    router = start_router(CONFIG, "--set", "web_prt=1")
    router.wait_logged("ignoring --set web_prt: there is no such option")


DROPS = """
import asyncio
from mitmproxy import ctx

class Drop:
    def running(self):
        rest = [path for path in ctx.options.scripts if not path.endswith("router.py")]
        asyncio.get_running_loop().call_later(0.5, lambda: ctx.options.update(scripts=rest))

addons = [Drop()]
"""


@pytest.mark.parametrize("way", ["launch", "mitmdump"])
def test_a_router_that_is_taken_out_while_it_runs(tmp_path: Path, way: str) -> None:
    (tmp_path / "drop.py").write_text(DROPS)
    config = write_config(tmp_path / "c.yaml", CONFIG)
    ended = run(tmp_path, way, "--set", f"switchyard_config={config}", "-s", "drop.py")
    assert ended.code not in (0, None), ended.said
    assert "switchyard: stopped: the option scripts no longer names the router" in ended.said

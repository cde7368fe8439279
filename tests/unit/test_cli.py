"""switchyard.cli: what becomes of our options, and what mitmproxy makes of the result."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from mitmproxy.addons.script import ScriptLoader
from mitmproxy.proxy import mode_specs
from mitmproxy.test import taddons
from mitmproxy.tools import cmdline
from mitmproxy.tools.web.webaddons import WebAddon

from switchyard import cli
from switchyard.launch import options as launch_options
from switchyard.launch.options import plan_launch

LAUNCH = Path(__file__).parents[2] / "scripts" / "launch.py"


def mitmproxy_reads(*arguments: str, environ: dict[str, str] | None = None):
    """mitmproxy's own reading of the command line that is made of `arguments`."""
    plan = plan_launch(arguments, environ or {})
    make_parser = cmdline.mitmweb if plan.tool == "mitmweb" else cmdline.mitmdump
    # These addons declare the options that tests look at beyond mitmproxy's core ones.
    with taddons.context(ScriptLoader(), WebAddon()) as context:
        return make_parser(context.options).parse_args(plan.arguments)


def test_the_defaults():
    assert plan_launch([], {}).tool == "mitmdump"
    read = mitmproxy_reads()
    assert (read.listen_host, read.listen_port) == ("127.0.0.1", 8787)
    assert read.scripts == [str(launch_options.ROUTER)]


@pytest.mark.parametrize(
    ("arguments", "environ", "expected"),
    [
        ([], {"PORT": "9000", "HOST": "::1"}, ("::1", 9000)),
        ([], {"PORT": "", "HOST": ""}, ("127.0.0.1", 8787)),
        (["--port", "9001"], {"PORT": "9000"}, ("127.0.0.1", 9001)),
        (["--host=0.0.0.0", "--port=0"], {"HOST": "::1"}, ("0.0.0.0", 0)),
        (["-p", "9002"], {"PORT": "9000"}, ("127.0.0.1", 9002)),
        (["--port", "9001"], {"PORT": "unused rubbish"}, ("127.0.0.1", 9001)),
    ],
)
def test_flags_beat_the_environment(arguments, environ, expected):
    read = mitmproxy_reads(*arguments, environ=environ)
    assert (read.listen_host, read.listen_port) == expected


@pytest.mark.parametrize("port", ["x", "-1", "65536", "80.5", "²"])
@pytest.mark.parametrize("by", ["flag", "environment"])
def test_what_is_no_port_is_refused(port: str, by: str, capsys: pytest.CaptureFixture[str]):
    arguments, environ = ([f"--port={port}"], {}) if by == "flag" else ([], {"PORT": port})
    with pytest.raises(SystemExit) as exit_info:
        plan_launch(arguments, environ)
    assert exit_info.value.code == 2
    assert f"{port!r} is not a port number" in capsys.readouterr().err


def test_the_configuration_goes_to_the_router():
    read = mitmproxy_reads("--config", "a b=c.yaml", environ={"SWITCHYARD_CONFIG": "other.yaml"})
    assert read.setoptions == ["switchyard_config=a b=c.yaml", "flow_detail=0"]
    # Unset, the router reads the environment itself.
    read = mitmproxy_reads(environ={"SWITCHYARD_CONFIG": "other.yaml"})
    assert read.setoptions == ["flow_detail=0"]


def test_requests_are_shown_to_those_who_ask_for_it():
    assert "flow_detail=0" not in plan_launch(["--flow-detail", "2"], {}).arguments
    assert plan_launch(["--flow-detail", "2"], {}).arguments[-2:] == ["--flow-detail", "2"]
    assert mitmproxy_reads("--set", "flow_detail=3").setoptions == ["flow_detail=3"]


def test_mitmproxys_own_machinery_can_be_had():
    assert plan_launch([], {}).engine
    assert not plan_launch(["--no-engine"], {}).engine


def test_web_runs_mitmweb_without_a_browser_unless_one_is_wished():
    assert plan_launch(["--web"], {}).tool == "mitmweb"
    assert mitmproxy_reads("--web").setoptions == ["web_open_browser=false"]
    assert mitmproxy_reads("--web").web_open_browser is None  # no flag, so --set counts
    assert mitmproxy_reads("--web", "--web-open-browser").web_open_browser is True
    assert mitmproxy_reads("--web", "--web-port", "9090").web_port == 9090


def test_other_arguments_reach_mitmproxy_in_order():
    theirs = ["-v", "--mode", "reverse:http://127.0.0.1:1", "--set", "a=b", "-s", "mine.py", "~u x"]
    plan = plan_launch(["--port", "1", *theirs[:3], "--host", "::1", *theirs[3:]], {})
    assert plan.arguments[-len(theirs) :] == theirs
    read = mitmproxy_reads(*theirs)
    assert read.mode == ["reverse:http://127.0.0.1:1"]
    assert read.scripts == [str(launch_options.ROUTER), "mine.py"]
    assert read.filter_args == ["~u x"]


@pytest.mark.parametrize("told", [["--mode", "regular"], ["--mode=regular"], ["-m", "regular"]])
def test_local_capture_beside_a_mode_with_a_port(told: list[str]):
    """mitmproxy refuses these with `--listen-port`: it would be the port of both."""
    also = ["--mode", "local:claude,codex", "--mode", "socks5@8791"]
    options = mitmproxy_reads("--port", "18787", *told, *also)
    regular, local, socks5 = map(mode_specs.ProxyMode.parse, options.mode)
    assert (regular.listen_host(None), regular.listen_port(None)) == ("127.0.0.1", 18787)
    assert local.listen_port(options.listen_port) is None
    assert socks5.listen_port(None) == 8791


def test_the_start_of_a_name_is_not_taken_for_the_name():
    # --conf could be mitmproxy's tomorrow; taking it for --config would be a guess.
    assert plan_launch(["--conf", "x"], {}).arguments[-2:] == ["--conf", "x"]


def test_help_needs_nothing_installed():
    command = [sys.executable, "-I", "-S", str(LAUNCH), "--help"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    for word in ("--config", "--port", "--host", "--web", "SWITCHYARD_CONFIG"):
        assert word in result.stdout


def test_a_low_limit_of_open_files_is_raised_as_far_as_allowed():
    code = (
        "import resource as r; from switchyard import cli\n"
        "hard = r.getrlimit(r.RLIMIT_NOFILE)[1]\n"
        "r.setrlimit(r.RLIMIT_NOFILE, (256, hard)); cli._raise_file_limit()\n"
        "print(*r.getrlimit(r.RLIMIT_NOFILE), hard)"
    )
    command = [sys.executable, "-c", code]
    root = LAUNCH.parents[1] / "addons"
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    soft, hard, hard_before = map(int, result.stdout.split())
    assert hard == hard_before
    unlimited = hard == resource.RLIM_INFINITY
    assert soft == (cli.OPEN_FILES if unlimited else min(cli.OPEN_FILES, hard))

"""Which file, port and host a command line means; the rest is in tests/unit/test_cli.py."""

from pathlib import Path

import pytest
from mitmproxy import options
from mitmproxy.tools import cmdline

from switchyard.launch.options import SWITCHES
from switchyard.launch.options import plan_launch


@pytest.mark.parametrize(
    ("arguments", "theirs"),
    [
        (["my.yaml"], []),
        (["--web", "my.yml"], []),
        (["my.yaml", "--port", "1"], []),
        (["-v", "my.yaml"], ["-v"]),
        (["--set", "a=b", "my.yaml"], ["--set", "a=b"]),
        (["--mode", "regular", "my.yaml", "-q"], ["--mode", "regular", "-q"]),
        (["--mode=regular", "my.yaml"], ["--mode=regular"]),
    ],
)
def test_a_file_needs_no_option(arguments: list[str], theirs: list[str]) -> None:
    launch = plan_launch(arguments, {})
    assert launch.config in ("my.yaml", "my.yml")
    assert f"switchyard_config={launch.config}" in launch.arguments
    assert launch.arguments[len(launch.arguments) - len(theirs) :] == theirs
    assert launch.config not in launch.arguments


@pytest.mark.parametrize(
    "arguments",
    [
        ["-r", "dump.yaml"],
        ["-s", "mine.yml"],
        ["--set", "x=a.yaml"],
        ["--hardump=a.yaml"],
        ["~u x"],
    ],
)
def test_what_is_no_configuration(arguments: list[str]) -> None:
    launch = plan_launch(arguments, {})
    assert launch.config is None
    assert launch.arguments[-len(arguments) :] == arguments


def test_an_existing_file_is_one_whatever_its_name(tmp_path: Path) -> None:
    file = tmp_path / "router.conf"
    file.write_text("providers: []\n")
    assert plan_launch([str(file)], {}).config == str(file)


@pytest.mark.parametrize("arguments", [["a.yaml", "b.yaml"], ["--config", "a.yaml", "b.yaml"]])
def test_two_files_are_one_too_many(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        plan_launch(arguments, {})
    assert ended.value.code == 2
    assert "several configuration files are named: a.yaml, b.yaml" in capsys.readouterr().err


def test_switches_take_no_value() -> None:
    parser = cmdline.mitmdump(options.Options())
    known = SWITCHES & parser._option_string_actions.keys()
    assert len(known) > 5
    assert all(parser._option_string_actions[name].nargs == 0 for name in known)


@pytest.mark.parametrize(
    ("environ", "host", "origin", "port"),
    [
        ({}, "127.0.0.1", "", 8787),
        ({"HOST": "h", "PORT": "1"}, "h", "HOST", 1),
        (
            {"HOST": "h", "PORT": "1", "SWITCHYARD_HOST": "s", "SWITCHYARD_PORT": "2"},
            *("s", "SWITCHYARD_HOST", 2),
        ),
        ({"HOST": "h", "SWITCHYARD_HOST": "", "SWITCHYARD_PORT": ""}, "h", "HOST", 8787),
    ],
)
def test_our_own_variables_go_first(
    environ: dict[str, str], host: str, origin: str, port: int
) -> None:
    launch = plan_launch([], environ)
    assert (launch.host, launch.host_from, launch.port) == (host, origin, port)
    named = plan_launch(["--host", "x", "--port", "3"], environ)
    assert (named.host, named.host_from, named.port) == ("x", "", 3)


def test_a_wrong_port_of_the_environment_names_its_variable(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        plan_launch([], {"SWITCHYARD_PORT": "many", "PORT": "1"})
    said = capsys.readouterr().err
    assert "'many' is not a port number (0 to 65535); the variable SWITCHYARD_PORT says so" in said


def test_what_the_log_shows() -> None:
    assert not any("switchyard_log" in word for word in plan_launch([], {}).arguments)
    launch = plan_launch(["--log-calls", "--log-format", "json"], {})
    assert "switchyard_log_calls=all" in launch.arguments
    assert "switchyard_log_format=json" in launch.arguments


def test_the_dashboard_is_opened_when_asked() -> None:
    assert "switchyard_open=true" in plan_launch(["--open"], {}).arguments
    assert "switchyard_open=true" not in plan_launch([], {}).arguments


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--log-calls", "--set", "switchyard_log_calls=none"], "--log-calls"),
        (["--log-format=text", "--set=switchyard_log_format=json"], "--log-format"),
        (["a.yaml", "--set", "switchyard_config=b.yaml"], "--config"),
    ],
)
def test_an_option_that_is_set_twice(
    arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        plan_launch(arguments, {})
    assert f"is set twice ({named} sets it)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "listens"),
    [
        ([], True),
        (["--mode", "reverse:http://h"], True),
        (["--mode", "local:claude", "--mode", "regular"], True),
        (["--mode", "local:claude"], False),
        (["--mode", "wireguard"], False),
        (["--mode", "reverse:dns://h"], False),
        (["--mode", "socks5@1080"], False),
        (["--listen-port", "1"], False),
        (["-n"], False),
    ],
)
def test_whether_the_port_is_listened_on(arguments: list[str], listens: bool) -> None:
    assert plan_launch(arguments, {}).listens is listens


def test_actions() -> None:
    assert plan_launch([], {}).action == "start"
    assert plan_launch(["--check", "a.yaml"], {}).action == "check"
    assert plan_launch(["--init"], {}).action == "init"
    with pytest.raises(SystemExit):
        plan_launch(["--init", "--check"], {})

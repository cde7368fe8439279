"""scripts/run-with: what tools are told, and that they are started so."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from http.server import HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from switchyard.clients.tool_table import ANY
from switchyard.clients.tool_table import NeedsModel
from switchyard.clients.tool_table import laid_over
from switchyard.clients.tool_table import read_table
from switchyard.commands import run_with
from switchyard.commands.projects import project_of
from switchyard.commands.run_with import CannotRun
from switchyard.commands.run_with import main
from switchyard.commands.run_with import no_proxy
from switchyard.commands.run_with import printed
from switchyard.commands.run_with import proxy_url
from switchyard.commands.run_with import read_options
from switchyard.commands.run_with import set_up
from switchyard.commands.trust import authority_in
from switchyard.commands.trust import write_trust
from tests.support.router import ROOT
from tests.support.router import Router
from tests.support.upstream import ClosedPort

SCRIPT = [sys.executable, "-P", str(ROOT / "scripts" / "launch.py"), "run-with"]
TABLE = read_table()
CONFIG = {"providers": [{"name": "demo", "builtin": "demo", "models": [{"name": "echo"}]}]}
BEGIN = "-----BEGIN CERTIFICATE-----"

AUTHORITY = f"{BEGIN}\nours\n-----END CERTIFICATE-----\n".encode()
ROOTS = f"{BEGIN}\ntheirs\n-----END CERTIFICATE-----".encode()

VALUES = {
    "router": "http://r:1",
    "proxy": "http://u:k@r:1",
    "key": "sk-k",
    "no-proxy": "localhost",
    "files": "/f",
    "ca": "/ca.pem",
    "bundle": "/bundle.pem",
}

every_tool = pytest.mark.parametrize("name", list(TABLE))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home with nothing in it, and no variables of the machine's own."""
    for name in list(os.environ):
        if name not in ("PATH", "LANG"):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home)  # which is part of no project
    return home


def run(
    *arguments: str, cwd: Path | str | None = None, **environ: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SCRIPT, *arguments],
        cwd=cwd,
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )


@every_tool
def test_everything_is_filled_in(name: str):
    for way in ("proxy", "base-url"):
        setup = TABLE[name].set_up(way, {**VALUES, "model": "my/model"})
        texts = [*setup.environment.values(), *setup.arguments, setup.note]
        texts += [file.text for file in setup.files.values()]
        for text in texts:
            assert isinstance(text, str)
            assert not any(f"{{{value}}}" in text for value in (*VALUES, "model")), text
    assert any("my/model" in text for text in texts) or name == ANY


@every_tool
def test_without_a_model_none_is_named(name: str):
    tool = TABLE[name]
    try:
        setup = tool.set_up("base-url", VALUES)
    except NeedsModel:
        assert tool.ways["base-url"]["needs-model"]
        return
    told = [*setup.environment.items(), *setup.arguments]
    assert not any("MODEL" in str(each) or "model=" in str(each) for each in told), told


@every_tool
def test_by_proxy_nothing_but_the_way_is_told(name: str):
    """A tool keeps its login, its model and its arguments."""
    setup = TABLE[name].set_up("proxy", VALUES)
    names = {variable.upper() for variable in setup.environment} - {"NODE_USE_ENV_PROXY"}
    assert names == {
        *("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "NODE_EXTRA_CA_CERTS"),
        *("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "CODEX_CA_CERTIFICATE"),
    }
    for lower in ("https_proxy", "http_proxy", "no_proxy"):
        assert setup.environment[lower] == setup.environment[lower.upper()]
    assert not setup.arguments and not setup.files and not setup.unset
    # What replaces a client's roots must have them all; what is added to them, ours alone.
    assert setup.environment["SSL_CERT_FILE"] == "/bundle.pem"
    assert setup.environment["NODE_EXTRA_CA_CERTS"] == "/ca.pem"


def test_opencode_is_told_by_its_inline_configuration():
    setup = TABLE["opencode"].set_up("base-url", {**VALUES, "model": "m"})
    config = json.loads(setup.environment["OPENCODE_CONFIG_CONTENT"])
    assert config["model"] == "switchyard/m"
    provider = config["provider"]["switchyard"]
    assert list(provider["models"]) == ["m"]
    assert provider["options"] == {"baseURL": "http://r:1/v1", "apiKey": "sk-k"}


def test_settings_of_the_users_hold_where_ours_say_nothing():
    theirs = '{"a": 1, "security": {"auth": {"selectedType": "x", "b": 2}, "c": 3}}'
    joined = laid_over('{"security": {"auth": {"selectedType": "y"}}}', theirs)
    assert json.loads(joined) == {
        "a": 1,
        "security": {"auth": {"selectedType": "y", "b": 2}, "c": 3},
    }
    for unreadable in ("", "// {", "[1]"):
        assert json.loads(laid_over('{"a": 1}', unreadable)) == {"a": 1}


@pytest.mark.parametrize(
    ("arguments", "environ", "router"),
    [
        (["x"], {}, "http://127.0.0.1:8787"),
        (["x"], {"PORT": "9000"}, "http://127.0.0.1:9000"),
        (["x"], {"PORT": "9000", "SWITCHYARD_PORT": "9001"}, "http://127.0.0.1:9001"),
        (["--router", "http://h:1/", "x"], {"PORT": "9000"}, "http://h:1"),
    ],
)
def test_where_the_router_is(arguments: list[str], environ: dict[str, str], router: str):
    assert read_options(arguments, environ).router == router


def test_what_follows_the_command_is_its_own():
    options = read_options(["--base-url", "codex", "exec", "--model", "m", "--print"], {})
    assert (options.command, options.arguments) == ("codex", ("exec", "--model", "m", "--print"))
    assert options.model is None and not options.prints


@pytest.mark.parametrize("arguments", [["--model", "m", "pi"], ["--router", "nonsense", "pi"], []])
def test_wrong_options_are_explained(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        read_options(arguments, {})
    assert ended.value.code == 2
    assert "run-with: error:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "arguments", "expected"),
    [
        ({}, ["x"], "localhost,127.0.0.1,::1"),
        ({"NO_PROXY": "corp, ::1,"}, ["x"], "corp,::1,localhost,127.0.0.1"),
        ({"no_proxy": "corp"}, ["x"], "corp,localhost,127.0.0.1,::1"),
        ({"NO_PROXY": "*"}, ["x"], "localhost,127.0.0.1,::1"),
        (
            {"NO_PROXY": "*"},
            ["--base-url", "--router=http://h:1", "x"],
            "*,h,localhost,127.0.0.1,::1",
        ),
    ],
)
def test_hosts_reached_directly(given: Mapping[str, str], arguments: list[str], expected: str):
    assert no_proxy(given, read_options(arguments, {})) == expected


def test_the_key_is_shown_to_the_proxy():
    options = read_options(["--router", "http://h:1", "x"], {"SWITCHYARD_KEY": "k/1@"})
    assert proxy_url(options) == "http://switchyard:k%2F1%40@h:1"
    assert proxy_url(read_options(["--router", "http://h:1", "x"], {})) == "http://h:1"


def test_a_router_that_asks_for_keys_tells_its_certificate(
    home: Path, start_router: Callable[..., Router]
):
    router = start_router({**CONFIG, "clients": {"api-keys": ["sk-mine"]}})
    show = 'cat "$NODE_EXTRA_CA_CERTS"; echo $https_proxy'
    result = run("--router", router.url, "--key", "sk-mine", "sh", "-c", show)
    place = router.url.removeprefix("http://")
    assert result.stdout == router.ca.read_text() + f"http://switchyard:sk-mine@{place}\n"


def test_trust_is_added_to_what_is_trusted_already(tmp_path: Path):
    cache, roots = tmp_path / "cache", tmp_path / "roots.pem"
    roots.write_bytes(ROOTS)
    environ = {"SSL_CERT_FILE": str(roots), "NODE_EXTRA_CA_CERTS": str(roots)}

    ca, bundle = write_trust(AUTHORITY, cache, environ)

    assert bundle.read_bytes() == ca.read_bytes() == ROOTS + b"\n" + AUTHORITY
    alone, system = write_trust(AUTHORITY, cache, {})
    assert alone.read_bytes() == AUTHORITY
    assert system.read_text().count(BEGIN) > 20 and AUTHORITY in system.read_bytes()


def test_trust_is_mended_and_does_not_grow(tmp_path: Path):
    ca, bundle = write_trust(AUTHORITY, tmp_path, {})
    whole = bundle.read_bytes()
    bundle.write_bytes(whole[:100])
    # A tool that was started by run-with starts another one.
    inherited = {"SSL_CERT_FILE": str(bundle), "NODE_EXTRA_CA_CERTS": str(ca)}

    assert write_trust(AUTHORITY, tmp_path, inherited) == (ca, bundle)

    assert bundle.read_bytes() == whole
    assert sorted(tmp_path.iterdir()) == sorted((ca, bundle))


def test_the_authority_is_made_where_it_is_missing(tmp_path: Path):
    made = authority_in(tmp_path / "conf")
    assert made.decode().count(BEGIN) == 1 and b"PRIVATE" not in made
    assert authority_in(tmp_path / "conf") == made
    assert (tmp_path / "conf" / "mitmproxy-ca.pem").exists()


def test_the_running_proxys_own_certificate_counts(home: Path, start_router: Callable[..., Router]):
    router = start_router(CONFIG)
    result = run("--router", router.url, "sh", "-c", 'cat "$NODE_EXTRA_CA_CERTS"')
    assert result.stdout == router.ca.read_text()
    assert not (home / ".mitmproxy").exists()


def test_a_command_runs_with_its_arguments_and_status(
    home: Path, start_router: Callable[..., Router]
):
    router = start_router(CONFIG)
    script = 'echo "$OPENAI_BASE_URL" "$OPENAI_API_KEY" "$1"; exit 7'
    result = run(
        *("--router", router.url, "--base-url", "sh", "-c", script, "sh", "a b"),
        SWITCHYARD_KEY="sk-mine",
    )
    assert result.stdout == f"{router.url}/v1 sk-mine a b\n"
    assert result.returncode == 7


def test_printed_lines_do_the_same_in_a_shell(home: Path):
    lines = run("--print", "--base-url", "--model", "it's", "--key", "k $x", "claude").stdout
    shown = subprocess.run(
        ["sh", "-c", f"{lines}\nenv"],
        env={**os.environ, "ANTHROPIC_API_KEY": "sk-theirs"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert "ANTHROPIC_MODEL=it's" in shown and "ANTHROPIC_AUTH_TOKEN=k $x" in shown
    assert not any(line.startswith("ANTHROPIC_API_KEY=") for line in shown)


def test_the_project_is_that_of_the_git_root(home: Path):
    inner = home / "my yard" / "src"
    inner.mkdir(parents=True)
    (home / "my yard" / ".git").mkdir()
    lines = run("--print", "--base-url", "--router", "http://r:1", "claude", cwd=inner).stdout
    assert "export ANTHROPIC_BASE_URL=http://r:1/p/my%20yard\n" in lines
    lines = run("--print", "claude", cwd=inner).stdout
    assert "export ANTHROPIC_CUSTOM_HEADERS='x-switchyard-project: my yard'\n" in lines
    lines = run("--print", "claude", cwd=inner, ANTHROPIC_CUSTOM_HEADERS="x-own: 1").stdout
    assert "export ANTHROPIC_CUSTOM_HEADERS='x-own: 1\nx-switchyard-project: my yard'\n" in lines
    assert "ANTHROPIC_CUSTOM_HEADERS" not in run("--print", "claude").stdout


def test_a_worktree_belongs_to_its_repository(home: Path):
    (home / "wt").mkdir()
    (home / "wt" / ".git").write_text("gitdir: /srv/yard/.git/worktrees/wt\n")
    assert project_of(home / "wt") == "yard"
    (home / "wt" / ".git").write_text("gitdir: /srv/yard/.git/modules/wt\n")
    assert project_of(home / "wt") == "wt"
    assert project_of(home) is None


def test_a_status_line_for_one_run(home: Path):
    lines = run("--print", "--statusline", "claude", "-c").stdout
    (line,) = (line for line in lines.splitlines() if line.startswith("# start it as: "))
    command = shlex.split(line.removeprefix("# start it as: "))
    assert command[:2] == ["claude", "--settings"] and command[3:] == ["-c"]
    shown = json.loads(command[2])["statusLine"]
    assert shown == {"type": "command", "command": f"{ROOT / 'scripts' / 'usage'} statusline"}
    assert "--settings" not in run("--print", "claude").stdout


def test_arguments_are_printed_to_be_pasted(home: Path):
    lines = run("--print", "--base-url", "--model", "m n", "codex", "exec", "x y").stdout
    (line,) = (line for line in lines.splitlines() if line.startswith("# start it as: "))
    words = shlex.split(line.removeprefix("# start it as: "))
    assert words[0] == "codex" and words[-2:] == ["exec", "x y"] and 'model="m n"' in words
    assert "~/.codex/config.toml" in lines


def test_what_is_set_for_good_names_no_project(home: Path):
    (home / ".git").mkdir()
    lines = run("--print", "--base-url", "codex").stdout
    assert "http://127.0.0.1:8787/p/home/v1" in lines
    assert '#   base_url = "http://127.0.0.1:8787/v1"' in lines


def test_nothing_of_the_users_is_written(home: Path):
    (home / ".gemini").mkdir()
    (home / ".gemini" / "settings.json").write_text('{"ui": 1}')
    for name in TABLE:
        run("--print", name)
        run("--print", "--base-url", "--model", "m", name)
    assert {path.name for path in home.iterdir()} == {".cache", ".gemini", ".mitmproxy"}
    assert (home / ".gemini" / "settings.json").read_text() == '{"ui": 1}'
    (ours,) = home.glob(".cache/**/settings.json")
    assert json.loads(ours.read_text())["ui"] == 1
    for file in home.glob(".cache/switchyard/**/*"):
        assert file.is_dir() or file.stat().st_mode & 0o077 == 0, file


def test_tools_at_once_do_not_share_files(home: Path):
    places = set()
    for model in ("a", "b"):
        options = read_options(["--base-url", "--model", model, "cline"], os.environ)
        setup = set_up(options, os.environ)
        place = Path(setup.environment["CLINE_PROVIDER_SETTINGS_PATH"])
        settings = json.loads(place.read_text())["providers"]["openai-compatible"]["settings"]
        assert settings["model"] == model
        places.add(place)
    assert len(places) == 2


def test_no_router_is_explained(home: Path):
    closed = ClosedPort()
    result = run("--router", closed.url, "sh", "-c", "echo started")
    closed.close()
    assert result.returncode == 1 and not result.stdout
    assert f"at {closed.url} (Connection refused). Start one" in result.stderr
    assert "SWITCHYARD_PORT" in result.stderr


class Stranger(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status": "ok"}')

    def log_message(self, format: str, *args: object) -> None: ...


def test_what_is_no_router_of_ours_is_told():
    with HTTPServer(("127.0.0.1", 0), Stranger) as server:
        Thread(target=server.handle_request, daemon=True).start()
        with pytest.raises(CannotRun, match="is not a Switchyard router"):
            run_with.check_router(f"http://127.0.0.1:{server.server_port}")


def test_the_models_to_choose_from_are_named(
    home: Path, start_router: Callable[..., Router], capsys: pytest.CaptureFixture[str]
):
    router = start_router(CONFIG)
    assert main(["--router", router.url, "--base-url", "aider"]) == 1
    said = capsys.readouterr().err
    assert "--model" in said and "demo/echo" in said


def test_how_to_install_a_missing_tool_is_told(
    home: Path, tmp_path: Path, start_router: Callable[..., Router]
):
    router = start_router(CONFIG)
    result = run("--router", router.url, "claude", PATH=str(tmp_path))
    assert result.returncode == 1
    assert "npm install -g @anthropic-ai/claude-code" in result.stderr


def test_a_tool_may_be_given_by_its_path(home: Path):
    options = read_options(["--base-url", "--print", "/opt/bin/claude"], os.environ)
    lines = printed(set_up(options, os.environ), options)
    assert "ANTHROPIC_AUTH_TOKEN" in lines


def test_help_names_the_tools():
    result = run("--help")
    for word in (*TABLE, "--base-url", "--model", "--router", "--print"):
        assert word in result.stdout


KEYED = {
    **CONFIG,
    "clients": {"api-keys": ["sk-of-the-router", {"key": "sk-small", "models": ["x"]}]},
}


@pytest.mark.parametrize("way", [("--base-url",), ()])
def test_the_key_is_checked_before_the_tool_starts(
    home: Path, start_router: Callable[..., Router], way: tuple[str, ...]
):
    router = start_router(KEYED)
    start = ("--router", router.url, *way, "sh", "-c", "echo started")
    none, wrong = run(*start), run(*start, SWITCHYARD_KEY="sk-wrong-one")
    assert (none.returncode, none.stdout) == (wrong.returncode, wrong.stdout) == (1, "")
    assert "asks for a client key" in none.stderr and "--key KEY" in none.stderr
    assert "does not know this client key" in wrong.stderr and "sk-wrong" not in wrong.stderr
    assert run(*start, SWITCHYARD_KEY="sk-of-the-router").stdout == "started\n"


@pytest.mark.parametrize(
    ("model", "key", "said"),
    [
        ("demo/ecko", "sk-of-the-router", "has no model 'demo/ecko'. Did you mean demo/echo"),
        ("my-coding-stack", "sk-of-the-router", "'my-coding-stack'. There are: demo/echo"),
        ("demo/echo", "sk-small", "'demo/echo'"),
        ("demo/echo", "sk-of-the-router", None),
    ],
)
def test_the_model_is_checked_before_the_tool_starts(
    home: Path, start_router: Callable[..., Router], model: str, key: str, said: str | None
):
    router = start_router(KEYED)
    options = ("--router", router.url, "--base-url", "--model", model)
    result = run(*options, "sh", "-c", "echo started", SWITCHYARD_KEY=key)
    assert result.stdout == ("started\n" if said is None else "")
    assert result.returncode == (0 if said is None else 1)
    assert said is None or said in result.stderr, result.stderr


def test_a_model_that_no_list_has_can_be_asked_for(home: Path, start_router: Callable[..., Router]):
    open_list = {"name": "o", "base-url": "http://127.0.0.1:9/v1", "api-key": "sk-upstream-1"}
    router = start_router({"providers": [open_list]})
    options = ("--router", router.url, "--base-url", "--model", "o/any-model-of-theirs")
    assert run(*options, "sh", "-c", "echo started").stdout == "started\n"


THEIRS = {
    name: f"own-{name.lower()}"
    for name in (
        *("GOOGLE_API_KEY", "GEMINI_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY"),
        *("CLAUDE_CODE_OAUTH_TOKEN", "OPENAI_API_KEY", "OPENAI_ORG_ID", "OLLAMA_API_KEY"),
        *("CODEX_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI", "ANTHROPIC_CUSTOM_HEADERS"),
    )
}


@every_tool
def test_no_key_of_the_users_is_left_for_the_router(name: str):
    setup = TABLE[name].set_up("base-url", {**VALUES, "model": "m"})
    left = {one: value for one, value in THEIRS.items() if one not in setup.unset}
    seen = {**left, **setup.environment}
    assert not set(seen.values()) & set(THEIRS.values())
    assert not set(setup.unset) & set(setup.environment)


def variables_in(shown: str) -> dict[str, str]:
    """What `env` printed."""
    parts = (line.partition("=") for line in shown.splitlines() if "=" in line)
    return {name: value for name, _, value in parts}


def test_a_started_command_sees_the_routers_keys_alone(
    home: Path, start_router: Callable[..., Router]
):
    router = start_router(CONFIG)
    shown = run("--router", router.url, "--base-url", "env", SWITCHYARD_KEY="sk-r", **THEIRS).stdout
    variables = variables_in(shown)
    assert not set(variables.values()) & set(THEIRS.values())
    assert variables["OLLAMA_API_KEY"] == variables["GEMINI_API_KEY"] == "sk-r"
    assert "GOOGLE_API_KEY" not in variables
    by_proxy = run("--router", router.url, "env", **THEIRS).stdout
    assert "GOOGLE_API_KEY=own-google_api_key" in by_proxy, "a tool keeps its own login"

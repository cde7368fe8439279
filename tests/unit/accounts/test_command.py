import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from switchyard.accounts.command import Terminal
from switchyard.accounts.command import main
from switchyard.accounts.command import read_login_options
from switchyard.accounts.record import AccountRecord
from switchyard.accounts.store import AccountStore
from switchyard.config.account_flows import AccountFlow
from tests.support.authority import Authority


@pytest.fixture
def authority() -> Iterator[Authority]:
    with Authority() as made:
        made.paths["/device"] = lambda asked: (
            200,
            {"device_code": "d", "user_code": "ABCD-EFGH", "verification_uri": "https://v.example",
             "interval": 1},
        )  # fmt: skip
        made.paths["/token"] = lambda asked: (
            200, {"access_token": "tok-1", "refresh_token": "ref-1", "expires_in": 3600, "id": "me"}
        )  # fmt: skip
        yield made


class Command:
    def __init__(self, authority: Authority, folder: Path, capsys: pytest.CaptureFixture) -> None:
        token = {"url": f"{authority.url}/token", "answer": {"account": "$.id"}}
        flow = {"client-id": "c", "device": {"url": f"{authority.url}/device"}, "token": token}
        self.flows = {"corp": AccountFlow.model_validate(flow)}
        self.store = AccountStore(folder)
        self.environ = {**os.environ, "SWITCHYARD_ACCOUNTS_DIR": str(folder)}
        self.capsys = capsys

    def __call__(self, *arguments: str, status: int = 0) -> str:
        assert main(lambda named: self.flows, arguments, self.environ) == status
        captured = self.capsys.readouterr()
        shown = captured.out + captured.err
        assert "tok-1" not in shown and "ref-1" not in shown
        return shown


@pytest.fixture
def command(
    authority: Authority,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> Command:
    monkeypatch.setenv("COLUMNS", "1000")  # the tests may run in a terminal, which lines would fit
    return Command(authority, tmp_path / "accounts", capsys)


def test_a_login_from_its_begin_to_its_end(command: Command) -> None:
    assert command("status") == "no account is logged in\n"
    shown = command("corp/work", "--device", "--no-browser")
    assert "ABCD-EFGH" in shown and "█" in shown
    assert "Logged in as me. Providers use it by api-key: {oauth: corp/work}" in shown
    command("corp/home", "--device")
    assert command.store.refs() == ["corp/home", "corp/work"]
    assert "corp/work" in command("status") and "logged in" in command("status")
    assert "its tokens are removed" in command("logout", "corp/work")
    assert command.store.refs() == ["corp/home"]
    assert "was not logged in" in command("logout", "corp/work", status=1)


def test_the_list_wraps_in_a_terminal(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    lines = command("list").splitlines()
    place = lines[0].index("position")
    assert max(map(len, lines)) <= 60
    assert any(line[:place].isspace() and line[place] != " " for line in lines)


def test_the_list_has_each_providers_position(command: Command) -> None:
    lines = command("list").splitlines()
    states = {line.split()[0]: line.split()[1] for line in lines[1:]}
    assert states["corp"] == "ok" and states["copilot"] == "preview"
    assert states["qwen"] == states["iflow"] == "ended"
    assert states["claude"] == states["chatgpt"] == states["gemini-cli"] == "unsupported"
    assert any("2026-" in line for line in lines)


def test_a_dead_account_says_what_to_do(command: Command) -> None:
    record = AccountRecord(name="corp", state="log-in-again", error="status 400 (invalid_grant)")
    command.store.save(record)
    command.store.path("broken").write_text("{")
    shown = command("status")
    assert "must log in again (status 400 (invalid_grant)): scripts/login corp" in shown
    assert "it holds no account" in shown


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("qwen", "The free login ended on 2026-04-15"),
        ("claude", "Let Claude Code send its own login through the router"),
        ("kimi", "needs no login. Use preset: kimi-code"),
        ("copilot", "Set preview: true"),
        ("corpp", "did you mean 'corp'"),
        ("a/b/c", "NAME/LABEL"),
    ],
)
def test_what_has_no_login(command: Command, name: str, cause: str) -> None:
    assert cause in command(name, status=1)


@pytest.mark.parametrize(
    "words", [["logout"], ["corp", "more"], [], ["corp", "--device", "--paste"]]
)
def test_wrong_command_lines(words: list[str]) -> None:
    with pytest.raises(SystemExit):
        read_login_options(words)


def test_a_page_is_opened_unless_it_shall_not(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    shown: list[str] = []
    Terminal(opens=True, out=shown.append).show_page("https://a.example")
    Terminal(opens=False, out=shown.append).show_page("https://b.example")
    assert opened == ["https://a.example"]
    assert "https://b.example" in shown[1]

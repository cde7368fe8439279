"""Several devices over a folder and a git repository, by the commands that users type."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from switchyard.config.sealed_secrets import SealedError
from switchyard.config.sealed_secrets import opened
from switchyard.config.sealed_secrets import read_identity
from switchyard.config.variables import variables_beside
from switchyard.sync.device_keys import DeviceCard
from switchyard.sync.device_keys import load_keys
from switchyard.sync.device_keys import make_keys
from tests.integration.sync.conftest import Maker
from tests.support.devices import CONFIG
from tests.support.devices import KEY
from tests.support.devices import UserDevice
from tests.support.devices import begin_with
from tests.support.devices import git_repository
from tests.support.devices import let_in
from tests.support.object_server import ACCESS
from tests.support.object_server import SECRET
from tests.support.object_server import USER
from tests.support.object_server import ObjectServer


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    return tmp_path / "remote"


@pytest.fixture
def pair(device: Maker, remote: Path) -> tuple[UserDevice, UserDevice]:
    one, other = device("laptop"), device("desk")
    begin_with(one, str(remote))
    let_in(other, str(remote), by=one)
    return one, other


def state_of(remote: Path) -> dict:
    return json.loads((remote / "state.json").read_text())["state"]


def card_of(device: UserDevice) -> DeviceCard:
    """The card that a device showed when it joined."""
    return load_keys(device.key.parent, device.name).card


def file_of(remote: Path, kind: str) -> Path:
    """The one file of a kind: those of earlier states are removed."""
    (found,) = remote.glob(f"{kind}-*")
    return found


def test_three_devices_change_it_at_once(device: Maker, remote: Path) -> None:
    address = str(remote)
    laptop, desk, server = device("laptop"), device("desk"), device("server")
    begin_with(laptop, address)
    let_in(desk, address, by=laptop)
    let_in(server, address, by=desk)
    laptop.edit("# The router of all", "# The router for all")
    desk.edit("models: [{name: echo}]", "models: [{name: echo}, {name: second}]  # two")
    server.edit("stack: [demo/echo]", "stack: [demo/echo]\n  spare: [demo/echo]  # for nights")

    laptop.run("pull")
    laptop.run("push")
    for one in (desk, server):
        assert "pull, then try again" in one.run("push", status=1)
        one.run("pull")
        one.run("push")
    for one in (laptop, desk):
        one.run("pull")

    assert laptop.text == desk.text == server.text
    for part in ("# The router for all", "{name: second}]  # two", "spare: [demo/echo]  # for nig"):
        assert part in laptop.text
    assert laptop.secrets == desk.secrets == server.secrets == {"OPENROUTER_API_KEY": KEY}


def test_two_devices_over_git(device: Maker, tmp_path: Path) -> None:
    address = git_repository(tmp_path / "remote.git") + "#router"
    one, other = device("laptop"), device("desk")
    begin_with(one, address)
    let_in(other, address, by=one)
    other.edit("# The router of all", "# The router for all")
    other.run("push")
    assert "pull, then try again" in one.run("push", status=1)
    one.run("pull")
    assert one.text == other.text


@pytest.mark.parametrize("kind", ["webdav", "s3"])
def test_two_devices_over_http(kind: str, device: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("SWITCHYARD_SYNC_USER", "SWITCHYARD_SYNC_PASSWORD")
    keys = {"AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY": SECRET}
    for name, value in {**dict(zip(names, USER.split(":", 1), strict=True)), **keys}.items():
        monkeypatch.setenv(name, value)
    one, other = device("laptop"), device("desk")
    with ObjectServer(kind) as server:
        begin_with(one, server.address)
        let_in(other, server.address, by=one)
        other.edit("# The router of all", "# The router for all")
        other.run("push")
        assert "pull, then try again" in one.run("push", status=1)
        one.run("pull")
        assert one.text == other.text
        assert len(server.files) == 3
        assert KEY.encode() not in b"".join(server.files.values())
        before = one.everything()
        server.before = lambda method, path: 503
        assert "answers 503" in one.run("pull", status=1)
        assert one.everything() == before


def test_keys_leave_the_configuration(
    pair: tuple[UserDevice, UserDevice], remote: Path, tmp_path: Path
) -> None:
    one, other = pair
    assert one.text == CONFIG.replace(KEY, "'${OPENROUTER_API_KEY}'")
    assert KEY.encode() not in b"".join(path.read_bytes() for path in remote.iterdir())
    assert KEY.encode() not in b"".join(other.everything().values())


def test_what_a_login_got_is_never_synced(
    pair: tuple[UserDevice, UserDevice], remote: Path
) -> None:
    one, _ = pair
    account = one.state / "switchyard" / "accounts" / "plan.json"
    account.parent.mkdir()
    account.write_text('{"refresh_token": "rotating-0123456789"}')
    one.edit("stack:", "more: [demo/echo]\n  stack:")
    one.run("push")
    assert all(b"rotating" not in path.read_bytes() for path in remote.iterdir())
    assert len(list(remote.iterdir())) == 3


def test_a_conflict_overwrites_nothing(pair: tuple[UserDevice, UserDevice], remote: Path) -> None:
    one, other = pair
    one.edit("stack: [demo/echo]", "stack: [demo/echo, openrouter/a]")
    one.run("push")
    other.edit("stack: [demo/echo]", "stack: [openrouter/b]")
    before = other.everything()
    there = {path: path.read_bytes() for path in remote.iterdir()}
    printed = other.run("pull", status=1)
    for part in ("combos.stack", "mine   [openrouter/b]", "theirs [demo/echo, openrouter/a]"):
        assert part in printed
    assert other.everything() == before
    assert "combos.stack" in other.run("status")
    assert {path: path.read_bytes() for path in remote.iterdir()} == there

    other.run("pull", "--mine", "combos.stack")
    assert "stack: [openrouter/b]" in other.text
    other.run("push")
    one.run("pull")
    assert "stack: [openrouter/b]" in one.text


def test_the_side_of_others_can_be_chosen(pair: tuple[UserDevice, UserDevice]) -> None:
    one, other = pair
    one.edit("stack: [demo/echo]", "stack: [openrouter/a]")
    one.run("push")
    other.edit("stack: [demo/echo]", "stack: [openrouter/b]")
    other.run("pull", "--theirs", "all")
    assert other.text == one.text
    assert "up to date" in other.run("push")


def test_a_lost_device_is_shut_out(
    pair: tuple[UserDevice, UserDevice], remote: Path, device: Maker
) -> None:
    one, lost = pair
    third = device("server")
    let_in(third, str(remote), by=lost)
    one.run("pull")
    printed = one.run("remove", "desk")
    assert "OPENROUTER_API_KEY: revoke it at its provider" in printed
    secrets = file_of(remote, "secrets").read_bytes()
    for content in (secrets, one.secrets_file.read_bytes()):
        with pytest.raises(SealedError, match="is not encrypted for the key"):
            opened(content, read_identity(lost.key))
    assert opened(secrets, read_identity(third.key)) == {"OPENROUTER_API_KEY": KEY}
    assert "not allowed yet, or was removed" in lost.run("pull", status=1)

    # Those that it let in stay, also for whoever learns of the removal only now.
    third.run("pull")
    third.edit("stack:", "more: [demo/echo]\n  stack:")
    third.run("push")
    one.run("pull")
    assert "more: [demo/echo]" in one.text


def test_a_removed_device_that_is_found_again(
    pair: tuple[UserDevice, UserDevice], remote: Path
) -> None:
    one, other = pair
    card = str(card_of(other))
    one.run("remove", "desk")
    assert "was removed; on it, make new keys" in one.run("allow", card, status=1)
    new = other.run("init", str(remote), "--name", "desk", "--new-keys").split("allow ")[1].split()
    trust = one.run("allow", new[0]).split("--trust ")[1].split()[0]
    other.run("pull", "--trust", trust)
    assert other.secrets == {"OPENROUTER_API_KEY": KEY}


def test_what_a_removed_device_writes_is_refused(
    pair: tuple[UserDevice, UserDevice], remote: Path, tmp_path: Path
) -> None:
    one, lost = pair
    shutil.copytree(remote, tmp_path / "kept")
    one.run("remove", "desk")
    shutil.rmtree(remote)
    shutil.copytree(tmp_path / "kept", remote)
    lost.edit("stack: [demo/echo]", "stack: [openrouter/theirs]")
    lost.run("push")
    before = one.everything()
    assert "signed by 'desk', which no known device allowed" in one.run("pull", status=1)
    assert one.everything() == before


@pytest.mark.parametrize("what", ["config", "secrets", "state", "devices", "cut"])
def test_changed_files_are_refused(
    what: str, pair: tuple[UserDevice, UserDevice], remote: Path
) -> None:
    one, other = pair
    one.edit("stack: [demo/echo]", "stack: [demo/echo, demo/echo]")
    one.run("push")
    state = remote / "state.json"
    whole = json.loads(state.read_text())
    match what:
        case "config" | "secrets":
            file = file_of(remote, what)
            file.write_bytes(file.read_bytes().replace(b"E", b"F", 1) + b"\n")
        case "state":
            whole["state"]["at"] += 1
            state.write_text(json.dumps(whole))
        case "devices":
            (whole["state"]["devices"][next(iter(whole["state"]["devices"]))])["name"] = "eve"
            state.write_text(json.dumps(whole))
        case "cut":
            state.write_bytes(state.read_bytes()[:-20])
    before = other.everything()
    assert "it was changed" in other.run("pull", status=1)
    assert "it was changed" in other.run("push", status=1)
    assert other.everything() == before


def test_an_older_state_is_noticed(
    pair: tuple[UserDevice, UserDevice], remote: Path, tmp_path: Path
) -> None:
    one, other = pair
    shutil.copytree(remote, tmp_path / "old")
    one.edit("stack: [demo/echo]", "stack: [demo/echo, demo/echo]")
    one.run("push")
    other.run("pull")
    shutil.rmtree(remote)
    shutil.copytree(tmp_path / "old", remote)
    for device in pair:
        before = device.everything()
        assert "state 2 again, but this device has seen 3" in device.run("pull", status=1)
        assert device.everything() == before


def test_another_users_devices_are_refused(
    pair: tuple[UserDevice, UserDevice], remote: Path, device: Maker
) -> None:
    one, _ = pair
    stranger = device("stranger")
    shutil.rmtree(remote)
    begin_with(stranger, str(remote))
    assert "no known device allowed" in one.run("pull", status=1)


def test_the_first_pull_needs_a_fingerprint(
    pair: tuple[UserDevice, UserDevice], remote: Path, device: Maker
) -> None:
    one, _ = pair
    third, stranger = device("server"), device("stranger")
    begin_with(stranger, str(remote.with_name("elsewhere")))
    third.run("init", str(remote))
    assert "trusts none of the others yet" in third.run("pull", status=1)
    wrong = stranger.run("status").split("fingerprint ")[1].split()[0]
    assert "no known device allowed" in third.run("pull", "--trust", wrong, status=1)
    right = one.run("status").split("device: laptop, fingerprint ")[1].split()[0]
    assert "is not allowed" in third.run("pull", "--trust", right, status=1)
    assert not third.config.exists()


def test_a_merge_that_cannot_be_used_is_not_written(pair: tuple[UserDevice, UserDevice]) -> None:
    one, other = pair
    one.edit("models: [{name: echo}]", "models: [{name: second}]")
    one.edit("stack: [demo/echo]", "stack: [demo/second]")
    one.run("push")
    other.edit("stack:", "more: [demo/echo]\n  stack:")
    before = other.everything()
    assert "'demo' lists no model 'echo'" in other.run("pull", status=1)
    assert other.everything() == before


def test_a_broken_file_is_not_pushed(pair: tuple[UserDevice, UserDevice], remote: Path) -> None:
    one, _ = pair
    serial = state_of(remote)["serial"]
    one.edit("stack: [demo/echo]", "stack: [nowhere/echo]")
    assert "nothing was written" in one.run("push", status=1)
    assert state_of(remote)["serial"] == serial


def test_secrets_are_set_and_merged_by_their_names(pair: tuple[UserDevice, UserDevice]) -> None:
    one, other = pair
    environ = one.config.with_name(".env")
    environ.write_text("ONE_KEY=first-value\nLOCAL_ONLY=stays\n")
    one.run("set", "ONE_KEY", "--from-environment")
    one.run("push")
    other.config.with_name(".env").write_text("OTHER_KEY=second-value\n")
    other.run("set", "OTHER_KEY", "--from-environment")
    other.run("pull")
    other.run("push")
    one.run("pull")
    assert one.secrets == other.secrets
    assert set(one.secrets) == {"OPENROUTER_API_KEY", "ONE_KEY", "OTHER_KEY"}
    other.run("unset", "ONE_KEY")
    other.run("push")
    one.run("pull")
    assert set(one.secrets) == {"OPENROUTER_API_KEY", "OTHER_KEY"}
    assert "there is no secret" in one.run("unset", "ONE_KEY", status=1)


def test_what_env_has_is_taken_once_it_is_used(pair: tuple[UserDevice, UserDevice]) -> None:
    one, other = pair
    one.config.with_name(".env").write_text("MY_BASE=http://127.0.0.1:9/v1\nUNUSED=x\n")
    one.edit(
        "  # Answers", "  - {name: own, base-url: '${MY_BASE}', format: openai-chat}\n  # Answers"
    )
    assert "MY_BASE of .env is synced" in one.run("push")
    other.run("pull")
    assert other.secrets["MY_BASE"] == "http://127.0.0.1:9/v1"
    assert "UNUSED" not in other.secrets
    other.config.with_name(".env").write_text("MY_BASE=http://127.0.0.1:10/v1\n")
    assert "MY_BASE has another value" in other.run("status")


def test_what_presets_need_is_taken_from_env_and_named_where_it_is_not(
    device: Maker, remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = device("laptop"), device("desk")
    text = CONFIG.replace(f"    api-key: {KEY}\n", "  - preset: openai\n")
    one.config.with_name(".env").write_text(f"OPENROUTER_API_KEY={KEY}\n")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment-0123")
    begin_with(one, str(remote), text)
    assert one.secrets == {"OPENROUTER_API_KEY": KEY}
    assert "OPENAI_API_KEY is in this device's environment alone" in one.run("status")
    one.run("set", "OPENAI_API_KEY", "--from-environment")
    one.run("push")
    monkeypatch.delenv("OPENAI_API_KEY")
    let_in(other, str(remote), by=one)
    assert set(other.secrets) == {"OPENROUTER_API_KEY", "OPENAI_API_KEY"}


def test_a_device_whose_key_was_replaced(
    pair: tuple[UserDevice, UserDevice], tmp_path: Path
) -> None:
    one, _ = pair
    make_keys(tmp_path / "new", "laptop")
    shutil.copy(tmp_path / "new" / "device.key", one.key)
    before = one.everything()
    assert "not encrypted for the key of this device" in one.run("pull", status=1)
    one.key.write_text("AGE-SECRET-KEY-NONSENSE")
    assert "the keys of this device cannot be read" in one.run("pull", status=1)
    assert {**one.everything(), str(one.key): b""} == {**before, str(one.key): b""}


def test_a_key_in_a_comment_stops_the_push(device: Maker, remote: Path) -> None:
    one = device("laptop")
    one.config.write_text(CONFIG + "# api-key: sk-proj-abcdefghijklmnop\n")
    assert "comment of the configuration holds a key" in one.run("init", str(remote), status=1)
    assert not remote.exists()
    assert one.text == CONFIG + "# api-key: sk-proj-abcdefghijklmnop\n"


def test_devices_that_pushed_to_two_copies_of_a_folder(
    pair: tuple[UserDevice, UserDevice], remote: Path, tmp_path: Path
) -> None:
    """As when both were offline: the program that carries the folder over keeps one state."""
    one, other = pair
    shutil.copytree(remote, tmp_path / "copy")
    one.edit("stack: [demo/echo]", "stack: [demo/echo, demo/echo]")
    one.run("push")
    other.edit("models: [{name: echo}]", "models: [{name: echo}, {name: second}]")
    shutil.move(remote, tmp_path / "lost")
    shutil.move(tmp_path / "copy", remote)
    other.run("push")
    assert state_of(remote)["serial"] == 3
    one.run("pull")
    assert "stack: [demo/echo, demo/echo]" in one.text
    assert "{name: second}" in one.text
    one.run("push")
    other.run("pull")
    assert other.text == one.text


def test_a_remote_that_is_emptied_or_moved(
    pair: tuple[UserDevice, UserDevice], remote: Path, tmp_path: Path
) -> None:
    one, other = pair
    shutil.rmtree(remote)
    assert "the remote is empty" in one.run("push", status=1)
    place = str(tmp_path / "elsewhere")
    one.run("init", str(tmp_path / "nowhere.git"), "--name", "laptop", status=1)
    assert f"remote: {remote}" in one.run("status")
    one.run("init", place, "--name", "laptop")
    one.edit("stack: [demo/echo]", "stack: [demo/echo, demo/echo]")
    one.run("push")
    assert "now in step by" in other.run("init", place, "--name", "desk")
    other.run("pull")
    assert other.text == one.text


def test_files_on_their_way_are_waited_for(
    pair: tuple[UserDevice, UserDevice], remote: Path
) -> None:
    one, other = pair
    one.edit("stack: [demo/echo]", "stack: [demo/echo, demo/echo]")
    one.run("push")
    file_of(remote, "config").unlink()
    before = other.everything()
    assert "may be on its way; try again later" in other.run("pull", status=1)
    assert other.everything() == before


@pytest.mark.skipif(not shutil.which("age"), reason="needs the tool age")
def test_the_age_tool_opens_the_secrets(pair: tuple[UserDevice, UserDevice], remote: Path) -> None:
    for device in pair:
        command = ["age", "--decrypt", "--identity", device.key, file_of(remote, "secrets")]
        done = subprocess.run(command, capture_output=True, check=True, text=True)
        assert done.stdout == f"OPENROUTER_API_KEY: {KEY}\n"


def test_the_router_resolves_names_by_the_secrets(
    pair: tuple[UserDevice, UserDevice], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, other = pair
    monkeypatch.setenv("XDG_STATE_HOME", str(other.state))
    assert variables_beside(other.config.with_name(".env"), {})["OPENROUTER_API_KEY"] == KEY


def test_wrong_addresses_and_names(device: Maker, tmp_path: Path) -> None:
    one = device("laptop")
    one.config.write_text(CONFIG)
    assert "no remote yet" in one.run("status", status=1)
    assert "of this kind are unknown" in one.run("init", "gopher://x/y", status=1)
    assert "--name" in one.run("init", str(tmp_path / "r"), "--name", "a b", status=1)
    one.config.write_bytes(b"providers: \xff")
    assert "is not UTF-8 text" in one.run("init", str(tmp_path / "r"), status=1)
    begin_with(one, str(tmp_path / "r"))
    assert "no card" in one.run("allow", "laptop", status=1)
    assert "cannot remove itself" in one.run("remove", "laptop", status=1)
    assert "there is no device" in one.run("remove", "phone", status=1)
    assert "named by letters" in one.run("set", "a-b", status=1)

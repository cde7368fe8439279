"""What stands in the place of a configuration, or of a file it names, is looked at first."""

import os
from pathlib import Path

import pytest

from switchyard.config.load import load_config
from switchyard.config.problems import ConfigError
from switchyard.values.files import MOST_BYTES
from switchyard.values.files import read_regular
from switchyard.values.files import replace_private
from tests.support.disks import full_disk

GOOD = "providers: [{name: p, base-url: 'https://p.example/v1', api-key: k}]\n"


def put(path: Path, kind: str) -> Path:
    """Something that is no file of a sensible size; a good one that cannot be told from it."""
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "endless device":
            path.symlink_to("/dev/zero")
        case "empty device":
            path.symlink_to("/dev/null")
        case "huge":
            with path.open("wb") as huge:
                huge.truncate(10**11)
        case "a byte too much":
            path.write_text(GOOD + "#" * (MOST_BYTES - len(GOOD) + 1))
    return path


KINDS = ("fifo", "folder", "endless device", "empty device", "huge", "a byte too much")


@pytest.mark.parametrize("kind", KINDS)
def test_a_configuration_is_a_regular_file(tmp_path: Path, kind: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(put(tmp_path / "c.yaml", kind), {})
    said = str(refused.value)
    assert "cannot be read: " in said
    assert len(said.splitlines()) == 1


def test_the_largest_configuration_is_read(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(GOOD + "#" * (MOST_BYTES - len(GOOD)))
    assert load_config(file, {}).providers[0].name == "p"


@pytest.mark.parametrize("kind", ("fifo", "endless device", "huge"))
@pytest.mark.parametrize("key", ["ca", "client-cert", "cert", "client-ca"])
def test_certificates_are_regular_files(tmp_path: Path, kind: str, key: str) -> None:
    put(tmp_path / "x.pem", kind)
    file = tmp_path / "c.yaml"
    own = "tls: {cert: x.pem}\n" if key == "cert" else "tls: {cert: x.pem, client-ca: x.pem}\n"
    theirs = GOOD.replace("api-key: k", f"api-key: k, tls: {{{key}: x.pem}}")
    file.write_text(theirs if key in ("ca", "client-cert") else GOOD + own)
    with pytest.raises(ConfigError, match=r"cannot be read: it is"):
        load_config(file, {})


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"x")
    (tmp_path / "link").symlink_to("real")
    assert read_regular(tmp_path / "link") == b"x"
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "none")


DEEP = {
    "defaults": "x: " + "${A:-" * 3000 + "}" * 3000,
    "lists": "x: " + "[" * 3000 + "]" * 3000,
    "mappings": "x: " + "{a: " * 3000 + "}" * 3000,
    "blocks": "".join(" " * i + "a:\n" for i in range(900)),
    "groups": "routes: [{pattern: '" + "(" * 500 + "x" + ")" * 500 + "', provider: p, model: m}]",
    "sets": "routes: [{pattern: '" + "(?:a|" * 900 + ")" * 900 + "', provider: p, model: m}]",
    "payload": "payload: {default: [{params: " + "{a: " * 200 + "1" + "}" * 200 + "}]}",
}


@pytest.mark.parametrize("how", DEEP)
def test_whatever_is_nested_too_deeply_is_told(tmp_path: Path, how: str) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(GOOD + DEEP[how] + "\n")
    with pytest.raises(ConfigError) as refused:
        load_config(file, {})
    assert all(len(line) < 400 for line in str(refused.value).splitlines())


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "^(a|b*)*$", "((x+)y?)*z", r"(\w+\s?)+$", "a" * 5000, "(" * 99 + "a"]
)
@pytest.mark.parametrize("where", ["route", "error", "errors"])
def test_an_expression_that_may_take_for_ever_is_refused(
    tmp_path: Path, where: str, pattern: str
) -> None:
    route = f"routes: [{{pattern: '{pattern}', provider: p, model: m}}]\n"
    many = pattern if where == "error" else f"[fine, '{pattern}']"
    error = f"errors: [{{match-regex: {many}, class: quota}}]"
    provider = GOOD.replace("api-key: k", f"api-key: k, {error}")
    file = tmp_path / "c.yaml"
    file.write_text(GOOD + route if where == "route" else provider)
    with pytest.raises(ConfigError, match="regular expression"):
        load_config(file, {})


@pytest.mark.parametrize("pattern", [r"gpt-\d+(\.\d+)*", "(foo|bar)+", r"(\w+-)*x", "(?:a{2,3})+"])
def test_ordinary_expressions_are_taken(tmp_path: Path, pattern: str) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(GOOD + f"routes: [{{pattern: '{pattern}', provider: p, model: m}}]\n")
    assert load_config(file, {}).routes[0].pattern.pattern == pattern


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text("before")
    file.chmod(0o644)
    replace_private(file, b"after")
    assert file.read_bytes() == b"after"
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(TypeError):
        replace_private(file, "no bytes")  # type: ignore[arg-type]
    assert file.read_bytes() == b"after"
    assert [path.name for path in tmp_path.iterdir()] == ["keys.yaml"]


def test_a_full_disk_is_told_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text("before")
    with full_disk(64), pytest.raises(OSError) as told:
        replace_private(file, b"x" * 100)
    assert told.value.filename == str(file)
    assert file.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["keys.yaml"]

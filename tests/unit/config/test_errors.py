"""What is wrong with a file as a whole is told at once, with its place and what to do."""

from pathlib import Path

import pytest

from switchyard.config.load import load_config
from switchyard.config.problems import ConfigError
from tests.unit.config.loading import ONE
from tests.unit.config.loading import problems


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "test.yaml: is empty. Hint: name at least one provider."),
        ("# nothing\n", "test.yaml: is empty. Hint: name at least one provider."),
        (
            "- a\n",
            "test.yaml:1: must be a mapping of keys to values. Hint: begin with providers:.",
        ),
        ("timeouts: {}\n", "test.yaml:1: providers: is required."),
        ("providers: []\n", "test.yaml:1: providers: needs at least one entry."),
        (
            "providers:\n  one: {base-url: https://x.example}\n",
            "test.yaml:1: providers: must be a list. Hint: write each item on a line of its own, "
            "after a dash.",
        ),
        (
            "providers:\n  - base-url: https://x.example\n",
            "test.yaml:2: providers[0].name: is required.",
        ),
        (
            "providers:\n  - name: x\n",
            "test.yaml:2: providers[0].base-url: is required. Hint: give the URL that the "
            "provider's SDK takes, or preset: NAME.",
        ),
        (
            "providers:\n  - name: passthrough\n    base-url: https://x.example\n",
            "test.yaml:2: providers[0].name: is reserved for the request's own destination. "
            "Hint: choose another name.",
        ),
        (
            "providers:\n  - {name: x, base-url: 'http://x'}\n  - {name: x, base-url: 'http://y'}\n",
            "test.yaml:3: providers[1].name: 'x' is the name of two things: a provider "
            "(providers[0].name) and a provider. Hint: rename one of them.",
        ),
        (
            "providers:\n  - {name: x, base-url: 'http://x'}\n"
            "  - {name: y, prefix: x, base-url: 'http://y'}\n",
            "test.yaml:3: providers[1].prefix: 'x' is the name of two things: a provider "
            "(providers[0].name) and a provider's prefix. Hint: rename one of them.",
        ),
        (
            "providers:\n  - name: x\n   base-url: y\n",
            "test.yaml:3: is not valid YAML: expected <block end>, but found '<block mapping "
            "start>'. Hint: mind the indentation; quote values with ${...} inside {} or [].",
        ),
        (
            "providers: [{name: x, api-key: ${KEY}}]\n",
            "test.yaml:1: is not valid YAML: expected ',' or '}', but got '{'. Hint: mind the "
            "indentation; quote values with ${...} inside {} or [].",
        ),
        (
            "providers: *sk-secret-anchor\n",
            "test.yaml:1: is not valid YAML: names an anchor that is not defined. Hint: quote a "
            "value that begins with *.",
        ),
        (
            "a: 1\n---\nb: 2\n",
            "test.yaml:2: is not valid YAML: but found another document. Hint: mind the "
            "indentation; quote values with ${...} inside {} or [].",
        ),
        ("a: \x00\n", "test.yaml: holds a character that YAML does not allow."),
    ],
)
def test_files_that_are_wrong_as_a_whole(text: str, expected: str) -> None:
    assert expected in problems(text)


def test_an_anchor_that_contains_itself_is_refused() -> None:
    found = problems(ONE + "combos: {c: &c [*c]}\n")
    assert "test.yaml:4: combos.c[0]: refers to itself without end." in found


def test_an_anchor_that_multiplies_is_refused() -> None:
    rows = "".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]\n" for n in range(1, 9))
    assert any("refers to itself without end" in line for line in problems(f"x0: &x0 [a]\n{rows}"))


def test_a_tag_is_refused_but_not_repeated() -> None:
    (found,) = problems(ONE + "    api-key: !sk-secret tail\n")
    assert found == (
        "test.yaml:4: providers[0].api-key: has a YAML tag. Hint: quote a value that begins with !."
    )


def test_half_a_character_is_refused() -> None:
    found = problems(ONE + '    api-key: "a\\ud83d"\n"b\\udc00": 1\n')
    assert found == [
        "test.yaml:1: has a key with half a character (surrogate). "
        "Hint: write the character itself.",
        "test.yaml:4: providers[0].api-key: has half a character (surrogate). "
        "Hint: write the character itself.",
    ]


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    found = problems(
        """
        providers:
          - name: one
            base-url: nowhere
            stream: of-course
            timeouts: {total: soon}
            api-key: ${KEY_ONE}
          - name: two
            bse-url: https://two.example
        combos: {c: [three/x], d: [c, d]}
        retry: {request-retry: -1}
        """
    )
    assert [line.split(": ")[:2] for line in found] == [
        ["test.yaml:3", "providers[0].base-url"],
        ["test.yaml:4", "providers[0].stream"],
        ["test.yaml:5", "providers[0].timeouts.total"],
        ["test.yaml:6", "providers[0].api-key"],
        ["test.yaml:7", "providers[1].base-url"],
        ["test.yaml:8", "providers[1].bse-url"],
        ["test.yaml:9", "combos.c[0]"],
        ["test.yaml:9", "combos.d[1]"],
        ["test.yaml:10", "retry.request-retry"],
    ]


def test_values_that_come_from_variables_are_not_repeated() -> None:
    (found,) = problems(ONE + "timeouts: {total: '${T}ms'}\n", {"T": "one-hour"})
    assert found.startswith("test.yaml:4: timeouts.total: '${T}ms' is not a duration")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as missing:
        load_config(tmp_path / "none.yaml", {})
    assert str(missing.value) == (
        f"{tmp_path}/none.yaml: cannot be read: No such file or directory. "
        "Hint: name an existing file."
    )
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_config(tmp_path, {})
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"providers: \xff\xfe\n")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        load_config(binary, {})

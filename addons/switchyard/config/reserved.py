"""Lists keys that the router accepts and checks, though they have no effect yet.

A key leaves the table with the change that makes it work.
"""

from collections.abc import Iterable

from switchyard.config.problems import KeyPath

RESERVED: dict[str, str] = {
    "clients.api-keys[].role": "roles of client keys",
}
"""Key patterns (`[]` any position, `*` any name, `=value` that value) and what they will do."""


def reserved_in_use(paths: Iterable[tuple[KeyPath, str | None]]) -> dict[KeyPath, str]:
    """Return the reserved keys that a file uses: their paths, and their purpose.

    Takes every path of the file with its text, where it is a scalar. Reports a reserved key itself,
    not the keys below it.
    """
    found: dict[KeyPath, str] = {}
    for path, text in paths:
        for pattern in (_pattern(path, stars=True), _pattern(path, stars=False)):
            meaning = RESERVED.get(pattern) or RESERVED.get(f"{pattern}={text}")
            if meaning:
                found[path] = meaning
    return found


def _pattern(path: KeyPath, *, stars: bool) -> str:
    text = ""
    for depth, step in enumerate(path):
        if isinstance(step, int):
            text += "[]"
        else:
            name = "*" if stars and depth == 1 else step
            text += f".{name}" if text else name
    return text

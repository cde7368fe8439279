"""Lists keys that the router accepts and checks, though they have no effect yet.

A key leaves the table with the change that makes it work.
"""

from collections.abc import Iterable

from switchyard.config.problems import KeyPath

RESERVED: dict[str, str] = {
    "clients.api-keys[].except": "models that a key may not ask for",
    "clients.api-keys[].providers": "providers that may answer a key",
    "clients.api-keys[].limits": "limits per client key",
    "clients.api-keys[].budgets": "budgets per client key",
    "clients.api-keys[].per-model": "limits per client key and model",
    "clients.api-keys[].concurrency": "requests of a client key at the same time",
    "clients.api-keys[].expires": "the end of a client key",
    "clients.api-keys[].addresses": "where a client key may be used from",
    "clients.api-keys[].blocked": "blocked client keys",
    "clients.api-keys[].role": "roles of client keys",
    "clients.api-keys[].rate-limit": "limits per client key",
    "clients.limits": "limits of the whole router",
    "clients.budgets": "budgets of the whole router",
    "clients.concurrency": "requests of the whole router at the same time",
    "clients.contact": "a contact in refusals",
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

"""Asks the management API everything that its description allows, and much that it forbids.

`python -m tests.integration.description` makes 100 requests of each kind to each route, some ten
thousand; `--examples N` another number, `--route TEXT` only those whose path has the text.
Every answer must be one that the description has, in its shape, and none a failure of the server.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck
from hypothesis import Phase
from hypothesis import given
from hypothesis import seed
from hypothesis import settings
from schemathesis import Case
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.checks import CheckFunction
from schemathesis.checks import load_all_checks
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation

from tests.support.management import ManagementApp
from tests.support.router import write_config

KEY = "manage-me-7f3a"
ENDLESS = "/events"
"""The stream that has no end, which no client here can read to its end."""
CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
)
JUDGED = ("POST", "PUT", "PATCH", "DELETE", "/usage")
"""Methods and paths whose requests the router judges beyond what a schema can say: whether the
configuration would be valid, or a time zone is one. Of all others it must take what is valid."""
_ALL_HEALTH_CHECKS = [
    HealthCheck.too_slow,
    HealthCheck.filter_too_much,
    HealthCheck.data_too_large,
]
HEADERS = {"authorization": f"Bearer {KEY}", "if-match": "*"}


def make_app(folder: Path) -> ManagementApp:
    """Returns the application over a configuration file in a folder."""
    (folder / "keys.yaml").write_text("api-keys: []\n")
    demo = {"format": "openai-chat", "base-url": "http://127.0.0.1:9/v1", "models": ["a"]}
    config = {
        "providers": [{"name": "one", "api-key": "sk-one-0123456789", **demo}],
        "combos": {"both": ["one/a"]},
        "aliases": {"fast": "one/a"},
        "clients": {"keys-file": str(folder / "keys.yaml")},
        "management": {"key": KEY, "dir": str(folder / "management")},
        "usage": {"dir": str(folder / "usage")},
    }
    return ManagementApp(write_config(folder / "switchyard.yaml", config), KEY)


def operations(app: ManagementApp) -> Iterator[APIOperation[Any, Any, Any, Any]]:
    """Yields the operations of the description but those that stream for ever."""
    schema = schemathesis.openapi.from_asgi("/v0/management/openapi.json", app, headers=HEADERS)
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if not operation.path.endswith(ENDLESS):
            yield operation


def ask(operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, examples: int) -> str:
    """Makes requests to an operation; returns what is wrong with the answers, or nothing."""
    load_all_checks()
    is_judged = operation.label.startswith(JUDGED) or operation.label.endswith(JUDGED)
    wanted = CHECKED if is_judged else (*CHECKED, "positive_data_acceptance")
    checks: list[CheckFunction] = [
        check
        for check in CHECKS.get_all()
        if not isinstance(check, type) and check.__name__ in wanted
    ]

    @seed(1)  # the same requests each time; `derandomize` would read our source for every route
    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        suppress_health_check=_ALL_HEALTH_CHECKS,
        phases=[Phase.generate],
    )
    def check(case: Case) -> None:
        case.call_and_validate(headers=HEADERS, checks=checks)

    try:
        check()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return f"{operation.label} ({mode.value}): {error}"
    return ""


def main() -> int:
    """Returns 1 if any answer is not as the description says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=100)
    parser.add_argument("--route", default="")
    options = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for operation in operations(make_app(Path(folder))):
            if options.route not in operation.path:
                continue
            for mode in GenerationMode:
                if found := ask(operation, mode, options.examples):
                    wrong += 1
                    print(found, flush=True)
            print(f"{operation.label}: asked", file=sys.stderr, flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

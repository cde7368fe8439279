"""Writes a first configuration from the keys that the environment has."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from switchyard.config.dotenv import with_dotenv
from switchyard.config.example_models import EXAMPLE_MODELS
from switchyard.config.presets import PRESETS
from switchyard.config.presets import preset_names
from switchyard.files import dotenv_of
from switchyard.files import user_config
from switchyard.launch.options import PROGRAM

STACK = "my-coding-stack"

_KEY = re.compile(r"^api-key: \$\{([A-Z][A-Z0-9_]*)\}$", re.MULTILINE)
_NEEDS_MORE = re.compile(r"^base-url: .*\$\{[A-Z0-9_]+\}", re.MULTILINE)
"""What begins a preset whose address has a variable without a default: a key is not enough."""

_HEAD = """\
# Switchyard's configuration. `{program}` finds it here by itself and applies changes while it
# runs; `{program} --check` says what is wrong with it. docs/configuration.md describes every key.
# Keys stay in the environment, or in a file .env beside this one with lines NAME=value.

"""

_CLIENTS = """\
# Keys that clients must present; without any, this machine alone may call.
# clients:
#   api-keys: ["${SWITCHYARD_KEY}"]

"""

_TAIL = """\

# Another name for one model:
# aliases:
#   fast: demo/echo
"""


def write_first_file(named: str | None, environ: Mapping[str, str]) -> tuple[int, str]:
    """Write the file and return the exit status and what to print.

    An existing file is never changed: that is status 1. The file is its owner's alone.
    """
    path = Path(named or environ.get("SWITCHYARD_CONFIG") or user_config(environ)).expanduser()
    found = providers_with_keys(with_dotenv(dotenv_of(path, environ), environ))
    try:
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, mode=0o700)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(first_file(found))
    except OSError as error:
        if os.path.lexists(path):
            return 1, f"{path} is there already and stays as it is. Name another: --init FILE."
        return 1, f"cannot write {path}: {error.strerror}. Name another file: --init FILE."
    with_keys = ", ".join(f"{name} ({variable})" for name, variable in found.items())
    own = "" if path == user_config(environ) else f" {path}"
    return 0, (
        f"wrote {path}\n"
        f"providers: {with_keys or 'none with a key in the environment; the built-in demo answers'}"
        f"\nnext: {PROGRAM}{own}, then ask for the model {STACK}"
    )


def providers_with_keys(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the presets whose key the environment has, each with the variable that has it."""
    return {name: variable for name, variable in _variables().items() if environ.get(variable)}


def first_file(found: Mapping[str, str]) -> str:
    """Return the text of a configuration with these presets, live at once."""
    others = {name: variable for name, variable in _variables().items() if name not in found}
    lines = ["# Each is asked for as name/model; GET /v1/models lists the models.", "providers:"]
    lines += [f"  - preset: {name} # {variable}" for name, variable in found.items()]
    lines += ["  - {name: demo, builtin: demo, models: [{name: echo}]} # echoes; needs no key"]
    lines += ["  # Further ones, by the variables that their keys are in:"]
    lines += [f"  # - preset: {name} # {variable}" for name, variable in others.items()]
    members = [f"{name}/{model}" for name, model in EXAMPLE_MODELS.items() if name in found]
    lines += [
        "",
        "# A model of your own making: the first member that answers does.",
        "combos:",
        f"  {STACK}: [{', '.join(members or ['demo/echo'])}]",
    ]
    head = _HEAD.format(program=PROGRAM)
    return head + _CLIENTS + "\n".join(lines) + "\n" + _TAIL


def _variables() -> dict[str, str]:
    """The variable with each preset's key, best known presets first; those that need only one."""
    order = [*EXAMPLE_MODELS, *(name for name in preset_names() if name not in EXAMPLE_MODELS)]
    # Two presets may read one variable, as those of a provider's plans: the first is meant.
    variables: dict[str, str] = {}
    for name in order:
        text = (PRESETS / f"{name}.yaml").read_text(encoding="utf-8")
        match = None if _NEEDS_MORE.search(text) else _KEY.search(text)
        if match and match[1] not in variables.values():
            variables[name] = match[1]
    return variables

# Sourced by scripts/test and scripts/lint, in the project's folder: checks that all run, whichever
# of them fails.

failed=

# check NAME COMMAND...: runs the command under a headline, and remembers if it fails.
check() {
    name=$1
    shift
    printf '\n== %s\n' "$name"
    "$@" || failed="$failed $name"
}

# lint: the checks that run none of the code.
lint() {
    check ruff .venv/bin/python -m ruff check .
    check format .venv/bin/python -m ruff format --check --quiet .
    # pyright would ask the network for newer versions of itself.
    check pyright env PYRIGHT_PYTHON_IGNORE_WARNINGS=1 \
        .venv/bin/python -m pyright --pythonpath "$PWD/.venv/bin/python"
    check contracts env PYTHONPATH=addons .venv/bin/lint-imports --no-cache
}

# report: fails, naming what failed, if anything did.
report() {
    [ -z "$failed" ] || printf '\nFAILED:%s\n' "$failed"
    [ -z "$failed" ]
}

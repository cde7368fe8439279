# Sourced by scripts/test, in the project's folder.

# run_tests ARGUMENT...: runs pytest in $workers over $paths. Of tests that start processes by the
# thousand, one may fail by what runs beside it. What fails in several workers runs again by itself:
# the status is 0 if it passes then, and the last lines tell which tests those were.
run_tests() {
    status=0
    # Unquoted: several words, or none.
    # shellcheck disable=SC2086
    .venv/bin/python -m pytest $workers $paths "$@" || status=$?
    if [ "$status" != 1 ] || [ -z "$workers" ]; then
        return "$status"
    fi
    printf '\n== again, by itself: what failed\n'
    # shellcheck disable=SC2086
    .venv/bin/python -m pytest --last-failed --last-failed-no-failures none --exitfirst \
        -r A --show-capture no $paths || return
    printf '\nFLAKY: the tests above failed beside others, and pass alone. See CONTRIBUTING.md.\n'
}

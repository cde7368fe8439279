# Sourced by all commands in scripts/: finds the Python that Switchyard runs on, and becomes it.

# launch ROOT ARGUMENT...: becomes scripts/launch.py with the arguments, in ROOT/.venv, which is made
# first unless it holds requirements.lock. A start with nothing to do spends some 15 ms here.
launch() {
    root=$1
    shift
    python=$root/.venv/bin/python
    if "$python" -I -S "$root/scripts/lib/ready.py" "$root/.venv" "$root/requirements.lock" \
        </dev/null 2>/dev/null; then
        exec "$python" -P "$root/scripts/launch.py" "$@"
    fi
    python=$(find_python "$root")
    exec "$python" -I "$root/scripts/lib/environment.py" requirements.lock scripts/launch.py "$@"
}

# python_version PYTHON: prints "3.13" if PYTHON runs and can make virtual environments; fails
# otherwise. A name is no proof of either: a pyenv shim exists for every version any other project
# uses and fails here, and Debian ships python3 without ensurepip.
python_version() {
    "$1" -I -c 'import ensurepip, ssl, sys, venv; print("%d.%d" % sys.version_info[:2])' \
        </dev/null 2>/dev/null
}

# python_candidates MINOR: prints where a Python 3.MINOR may be, one path a line.
python_candidates() (
    pyenv_roots=${PYENV_ROOT:-}:${HOME:-}/.pyenv
    IFS=:
    for dir in $PATH; do
        printf '%s\n' "$dir/python3.$1" "$dir/python3"
    done
    for dir in $pyenv_roots; do
        printf '%s\n' "$dir"/versions/*/bin/"python3.$1"
    done
    if uv=$(find_uv); then
        UV_PYTHON_PREFERENCE=only-managed "$uv" python find --system --no-python-downloads \
            "3.$1" </dev/null 2>/dev/null || :
    fi
)

find_uv() {
    command -v uv && return
    [ -x "${HOME:-}/.local/bin/uv" ] && printf '%s\n' "$HOME/.local/bin/uv"
}

# first_python MINOR: prints the first candidate that is a working Python 3.MINOR.
first_python() {
    python_candidates "$1" | {
        while IFS= read -r python; do
            if [ -x "$python" ] && [ "$(python_version "$python")" = "3.$1" ]; then
                printf '%s\n' "$python"
                exit 0
            fi
        done
        exit 1
    }
}

# find_python ROOT: prints the Python to use: that of ROOT/.venv where it works, else a 3.13, else a
# 3.12, else a 3.13 that uv fetches. Fails, saying what to do, where there is none.
find_python() {
    case $(python_version "$1/.venv/bin/python") in
        3.13 | 3.12) printf '%s\n' "$1/.venv/bin/python" && return ;;
    esac
    first_python 13 && return
    first_python 12 && return
    if uv=$(find_uv); then
        echo "No Python 3.13 or 3.12 here: uv fetches 3.13." >&2
        "$uv" python install 3.13 </dev/null >&2 && first_python 13 && return
    fi
    explain_no_python >&2
    return 1
}

explain_no_python() {
    echo "Switchyard needs Python 3.13 (3.12 works too), and none was found on PATH, under pyenv or by uv."
    for minor in 13 12; do
        python_candidates "$minor" | while IFS= read -r python; do
            case $python in
                *"/python3.$minor")
                    [ ! -x "$python" ] || echo "  $python is there, but does not run or lacks the venv module."
                    ;;
            esac
        done
    done
    cat <<'END'
Any one of these gets it; then start again:
  uv python install 3.13
  pyenv install 3.13
  brew install python@3.13             (macOS)
  sudo apt install python3.13-venv     (Debian, Ubuntu; or python3.12-venv)
  sudo dnf install python3.13          (Fedora)
END
}

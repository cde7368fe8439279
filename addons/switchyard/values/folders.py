"""Locates the user's folders that the router keeps its own files in.

As the XDG Base Directory Specification has it, on macOS too: `XDG_STATE_HOME` and its kind count
where they are absolute, else the defaults below the home folder.
"""

from pathlib import Path

from platformdirs.unix import Unix

_OURS = Unix("switchyard", appauthor=False)


def state_folder() -> Path:
    """What outlives a restart and can be done without: `~/.local/state/switchyard`.

    Nothing is created. The environment is read anew with each call.
    """
    return _OURS.user_state_path

"""How this installation's commands are called, for help texts and error messages."""

import shlex
import shutil
import sys
from pathlib import Path
from typing import Final

from switchyard.files import IS_INSTALLED

_SCRIPTS: Final = Path(__file__).resolve().parents[2] / "scripts"


def program_of(command: str) -> str:
    """Return what a user types for a command: `scripts/usage`, or `switchyard usage`."""
    return f"switchyard {command}" if IS_INSTALLED else f"scripts/{command}"


def path_of(command: str) -> str:
    """Return the command line by which another program runs a command, from any folder.

    It is one string for a shell; a folder with spaces in its name is quoted.
    """
    if not IS_INSTALLED:
        return shlex.quote(str(_SCRIPTS / command))
    beside = Path(sys.executable).with_name("switchyard")
    found = str(beside) if beside.is_file() else shutil.which("switchyard")
    return shlex.join([found, command] if found else words_of(command))


def words_of(command: str) -> list[str]:
    """Return the words that run a command with this Python, and nothing of the user's on its path.

    The script of a checkout would look for a Python and make an environment first.
    """
    if IS_INSTALLED:
        return [sys.executable, "-I", "-m", "switchyard", command]
    return [sys.executable, "-I", str(_SCRIPTS / "launch.py"), command]

# pyright: reportMissingImports=false, reportMissingTypeStubs=false
"""The tool that the scripts beside this one offer to their model, and what they are told."""

import os
import subprocess

ROUTER = os.environ.get("ROUTER", "")
"""The router's URL."""
MODEL = os.environ.get("MODEL", "")
PROMPT = os.environ.get("PROMPT", "")


def shell(command: str) -> str:
    """Runs a shell command.

    Args:
        command: The command.
    """
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    return done.stdout or "no output"

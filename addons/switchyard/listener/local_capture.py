"""Explains what local capture (`--mode local:NAMES`) needs where it fails."""

import logging
import platform
import shutil
import sys
from collections.abc import Iterable

from mitmproxy.proxy import mode_specs

_INSTEAD = (
    "Use instead: --mode transparent with scripts/intercept, which needs root alone, or "
    "scripts/run-with, HTTPS_PROXY or a base URL, which need nothing (docs/modes.md)."
)
_NEEDS = (
    "On Linux it needs sudo, a kernel of 6.8 or later, cgroups of version 2 at /sys/fs/cgroup, and "
    "the right to load eBPF programs, which containers and small virtual machines rarely have."
)
_SIGNS = ("eBPF initialization failed", "redirector] exited", "Failed to run sudo")
"""What mitmproxy's reports of a failed redirector have in them."""


def why_not(modes: Iterable[mode_specs.ProxyMode]) -> str:
    """Why local capture cannot start, where that is known beforehand; empty otherwise."""
    wanted = any(isinstance(mode, mode_specs.LocalMode) for mode in modes)
    if wanted and platform.system() == "Linux" and shutil.which("sudo") is None:
        return f"local capture starts its redirector by sudo, which is missing. {_INSTEAD}"
    return ""


class Explainer(logging.Handler):
    """Adds the cause and the remedy to mitmproxy's report of a failed redirector.

    mitmproxy ends the process then, and calls no addon before.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._told = False

    def explain(self, before: Iterable[logging.LogRecord] = ()) -> None:
        """Listens from now on; `before` was logged already."""
        logging.getLogger().addHandler(self)
        for record in before:
            self.handle(record)

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if self._told or not any(sign in message for sign in _SIGNS):
            return
        self._told = True
        why = f"switchyard: local capture does not work here. {_NEEDS} {_INSTEAD}"
        print(why, file=sys.stderr, flush=True)

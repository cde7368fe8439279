"""Ends the process where the pipeline is not whole: a mitmproxy without it would serve anybody.

mitmproxy loads a script in a task of its own. What is raised there (a wrong option of ours, an
add-on that fails) is logged at best, while the proxy goes on without the script.
"""

import asyncio
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from typing import NoReturn

from mitmproxy import addonmanager
from mitmproxy import ctx
from mitmproxy import optmanager

from switchyard.files import ENTRY_POINT

logger = logging.getLogger(__name__)

_FAILS_TO_START = 1
_OURS = "switchyard_"
_LONGEST_CAUSE = 300


def give_up(why: str, state: str = "not started") -> NoReturn:
    """End the process: the message stands alone on standard error, whatever the log is doing."""
    print(f"switchyard: {state}: {why}", file=sys.stderr, flush=True)
    sys.exit(_FAILS_TO_START)


def guard() -> None:
    """Have the pipeline checked as soon as mitmproxy has loaded it, before a client is accepted.

    Called by the entry point as the first thing. Where that is only imported, nothing is done.
    """
    try:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
    except RuntimeError:
        return
    if hasattr(ctx, "master"):
        # Scripts are loaded without a pause: this comes next, ahead of any connection.
        loop.call_soon(_check, task)


def keep_loaded() -> None:
    """End mitmproxy's watch over the file of the entry point.

    When that file changed, mitmproxy would load it anew with all other modules as they were: an
    update would break the running router.
    """
    for script in _scripts():
        if _is_ours(script.fullpath) and script.reloadtask is not None:
            script.reloadtask.cancel()


def _check(task: asyncio.Task[Any] | None) -> None:
    scripts = [script for script in _scripts() if _is_ours(script.fullpath)]
    if not scripts:
        return  # embedded: whoever does that sees what it raises
    present = {id(addon) for addon in ctx.master.addons.lookup.values()}
    for script in scripts:
        parts = script.ns and addonmanager.traverse([script.ns])
        if not parts or not all(id(addon) in present for addon in parts):
            give_up(f"the router could not be loaded: {_cause(task)}")
    if error := next(_errors(), None):
        give_up(f"the router could not be loaded: {_one_line(error)}")
    _check_options()
    ctx.options.changed.connect(_check_scripts)


def _check_options() -> None:
    """End the process for an option of ours that is none; tell of others that nobody knows."""
    for name, value in ctx.options.deferred.items():
        if not isinstance(value, optmanager._UnconvertedStrings):
            continue  # of mitmproxy's own file, which its other programs read as well
        if name.startswith(_OURS):
            give_up(f"--set {name}: there is no such option; `mitmdump --options` lists them")
        logger.warning("switchyard: --set %s: no such option is known; it does nothing", name)


def _check_scripts(updated: set[str]) -> None:
    if "scripts" in updated and not any(map(_is_ours, ctx.options.scripts)):
        give_up("the option scripts names the router no more, without which nobody is served",
                state="stopped")  # fmt: skip


def _scripts() -> list[Any]:
    loader = ctx.master.addons.get("scriptloader")
    return loader.addons if loader is not None else []


def _is_ours(path: str) -> bool:
    return Path(path.strip("'\" ")).expanduser().resolve() == ENTRY_POINT


def _cause(task: asyncio.Task[Any] | None) -> str:
    """What kept the pipeline from being loaded: raised by the task that did it, or logged."""
    if task is not None and task.done() and not task.cancelled():
        error = task.exception()
        if error is not None:
            return _one_line(error)
    return next(map(_one_line, _errors()), "see the messages above")


def _errors() -> Iterator[BaseException]:
    """What mitmproxy has caught and logged since the process began."""
    check = ctx.master.addons.get("errorcheck")
    for record in check.logger.has_errored if check is not None else ():
        if record.exc_info and record.exc_info[1] is not None:
            yield record.exc_info[1]


def _one_line(error: BaseException) -> str:
    said = " ".join(str(error).split())[:_LONGEST_CAUSE]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__

"""Ends the process where the pipeline is incomplete: a bare mitmproxy serves all.

mitmproxy loads a script in a task of its own. An exception there (a wrong option of the router, an
add-on that fails) is logged at best, while the proxy continues without the script.
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

from switchyard.config.problems import nearest
from switchyard.engine.successor import report_failure
from switchyard.files import ENTRY_POINT
from switchyard.host_version import warn_of_untested
from switchyard.values.log_marks import is_of_the_process

logger = logging.getLogger(__name__)

_FAILS_TO_START = 1
_OURS = "switchyard_"
_LONGEST_CAUSE = 300


def give_up(why: str, state: str = "not started") -> NoReturn:
    """End the process with a message on standard error, whatever the log does."""
    print(f"switchyard: {state}: {why}", file=sys.stderr, flush=True)
    report_failure(why)
    sys.exit(_FAILS_TO_START)


def guard() -> None:
    """Check the pipeline as soon as mitmproxy has loaded it, before any client.

    The entry point calls this first. Does nothing where the entry point is only imported.
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
            give_up(f"cannot load the router: {_cause(task)}")
    if error := next(_errors(), None):
        give_up(f"cannot load the router: {_one_line(error)}")
    _check_options()
    warn_of_untested()
    _pardon_requests()
    ctx.options.changed.connect(_check_scripts)


def _pardon_requests() -> None:
    """Have mitmproxy start in spite of errors that single requests meet.

    It ends with any error that is logged until all add-ons run; by then the router has answered
    requests for some time.
    """
    if (check := ctx.master.addons.get("errorcheck")) is not None:
        check.logger.addFilter(is_of_the_process)


def _check_options() -> None:
    """End the process for a wrong option of the router; warn about other unknown ones."""
    for name, value in ctx.options.deferred.items():
        if not isinstance(value, optmanager._UnconvertedStrings):
            continue  # of mitmproxy's own file, which its other programs read as well
        if name.startswith(_OURS):
            near = nearest(name, ctx.options.keys())
            meant = f"did you mean {near[0]}?" if near else "`mitmdump --options` lists them"
            give_up(f"--set {name}: there is no such option; {meant}")
        logger.warning("switchyard: ignoring --set %s: there is no such option", name)


def _check_scripts(updated: set[str]) -> None:
    if "scripts" in updated and not any(map(_is_ours, ctx.options.scripts)):
        give_up(
            "the option scripts no longer names the router, and a bare proxy would serve everybody",
            state="stopped",
        )


def _scripts() -> list[Any]:
    loader = ctx.master.addons.get("scriptloader")
    return loader.addons if loader is not None else []


def _is_ours(path: str) -> bool:
    return Path(path.strip("'\" ")).expanduser().resolve() == ENTRY_POINT


def _cause(task: asyncio.Task[Any] | None) -> str:
    """Return what kept the pipeline from loading: raised by the task, or logged."""
    if task is not None and task.done() and not task.cancelled():
        error = task.exception()
        if error is not None:
            return _one_line(error)
    return next(map(_one_line, _errors()), "see the messages above")


def _errors() -> Iterator[BaseException]:
    """What mitmproxy has caught and logged since the process began."""
    check = ctx.master.addons.get("errorcheck")
    for record in check.logger.has_errored if check is not None else ():
        # `LogLines` keeps the exception apart from the text that it makes.
        error = getattr(record, "error", None) or (record.exc_info and record.exc_info[1])
        if error is not None:
            yield error


def _one_line(error: BaseException) -> str:
    said = " ".join(str(error).split())[:_LONGEST_CAUSE]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__

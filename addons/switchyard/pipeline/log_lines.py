"""Makes every log record one line without keys, whatever its source."""

import logging
import re
import traceback
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from typing import cast

from mitmproxy import ctx
from mitmproxy import exceptions
from mitmproxy import http
from mitmproxy.addonmanager import Loader

from switchyard.recording.log_format import LOG_FORMATS
from switchyard.recording.log_format import use_format
from switchyard.redaction.concealing import Concealer
from switchyard.redaction.text import one_line
from switchyard.redaction.text import without_quoted
from switchyard.runtime.snapshots import Snapshots

_CONFIGURATION = "switchyard.config.watcher"
"""Logger of configuration errors, which have several lines but no client's text."""

_MODES = "mitmproxy.proxy.mode_servers"
_DEVICE = re.compile(r"-+\n\[Interface\]\n[\w\s=/+.,:%\[\]-]+")
"""Matches the device configuration that WireGuard mode logs, its key included.

It contains no client's text, and the user finds it nowhere else.
"""


_OWN_REQUESTS = "httpx2"
"""Logger of the library that sends the router's own requests; it tells each with its whole URL."""

_WEB = "mitmproxy.tools.web.master"
"""Logger of mitmweb's address with the access token; it quotes no client."""


class LogLines:
    """Makes log records that are one line without keys when they are formatted.

    mitmproxy's messages about unreadable bytes quote them, and with them the client's key. Names of
    clients, hosts and models may contain line ends and terminal controls. A record that is never
    formatted costs nothing. Requests of the router's own are not told: a path or a query may be a
    secret, and whoever asks logs what came of it.
    """

    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots
        self._before: Callable[..., logging.LogRecord] = logging.getLogRecordFactory()

    def load(self, loader: Loader) -> None:
        loader.add_option(
            "switchyard_log_format",
            str,
            "text",
            "How the log is written: text, in columns on a terminal; json, an object a line.",
            choices=LOG_FORMATS,
        )
        logging.getLogger(_OWN_REQUESTS).setLevel(logging.WARNING)
        self._before = logging.getLogRecordFactory()
        snapshots = self._snapshots

        class Line(LogLine):
            @property
            def known(self) -> Concealer | None:
                latest = snapshots.latest
                return latest.routes.certain if latest is not None else None

        logging.setLogRecordFactory(Line)

    def configure(self, updated: set[str]) -> None:
        if "switchyard_log_format" not in updated:
            return
        # mitmproxy checks choices of its own flags only, not those of --set.
        if (wanted := ctx.options.switchyard_log_format) not in LOG_FORMATS:
            raise exceptions.OptionsError(
                f"switchyard_log_format is {wanted!r}; it must be one of {', '.join(LOG_FORMATS)}"
            )
        use_format(wanted)

    def error(self, flow: http.HTTPFlow) -> None:
        """Cleans the error of a flow too, which views and dumps show."""
        if flow.error is not None:
            flow.error.msg = one_line(without_quoted(flow.error.msg))

    def done(self) -> None:
        logging.setLogRecordFactory(self._before)


class LogLine(logging.LogRecord):
    """A record whose text is safe to show."""

    _text: str | None = None
    error: BaseException | None = None
    """The exception of the record, once its text was made."""

    @property
    def known(self) -> Concealer | None:
        """Conceals the secrets of the configuration in force."""
        return None

    def getMessage(self) -> str:
        if self._text is None:
            self._text = self._safe()
        return self._text

    def safe_facts(self) -> Mapping[str, Any] | None:
        """Returns the record's data, with each text as one line without keys."""
        facts = getattr(self, "facts", None)
        if facts is None:
            return None
        lines = _in_lines(facts)
        return cast(Mapping[str, Any], self.known.said(lines)) if self.known is not None else lines

    def _safe(self) -> str:
        text = super().getMessage()
        if self.name == _WEB or (self.name == _MODES and _DEVICE.fullmatch(text)):
            return text
        if self.name.startswith("mitmproxy"):
            text = without_quoted(text)
        if self.name != _CONFIGURATION:
            text = one_line(text)
        if self.exc_info and self.exc_info[0] is not None:
            text += "\n" + _told(traceback.format_exception(*self.exc_info))
            self.error = self.exc_info[1]
            # A formatter would add it unchanged.
            self.exc_info = None
        return self.known.text(text) if self.known is not None else text


def _told(lines: list[str]) -> str:
    """Returns a traceback, indented so that no text of an error begins a log line."""
    told = (one_line(line) for part in lines for line in part.splitlines())
    return "\n".join(f"  {without_quoted(line)}" for line in told)


def _in_lines(said: Any) -> Any:
    if isinstance(said, str):
        return one_line(said)
    if isinstance(said, list | tuple):
        return [_in_lines(each) for each in said]
    if isinstance(said, dict):
        return {name: _in_lines(value) for name, value in said.items()}
    return said

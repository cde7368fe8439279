"""Every line of the log: one line, without keys, whoever wrote it."""

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
"""What is wrong with a configuration is told in several lines; clients write none of them."""

_MODES = "mitmproxy.proxy.mode_servers"
_DEVICE = re.compile(r"-+\n\[Interface\]\n[\w\s=/+.,:%\[\]-]+")
"""What WireGuard mode tells its people to configure their device with, its key among it: no client
writes any of that, and it is told nowhere else."""


_WEB = "mitmproxy.tools.web.master"
"""Says where mitmweb is, with the token that its people need to open it, and quotes no client."""


class LogLines:
    """Has log records made that tell no key and are one line when they are formatted.

    What mitmproxy says of bytes that it cannot read quotes them, and with them the client's key;
    names of clients, hosts and models may hold line ends and what terminals act upon. Records that
    nobody formats cost nothing.
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
        # mitmproxy checks choices on its own flags alone, not of --set.
        if (wanted := ctx.options.switchyard_log_format) not in LOG_FORMATS:
            raise exceptions.OptionsError(
                f"switchyard_log_format is {wanted!r}; it must be one of {', '.join(LOG_FORMATS)}"
            )
        use_format(wanted)

    def error(self, flow: http.HTTPFlow) -> None:
        """What a flow ended by is shown in views and dumps as well."""
        if flow.error is not None:
            flow.error.msg = one_line(without_quoted(flow.error.msg))

    def done(self) -> None:
        logging.setLogRecordFactory(self._before)


class LogLine(logging.LogRecord):
    """A record whose text is safe to show."""

    _text: str | None = None
    error: BaseException | None = None
    """The exception that the record tells of, once its text was made."""

    @property
    def known(self) -> Concealer | None:
        """Knows the secrets of the configuration in force."""
        return None

    def getMessage(self) -> str:
        if self._text is None:
            self._text = self._safe()
        return self._text

    def safe_facts(self) -> Mapping[str, Any] | None:
        """What the record has as data, each text of it one line without keys."""
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
            # Whoever formats the record would add it as it is.
            self.exc_info = None
        return self.known.text(text) if self.known is not None else text


def _told(lines: list[str]) -> str:
    """A traceback, indented: what an error says begins no line of the log."""
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

"""What the log and mitmweb's list rely on inside mitmproxy; fails where a version differs."""

import inspect
from pathlib import Path

from mitmproxy import log
from mitmproxy.addons.termlog import TermLog
from mitmproxy.addons.termlog import TermLogHandler
from mitmproxy.tools import cmdline
from mitmproxy.tools import main
from mitmproxy.tools.web import app
from mitmproxy.tools.web.web_columns import AVAILABLE_WEB_COLUMNS
from tornado.web import OutputTransform


def test_pages_of_mitmweb_can_be_added_to() -> None:
    assert "comment" in AVAILABLE_WEB_COLUMNS and "path" in AVAILABLE_WEB_COLUMNS
    assert "transforms=[" in inspect.getsource(app.Application.__init__)
    assert list(inspect.signature(OutputTransform.transform_first_chunk).parameters) == [
        *("self", "status_code", "headers", "chunk", "finishing")
    ]
    folder = Path(app.__file__).parent / "static"
    style = "".join(file.read_text() for file in folder.glob("index-*.css"))
    assert ".flow-table .col-comment{width:150px}" in style, "comments may be wide by now"
    assert "table-layout:fixed" in style
    assert "style-src   'self' 'unsafe-inline'" in inspect.getsource(app.RequestHandler)


def test_the_terminal_log_has_a_formatter_of_its_own() -> None:
    termlog = TermLog()
    termlog.uninstall()
    assert isinstance(termlog.logger, TermLogHandler)
    assert isinstance(termlog.logger.formatter, log.MitmFormatter)
    assert isinstance(termlog.logger.has_vt_codes, bool)
    assert "log.MitmFormatter(" in inspect.getsource(TermLogHandler.__init__)


def test_the_parser_of_the_command_line_is_found_by_its_name() -> None:
    assert "cmdline.mitmdump" in inspect.getsource(main.mitmdump)
    assert "cmdline.mitmweb" in inspect.getsource(main.mitmweb)
    assert callable(cmdline.mitmdump) and callable(cmdline.mitmweb)

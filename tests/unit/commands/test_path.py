"""Where the script for mitmproxy is."""

from pathlib import Path

import pytest

from switchyard.commands.path import main
from switchyard.files import ENTRY_POINT


def test_path_is_the_script_for_mitmdump(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out == f"{ENTRY_POINT}\n"
    assert Path(ENTRY_POINT).is_file()


def test_it_takes_no_words() -> None:
    with pytest.raises(SystemExit):
        main(["more"])

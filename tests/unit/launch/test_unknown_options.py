"""How an option that nobody has is told of."""

import pytest
from mitmproxy import options
from mitmproxy.tools import cmdline

from switchyard.launch.unknown_options import describe
from switchyard.launch.unknown_options import explained


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("unrecognized arguments: --prot 9", "unknown option --prot (did you mean --port?)"),
        ("unrecognized arguments: --confg=a", "unknown option --confg (did you mean --config?)"),
        ("unrecognized arguments: --xyzzy", "unknown option --xyzzy"),
        ("argument --mode: expected one argument", "argument --mode: expected one argument"),
    ],
)
def test_the_words(message: str, said: str) -> None:
    assert describe(message, ["--port", "--config", "--mode"]) == said


def test_mitmproxys_parser_speaks_of_us(capsys: pytest.CaptureFixture[str]) -> None:
    parser = explained(cmdline.mitmdump, "scripts/start", ["--log-calls"])(options.Options())
    for word, near in (("--log-cals", "--log-calls"), ("--verbos1", "--verbose")):
        with pytest.raises(SystemExit) as ended:
            parser.parse_args([word])
        assert ended.value.code == 2
        assert capsys.readouterr().err == (
            f"scripts/start: error: unknown option {word} (did you mean {near}?). "
            "scripts/start --help lists the options.\n"
        )

"""Records of the log as a terminal, a file and a program read them."""

import json
import logging
import os
import pty

import pytest
from mitmproxy import ctx
from mitmproxy import log
from mitmproxy.addons.termlog import TermLog
from mitmproxy.test import taddons

from switchyard.recording import log_format
from switchyard.recording.log_format import JsonFormatter
from switchyard.recording.log_format import TextFormatter
from switchyard.recording.log_format import call_line

ID = "01938f2a-7c3e-7d11-9a55-a1b2c3d4e5f6"
FACTS = {
    "event": "call",
    "outcome": "failed",
    "id": ID,
    "model": "my-coding-stack",
    "route": ["cc 529", "glm 429"],
    "seconds": 1.234,
    "reason": "slow down",
}


def record(facts: object = None, level: int = logging.INFO) -> logging.LogRecord:
    made = logging.LogRecord("switchyard.x", level, __file__, 1, "said %s", ("it",), None)
    if facts is not None:
        made.facts = facts
    return made


def test_a_call_in_columns_on_a_narrow_and_a_wide_terminal() -> None:
    narrow, wide = call_line(FACTS, 80), call_line(FACTS, 140)
    words = "cc 529 -> glm 429: slow down"
    assert narrow == f"failed     1.2 s  my-coding-stack   {words}  …a1b2c3d4e5f6"
    assert wide == f"failed     1.2 s  {'my-coding-stack':<28}  {words}  {ID}"
    answered = {**FACTS, "outcome": "ok", "reason": "", "tokens": {"input": 1234, "output": 5}}
    assert "  cc 529 -> glm 429  1,234 in, 5 out  …" in call_line(answered, 80)


@pytest.mark.parametrize(("outcome", "colour"), [("ok", 32), ("retried", 33), ("failed", 31)])
def test_colours_and_columns_are_for_terminals(outcome: str, colour: int) -> None:
    facts = {**FACTS, "outcome": outcome}
    coloured = TextFormatter(colorize=True, columns=True).format(record(facts))
    assert f"\x1b[{colour}m{outcome}" in coloured
    columns = TextFormatter(colorize=False, columns=True).format(record(facts))
    assert "\x1b" not in columns and f"] {outcome:<7} " in columns
    plain = TextFormatter(colorize=False).format(record(facts))
    assert plain.endswith("] said it")
    assert TextFormatter(colorize=False, columns=True).format(record()).endswith("] said it")


def test_json_has_the_text_and_the_facts() -> None:
    line = JsonFormatter().format(record(FACTS, logging.WARNING))
    told = json.loads(line)
    assert told["level"] == "warning" and told["message"] == "said it"
    assert told["logger"] == "switchyard.x" and told["time"].endswith("Z")
    assert {name: told[name] for name in FACTS} == FACTS
    odd = {"event": "call", "model": "a\n\x1b[2J\ud83d…"}
    line = JsonFormatter().format(record(odd))
    assert line.isascii() and "\n" not in line and "\x1b" not in line
    assert json.loads(line)["model"] == odd["model"]


@pytest.mark.parametrize("no_color", ["", "1"])
def test_the_terminal_log_is_told(no_color: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    leader, follower = pty.openpty()
    with os.fdopen(leader), os.fdopen(follower, "w") as terminal:
        termlog = TermLog(terminal)
        with taddons.context(termlog):
            assert ctx.master.addons.get("termlog") is termlog
            log_format.use_format("text")
            shown = termlog.logger.format(record(FACTS))
            assert ("\x1b" in shown) is not bool(no_color)
            assert f"…{ID[-12:]}" in shown or ID in shown
            log_format.use_format("json")
            assert json.loads(termlog.logger.format(record(FACTS)))["id"] == ID
        termlog.uninstall()


def test_json_can_begin_with_the_first_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "MitmFormatter", log.MitmFormatter)
    log_format.use_from_the_start("json")
    termlog = TermLog()
    assert json.loads(termlog.logger.format(record()))["message"] == "said it"
    termlog.uninstall()


@pytest.mark.parametrize("no_color", ["", "1"])
def test_colours_can_be_left_out_from_the_first_line(
    no_color: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr(log, "MitmFormatter", log.MitmFormatter)
    log_format.use_from_the_start("text")
    assert ("\x1b" in log.MitmFormatter(True).format(record())) is not bool(no_color)

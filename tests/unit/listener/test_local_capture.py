import logging
from pathlib import Path

import pytest
from mitmproxy.proxy import mode_specs

from switchyard.listener import local_capture
from tests.support.router import Router

LOCAL = [mode_specs.ProxyMode.parse(mode) for mode in ("regular", "local:claude,codex")]
ONE = 'providers: [{name: one, base-url: "https://one.example/v1", api-key: k}]\n'


def test_a_missing_sudo_is_told_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_capture.platform, "system", lambda: "Linux")
    monkeypatch.setattr(local_capture.shutil, "which", lambda _: None)
    assert "sudo, which is missing. Use instead: --mode transparent" in local_capture.why_not(LOCAL)
    assert local_capture.why_not(LOCAL[:1]) == ""
    monkeypatch.setattr(local_capture.shutil, "which", lambda _: "/usr/bin/sudo")
    assert local_capture.why_not(LOCAL) == ""


@pytest.mark.parametrize(
    ("said", "explained"),
    [
        ("Error: eBPF initialization failed", True),
        ("Failed to run sudo.", True),
        ("[linux-redirector] exited: Ok(ExitStatus(unix_wait_status(256)))", True),
        ("failed to listen on 127.0.0.1:8080", False),
    ],
)
def test_a_failed_redirector_is_explained_once(said: str, explained: bool, capsys) -> None:
    explainer = local_capture.Explainer()
    record = logging.LogRecord("x", logging.ERROR, "", 0, said, None, None)
    try:
        explainer.explain([record])
        logging.getLogger("anything").error(said)
    finally:
        logging.getLogger().removeHandler(explainer)
    told = capsys.readouterr().err
    assert told.count("local capture does not work here") == explained
    assert told.count("scripts/intercept") == explained


def test_a_router_that_cannot_capture_says_so_and_ends(tmp_path: Path) -> None:
    """Without sudo on its PATH, whatever the machine permits otherwise."""
    router = Router(tmp_path, ONE, "--mode", "local:curl", env={"PATH": str(tmp_path)})
    router.launch()
    assert router.wait() == 1
    assert "local capture starts its redirector by sudo" in router.log

"""What mitmproxy imports later than it would by itself."""

import subprocess
import sys

import pytest

FIRST = "from switchyard.engine.late_imports import put_off; put_off(); "


def run(code: str) -> str:
    """What a new process prints that puts the imports off, then does what `code` says."""
    command = [sys.executable, "-c", FIRST + code]
    variables = {"PYTHONPATH": "addons"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=variables)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("module", ["flask", "ldap3.core"])
def test_mitmproxys_tools_come_without(module: str) -> None:
    loaded = run(f"import sys, mitmproxy.tools.main; print({module!r} in sys.modules)")
    assert loaded == "False"


def test_the_directorys_client_is_there_when_asked_for() -> None:
    assert (
        run("from mitmproxy.addons import proxyauth as p; print(p.ldap3.Server('h').host)") == "h"
    )


def test_the_page_is_there_when_asked_for() -> None:
    """With the settings that mitmproxy gave it before."""
    page = (
        "from mitmproxy.addons.onboarding import app; app.config['CONFDIR'] = 'elsewhere'; "
        "from wsgiref.util import setup_testing_defaults as fill; at = {}; fill(at); "
        "body = b''.join(app(at, lambda status, *_: print(status))); "
        "from mitmproxy.addons.onboardingapp import app as real; "
        "print(b'mitmproxy' in body.lower(), real.config['CONFDIR'])"
    )
    assert run(page).split("\n") == ["200 OK", "True elsewhere"]

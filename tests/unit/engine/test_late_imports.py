"""What is imported later than it would be by itself, and what a start does without."""

import subprocess
import sys

FIRST = "from switchyard.engine.late_imports import put_off; put_off(); "


def run(code: str) -> str:
    """What a new process prints that puts the imports off, then does what `code` says."""
    command = [sys.executable, "-c", FIRST + code]
    variables = {"PYTHONPATH": "addons"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=variables)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


LEFT_OUT = ("flask", "ldap3.core", "werkzeug", "attr")
"""Of what mitmproxy would import."""


def test_mitmproxys_tools_come_without_what_few_use() -> None:
    loaded = run("import sys, mitmproxy.tools.main; print(*sys.modules)").split()
    assert not set(LEFT_OUT) & set(loaded)


def test_the_directorys_client_is_there_when_asked_for() -> None:
    assert (
        run("from mitmproxy.addons import proxyauth as p; print(p.ldap3.Server('h').host)") == "h"
    )


def test_names_in_certificates_of_quic_servers_are_looked_at_when_there_is_one() -> None:
    names = "identity.VerificationError, identity.cryptography.extract_patterns"
    assert "VerificationError" in run(
        f"from aioquic.tls import service_identity as identity; print({names})"
    )


def test_files_in_place_of_responses_are_found_where_they_are_looked_for() -> None:
    found = run(
        "from mitmproxy.addons.maplocal import safe_join as join; "
        "from werkzeug.security import check_password_hash; "
        "print(join('/www', 'a/b'), join('/www', '../b'), bool(check_password_hash))"
    )
    assert found == "/www/a/b None True"


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

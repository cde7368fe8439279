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


FEW_USE = {"flask", "ldap3.core", "werkzeug", "attr"}
"""Of what mitmproxy would import."""

NOT_AT_THE_START = FEW_USE | {
    # Prices, once a request has ended.
    *("genai_prices", "httpx2"),
    # The management API, once it is asked.
    *("fastapi", "starlette", "uvicorn", "switchyard.management.api"),
    # What a configuration may ask for: other stores, clouds, secrets, metrics, traces.
    *("switchyard.usage.postgres", "psycopg", "redis", "keyring", "pyrage"),
    *("google.auth", "azure.identity", "botocore"),
    *("prometheus_client", "opentelemetry.sdk", "requests"),
    # Commands beside the router.
    *("switchyard.commands", "switchyard.importers", "switchyard.sync"),
}

START = """
import sys
from pathlib import Path
from mitmproxy.tools import main
from switchyard.engine.install import install
from switchyard.pipeline import build
from switchyard.config.load import load_config
from switchyard.files import DEFAULT_CONFIG
from switchyard.runtime.snapshot import Snapshot
from switchyard.egress.table import Environment
install()
build()
Snapshot.build(load_config(DEFAULT_CONFIG, {}), Environment())
print(*sys.modules)
"""


def test_mitmproxys_tools_come_without_what_few_use() -> None:
    loaded = run("import sys, mitmproxy.tools.main; print(*sys.modules)").split()
    assert not FEW_USE & set(loaded)


def test_a_router_begins_to_serve_without_what_is_used_later() -> None:
    assert not NOT_AT_THE_START & set(run(START).split())


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

"""Every route is called with secrets configured everywhere; no answer, log, audit row or event has
any of them, in any form."""

import base64
import html
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.parse import quote_plus

import httpx2
import pytest

from switchyard.accounts.record import AccountRecord
from switchyard.accounts.store import AccountStore
from switchyard.config.schema import Config
from switchyard.management.audit import Audit
from tests.integration.e2e.test_management_routes import ALL
from tests.integration.e2e.test_management_routes import BASE
from tests.support.router import Router
from tests.support.signals import Signal

WEBHOOK = base64.b64encode(b"a-secret-that-signs-events-0").decode()
SECRETS = {
    "key": 'sk-Plain/1+a="b"&c-6f1d',
    "entry": "sk-Entry/2+77aa3e4b==",
    "variable": "sk-Variable/3+0d9e8c11",
    "followed": "sk-Followed/4+c2f00d1e",
    "access": "at-Account/5+1199fe07",
    "refresh": "rt-Account/6+8c02b6aa",
    "application": "cs-Application/7+d7719e",
    "header": 'hdr-Header/8+"3c77d0"',
    "proxy": "pw-Proxy9-91be7a44",
    "payload": "pl-Payload/10+44d1f3",
    "client": "sk-Client/11+aa41f07e",
    "viewer": "sk-Viewer/12+bb52e18f",
    "manager": "mk-Manager/13+5ce190bd",
    "webhook": WEBHOOK,
}
MANAGER, VIEWER, CLIENT = SECRETS["manager"], SECRETS["viewer"], SECRETS["client"]


def forms(secret: str) -> Iterator[str]:
    """Yields the forms in which a secret could stand in a text."""
    escaped = json.dumps(secret)[1:-1]
    yield from (secret, escaped, json.dumps(escaped)[1:-1], html.escape(secret))
    yield from (quote(secret, safe=""), quote(secret, safe="").lower(), quote_plus(secret))
    yield from (secret.encode().hex(), "".join(f"\\u{ord(one):04x}" for one in secret))
    for begin in range(3):
        # The middle of its base64 is the same wherever it stands in what is encoded.
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            coded = encode(b" " * begin + secret.encode()).decode()
            yield coded[4 if begin else 0 : -4]


def config(folder: Path) -> dict[str, Any]:
    followed = folder / "tool.json"
    followed.write_text(json.dumps({"tokens": {"access_token": SECRETS["followed"]}}))
    (folder / "keys.yaml").write_text("api-keys: []\n")
    address, proxy = "http://127.0.0.1:9/v1", f"http://user:{SECRETS['proxy']}@127.0.0.1:9"
    entries = [
        {"api-key": SECRETS["entry"], "proxy-url": proxy},
        {"api-key": "${VARIABLE_KEY}"},
        {"api-key": {"file": str(followed), "json": "$.tokens.access_token"}},
        {"api-key": {"oauth": "corp"}},
    ]
    rules = [{"models": ["*"], "headers": {"x-token": SECRETS["payload"]}}]
    webhook = {"url": "https://hooks.example/in", "secret": f"whsec_{WEBHOOK}"}
    return {
        "providers": [
            {"name": "plain", "base-url": address, "api-key": SECRETS["key"], "models": ["a"],
             "headers": {"x-app-token": SECRETS["header"]}},
            {"name": "many", "base-url": address, "api-key-entries": entries, "models": ["b"]},
        ],
        "combos": {"both": ["plain/a", "many/b"]},
        "payload": {"override": rules},
        "clients": {
            "api-keys": [{"key": CLIENT, "name": "joe"},
                         {"key": VIEWER, "name": "eve", "role": "viewer"}],
            "keys-file": str(folder / "keys.yaml"),
        },
        "accounts": {"corp": {"client-id": "app", "client-secret": SECRETS["application"],
                              "token": {"url": "http://127.0.0.1:9/token"},
                              "device": {"url": "http://127.0.0.1:9/device"}}},
        "management": {"key": MANAGER, "dir": str(folder / "management")},
        "usage": {"dir": str(folder / "usage")},
        **({"webhooks": [webhook]} if "webhooks" in Config.model_fields else {}),
    }  # fmt: skip


@dataclass
class Seen:
    """All that was shown, by where."""

    texts: dict[str, str]
    reading: Signal = field(default_factory=Signal)
    """The stream of events has begun."""

    def found(self) -> list[str]:
        """Returns which secrets stand in which texts."""
        return [
            f"{name} in {where}"
            for where, text in self.texts.items()
            for name, secret in SECRETS.items()
            for form in forms(secret)
            if form in text
        ]


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    folder = tmp_path_factory.mktemp("secrets")
    AccountStore(folder / "accounts").save(
        AccountRecord(name="corp", access_token=SECRETS["access"], refresh_token=SECRETS["refresh"])
    )
    env = {
        "VARIABLE_KEY": SECRETS["variable"],
        "SWITCHYARD_ACCOUNTS_DIR": str(folder / "accounts"),
    }
    with Router(folder, config(folder), env=env) as router:
        yield router


def test_no_secret_is_shown(router: Router) -> None:
    seen = Seen({})
    headers = {"authorization": f"Bearer {MANAGER}"}
    with httpx2.Client(base_url=router.url, timeout=120, trust_env=False, headers=headers) as all:
        events = threading.Thread(target=_read_events, args=(router, seen), daemon=True)
        events.start()
        seen.reading.wait(60)
        _ask_models(all)
        for method, path in [one for one in ALL if one[1] != "/events"]:
            for name, kwargs in _requests(method, path):
                answer = all.request(method, f"{BASE}{path}", **kwargs)
                seen.texts[f"{method} {path} {name}"] = f"{answer.headers}\n{answer.text}"
        _write(all, seen)
        all.post(f"{BASE}/reload")
        wrong = all.get(f"{BASE}/health", headers={"authorization": f"Bearer {CLIENT}x"})
        seen.texts["wrong key"] = wrong.text
        seen.texts["logs"] = all.get(f"{BASE}/logs").text
        seen.texts["page"] = all.get("/dashboard/").text
    events.join(60)
    rows = Audit(router.directory / "management").rows(None, 1000)
    seen.texts["audit"] = repr(rows)
    seen.texts["log"] = router.log
    assert len(rows) > 3 and "snapshot" in seen.texts["events"]
    assert {"config", "ended"} <= {
        line.removeprefix("event: ") for line in seen.texts["events"].splitlines()
    }
    assert seen.found() == []


def _requests(method: str, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields what a route is asked: nothing, and what it cannot make sense of."""
    if path == "/config.yaml" and method == "PUT":
        yield "text", {"content": f"nonsense: {SECRETS['key']}\n", "headers": {"if-match": "*"}}
        return
    yield (
        "plain",
        {"headers": {"if-match": "*"}}
        if method == "GET"
        else {
            "headers": {"if-match": "*"},
            "json": {"nonsense": {"api-key": SECRETS["key"], "model": SECRETS["client"]}},
            "params": {"dry-run": "1"},
        },
    )
    if method == "GET":
        yield "query", {"params": {"since": SECRETS["client"], "limit": SECRETS["key"]}}


def _ask_models(client: httpx2.Client) -> None:
    """Requests that fail at the providers, so that records, health and the log have them."""
    for key in (CLIENT, VIEWER):
        body = {"model": "both", "messages": [{"role": "user", "content": f"My key is {key}."}]}
        headers = {"authorization": f"Bearer {key}"}
        assert client.post("/v1/chat/completions", json=body, headers=headers).status_code >= 400


def _write(client: httpx2.Client, seen: Seen) -> None:
    """Changes that are made, with secrets among what changes."""
    changes: list[tuple[str, str, Any]] = [
        ("PATCH", "/config", {"aliases": {"fast": "plain/a"}}),
        ("PUT", "/providers/third", {"base-url": "http://127.0.0.1:9/v1", "models": ["c"],
                                     "api-key": SECRETS["key"]}),
        ("PATCH", "/providers", {"name": "third", "value": {"api-key": SECRETS["entry"]}}),
        ("PATCH", "/openai-compatibility", {"name": "third",
            "value": {"api-key-entries": [{"api-key": SECRETS["variable"]}]}}),
        ("DELETE", "/providers/third", None),
    ]  # fmt: skip
    for method, path, body in changes:
        answer = client.request(method, f"{BASE}{path}", json=body, headers={"if-match": "*"})
        assert answer.status_code == 200, answer.text
        seen.texts[f"{method} {path} made"] = answer.text
    for path in ("/config", "/config.yaml", "/openai-compatibility", "/clients", "/versions"):
        seen.texts[f"GET {path} after"] = client.get(f"{BASE}{path}").text
    for version in client.get(f"{BASE}/versions").json()["versions"]:
        text = client.get(f"{BASE}/versions/{version['id']}").text
        seen.texts[f"version {version['id']}"] = text


def _read_events(router: Router, seen: Seen) -> None:
    """Reads until the last change of the configuration."""
    headers, lines = {"authorization": f"Bearer {VIEWER}"}, []
    with httpx2.Client(base_url=router.url, timeout=120, trust_env=False) as client:
        with client.stream("GET", f"{BASE}/events", headers=headers) as answer:
            for line in answer.iter_lines():
                lines.append(line)
                seen.reading.set()
                if sum(one == "event: config" for one in lines) == 5:
                    break
    seen.texts["events"] = "\n".join(lines)


def test_the_forms_are_found() -> None:
    """The scan itself finds what it is to find."""
    secret = SECRETS["key"]
    for text in (
        secret,
        json.dumps({"x": json.dumps({"y": secret})}),
        base64.b64encode(f"user:{secret}".encode()).decode(),
        base64.urlsafe_b64encode(f"u:{secret}xyz".encode()).decode(),
        quote(secret, safe=""),
    ):
        assert Seen({"here": text}).found(), text

"""The dashboard of a router with a management key: sessions, keys, accounts, imports, the log."""

import hashlib
import json
import ssl
from collections.abc import Iterator

import pytest

from switchyard.accounts.record import AccountRecord
from switchyard.accounts.store import AccountStore
from tests.integration.dashboard.conftest import MARKUP
from tests.integration.dashboard.conftest import config
from tests.integration.dashboard.conftest import violations
from tests.support.browser import Page
from tests.support.router import Router
from tests.unit.importers.examples import CLAUDE_CODE_ROUTER

KEY, NEXT = "manage-me-7f3a", "manage-me-8b41"
LIVE = "document.querySelector('.top .live')?.textContent === 'live'"
LOGIN = "document.querySelector('main.alone input[type=password]')"


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    folder = tmp_path_factory.mktemp("signed")
    (folder / "keys.yaml").write_text("api-keys: []\n")
    other = folder / ".claude-code-router" / "config.json"
    other.parent.mkdir()
    other.write_text(CLAUDE_CODE_ROUTER.replace('"qwen3"', json.dumps(MARKUP)))
    authorize = {"url": "https://p.example/authorize"}
    example = {"title": f"Example {MARKUP}", "client-id": "c", "authorize": authorize}
    members = {
        "management": {"key": KEY},
        "clients": {"keys-file": str(folder / "keys.yaml")},
        "accounts": {"example": {**example, "token": {"url": "https://p.example/token"}}},
    }
    with Router(folder, config(folder, **members)) as router:
        yield router


@pytest.fixture(scope="module")
def page(chromium: str, router: Router) -> Iterator[Page]:
    """One page for all tests of the module, which is signed in."""
    with Page(chromium, 1200, 900) as page:
        page.go(f"{router.url}/dashboard/")
        sign_in(page, KEY)
        page.wait(LIVE)
        yield page


def sign_in(page: Page, key: str) -> None:
    page.fill("main.alone input[type=password]", key)
    page.click("main.alone button")


def test_a_wrong_key_opens_nothing(chromium: str, router: Router, axe: str) -> None:
    with Page(chromium, 1200, 900) as page:
        page.go(f"{router.url}/dashboard/")
        sign_in(page, "manage-me-0000")
        page.wait("document.querySelector('main.alone .notice.bad')")
        assert violations(page, axe) == []
        sign_in(page, KEY)
        page.wait(LIVE)
        kept = "JSON.stringify([document.cookie, localStorage.length, sessionStorage.length])"
        assert json.loads(page.run(kept)) == ["", 0, 0]


def test_a_key_is_made_changed_and_rotated(page: Page, axe: str) -> None:
    page.run("location.hash = '#/keys'")
    page.click(".panel button.main", "Make")
    page.fill("dialog input[placeholder=ann]", f"ann {MARKUP}")
    page.click("dialog button.main")
    first = page.wait("document.querySelector('dialog .snippet pre')?.textContent")
    page.click("dialog header button")
    page.click("tbody button", "Change")
    page.fill("dialog input[placeholder^='claude*']", "claude*, my-stack")
    page.fill("dialog input[type=date]", "2031-01-31")
    page.fill("dialog input[placeholder='60/m']", "nonsense")
    page.click("dialog button.main")
    page.wait("document.querySelector('dialog .list li code')")
    assert violations(page, axe) == []
    page.fill("dialog input[placeholder='60/m']", "90/m")
    page.click("dialog button.main")
    page.wait("!document.querySelector('dialog') && /90\\/m/.test(document.body.innerText)")
    row = page.run("document.querySelector('tbody tr').innerText")
    assert '["claude*","my-stack"]' in row and "2031" in row and MARKUP in row
    page.click("tbody button", "Rotate")
    page.fill("dialog select", "0")
    page.click("dialog button.main")
    second = page.wait("document.querySelector('dialog .snippet pre')?.textContent")
    assert first != second and first[:12] == second[:12]
    page.click("dialog header button")
    page.click("tbody button", "Block")
    page.wait("document.querySelector('tbody .state.bad')?.textContent === 'blocked'")
    assert not page.run("document.body.dataset.hacked ?? document.querySelector('img')?.outerHTML")


def test_a_dialog_that_is_closed_as_it_appears_is_gone(page: Page) -> None:
    page.run("location.hash = '#/keys'")
    page.run(
        """new MutationObserver((_, observer) => {
            const button = document.querySelector("dialog header button");
            if (!button) return;
            observer.disconnect();
            document.body.dataset.closed = "yes";
            button.click();
        }).observe(document.body, {subtree: true, childList: true})"""
    )
    page.click(".panel button.main", "Make")
    page.wait("document.body.dataset.closed && !document.querySelector('dialog')")


def test_another_router_is_taken_over(page: Page, axe: str, router: Router) -> None:
    page.run("location.hash = '#/setup'")
    page.click("button[aria-label='Show what it becomes: claude-code-router']")
    page.wait("document.querySelector('dialog pre.log')?.textContent.includes('openrouter')")
    assert violations(page, axe) == []
    page.click("dialog button.main", "Write the new file")
    page.wait("document.querySelector('dialog .notice.good')")
    text = page.run("document.querySelector('dialog').innerText")
    written = router.directory / "imported-claude-code-router.yaml"
    assert str(written) in text and written.exists() and "sk-or-hidden-one" not in text
    page.click("dialog header button")


def test_a_login_waits_for_what_is_pasted(page: Page, axe: str) -> None:
    page.run("location.hash = '#/setup'")
    page.click("button[aria-label^='Log in in the browser: Example']")
    page.wait("document.querySelector('dialog a[href^=\"https://p.example/authorize?\"]')")
    assert violations(page, axe) == []
    page.fill("dialog textarea", "code=c&state=of-another")
    page.click("dialog button.main")
    page.wait("document.querySelector('dialog .notice.bad')?.innerText.includes('another login')")
    page.click("dialog header button")
    assert not page.run("document.body.dataset.hacked ?? document.querySelector('img')?.outerHTML")


def test_an_account_is_logged_out(page: Page, axe: str, router: Router) -> None:
    folder = router.directory / ".local" / "state" / "switchyard" / "accounts"
    account = AccountRecord(
        name="example",
        label="work",
        access_token="at-hidden-one",
        refresh_token="rt-hidden-two",
        subject=f"ann {MARKUP}",
    )
    AccountStore(folder).save(account)
    page.run("location.hash = '#/now'")
    page.run("location.hash = '#/setup'")
    button = "button[aria-label='Log out: example/work']"
    page.wait(f"document.querySelector({json.dumps(button)})")
    assert violations(page, axe) == []
    page.run("window.confirm = () => false")
    page.click(button)
    assert AccountStore(folder).refs() == ["example/work"]
    page.run("window.confirm = () => true")
    page.click(button)
    page.wait(f"!document.querySelector({json.dumps(button)})")
    assert AccountStore(folder).refs() == []
    assert not page.run("document.body.dataset.hacked ?? document.querySelector('img')?.outerHTML")


def test_the_authority_is_shown(page: Page, router: Router) -> None:
    page.run("location.hash = '#/setup'")
    panel = "document.querySelector('#certificate').closest('section').innerText"
    page.wait(f"{panel}.includes({json.dumps(str(router.ca))})")
    shown = page.run(panel)
    assert "ca install" in shown and "not trusted" in shown
    wanted = ssl.PEM_cert_to_DER_cert(router.ca.read_text())
    assert hashlib.sha256(wanted).hexdigest() in shown.replace(":", "").lower()


def test_the_log_is_followed_and_filtered(page: Page) -> None:
    page.run("location.hash = '#/settings'")
    page.wait("document.querySelector('pre.log span')")
    page.fill("input.short", "there is no such line")
    page.wait("!document.querySelector('pre.log')")
    page.fill("input.short", "")
    page.click("#log ~ .actions button", "Clear")


def test_a_changed_key_ends_the_session(page: Page, router: Router) -> None:
    page.run("location.hash = '#/now'")  # which asks for nothing by itself
    text = router.config_path.read_text()
    router.config_path.write_text(text.replace(KEY, NEXT))
    page.wait(LOGIN)
    sign_in(page, KEY)
    page.wait("document.querySelector('main.alone .notice.bad')")
    sign_in(page, NEXT)
    page.wait(LIVE)

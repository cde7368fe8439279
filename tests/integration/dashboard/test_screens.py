"""Each screen with real traffic: what it shows, that everybody can use it, and that it is safe."""

import json
from collections.abc import Callable

import pytest

from tests.integration.dashboard.conftest import ask
from tests.integration.dashboard.conftest import violations
from tests.support.browser import Page
from tests.support.router import Router

READY = {
    "now": "document.querySelectorAll('.panel tbody tr').length >= 3",
    "usage": "document.querySelector('.uplot') && document.querySelector('.heat rect')"
    " && document.querySelector('.bar-of')",
    "providers": "document.querySelector('.order li') && document.querySelector('.plan li')",
    "keys": "document.querySelector('.panel p')",
    "settings": "document.querySelector('#yaml').value.includes('providers')"
    " && document.querySelector('pre.log span')",
    "setup": "document.querySelectorAll('.cards button').length >= 8",
    "requests": "document.querySelectorAll('.virtual tbody tr button').length >= 3",
}
"""What is true once a screen shows its data."""

type Opens = Callable[..., Page]


@pytest.mark.parametrize("width", [1400, 390])
@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("screen", READY)
def test_axe_finds_nothing(
    open_page: Opens, axe: str, screen: str, scheme: str, width: int
) -> None:
    page = open_page(screen, width, scheme)
    page.wait(READY[screen])
    assert violations(page, axe) == []


@pytest.mark.parametrize("screen", READY)
def test_nothing_leaves_the_origin(open_page: Opens, router: Router, screen: str) -> None:
    page = open_page(screen)
    page.wait(READY[screen])
    names = page.run("performance.getEntriesByType('resource').map(e => e.name)")
    assert names and all(name.startswith(f"{router.url}/") for name in names)


@pytest.mark.parametrize("screen", READY)
def test_markup_is_shown_as_text(open_page: Opens, screen: str) -> None:
    page = open_page(screen)
    page.wait(READY[screen])
    assert not page.run("document.body.dataset.hacked ?? document.querySelector('img')?.outerHTML")


@pytest.mark.parametrize("screen", READY)
def test_a_narrow_window_does_not_scroll_sideways(open_page: Opens, screen: str) -> None:
    page = open_page(screen, 320)
    page.wait(READY[screen])
    assert page.run("document.documentElement.scrollWidth") <= 320


def test_what_has_no_list_price_is_not_shown_as_free(open_page: Opens) -> None:
    """The demo has none, which costs nothing."""
    page = open_page("usage")
    page.wait(READY["usage"])
    row = "[...document.querySelectorAll('.scroll tbody tr')].find(row => row.cells.length > 9)"
    paid, covered, listed = page.run(f"[...{row}.cells].slice(-3).map(cell => cell.innerText)")
    assert (paid, covered, listed) == ("$0.00", "$0.00", "?")


def test_a_request_is_seen_at_once_with_its_route(open_page: Opens, router: Router) -> None:
    page = open_page("now")
    page.wait("document.querySelector('.top .live').textContent === 'live'")
    ask(router, "coding", agent="codex_cli_rs/0.99 (seen at once)")
    page.wait("document.querySelector('.panel tbody tr').innerText.includes('codex')")
    row = page.run("document.querySelector('.panel tbody tr').innerText")
    assert "demo ok" in row and "complete" in row


def test_a_request_is_shown_in_depth(open_page: Opens) -> None:
    page = open_page("requests?asked_model=coding")
    page.click(".virtual button.row")
    page.wait("document.querySelector('dialog .fall li')")
    text = page.run("document.querySelector('dialog').innerText")
    assert "over" in text and "session" in text


def test_a_conversation_is_read_and_sent_to_another_model(
    open_page: Opens, axe: str, router: Router
) -> None:
    page = open_page("requests?asked_model=coding")
    page.click(".virtual button.row")
    page.wait("document.querySelector('.turns .user pre').textContent.includes('<img src=x')")
    page.click("dialog button[aria-label^='Body as it was']")
    page.wait("document.querySelector('dialog pre.raw').textContent.startsWith('{')")
    page.fill("dialog input[list=elsewhere]", "demo/echo")
    page.click("dialog form button.main", "Send")
    page.wait("document.querySelector('dialog .notice.good + p + .turns .assistant')")
    assert violations(page, axe) == []
    assert not page.run("document.body.dataset.hacked ?? document.querySelector('img')?.outerHTML")
    page.click("dialog .notice button", "Open")
    page.wait("document.querySelector('dialog strong').textContent === 'demo/echo'")


def test_a_telephone_shows_requests_without_scrolling_sideways(open_page: Opens) -> None:
    page = open_page("requests", 390)
    page.wait(READY["requests"])
    assert page.run(
        "(box => box.scrollWidth <= box.clientWidth)(document.querySelector('.virtual'))"
    )
    # Neither a moment nor a state is cut.
    shown = page.run(
        "[...document.querySelectorAll('.virtual tbody tr:not(.pad)')].every(row =>"
        " [0, 8].every(at => row.cells[at].scrollWidth <= row.cells[at].clientWidth))"
    )
    assert shown


def test_a_list_of_members_is_read_in_its_order(open_page: Opens) -> None:
    page = open_page("providers")
    page.wait("document.querySelector('#intercept')")
    text = page.run("document.querySelector('#intercept').closest('section').innerText")
    assert "passthrough \u2192 coding" in text and "[" not in text


def test_the_audit_names_edits_of_the_file(open_page: Opens, router: Router) -> None:
    page = open_page("settings")
    page.wait(READY["settings"])
    router.config_path.write_text(router.config_path.read_text() + "\n# a word\n")
    page.wait("document.querySelector('#audit').closest('section').innerText.includes('edit')")
    text = page.run("document.querySelector('#audit').closest('section').innerText")
    assert "in the file itself" in text and "none" not in text
    page.wait("document.querySelector('#source').closest('section').querySelector('.notice')")


def test_a_filter_selects(open_page: Opens) -> None:
    page = open_page("requests?asked_model=coding")
    page.wait(READY["requests"].replace(">= 3", ">= 1"))
    asked = page.run(
        "[...document.querySelectorAll('.virtual tbody tr:not(.pad)')]"
        ".map(row => row.cells[2].innerText)"
    )
    assert set(asked) == {"coding"}


def test_keys_go_from_screen_to_screen(open_page: Opens) -> None:
    page = open_page("now")
    page.wait("document.querySelector('.top .live').textContent === 'live'")
    page.call("Page.bringToFront")
    for key, title in (("2", "Usage"), ("3", "Requests"), ("1", "Now")):
        page.call("Input.dispatchKeyEvent", type="keyDown", key=key, text=key)
        page.wait(f"document.title.startsWith({json.dumps(title)})")
    page.call("Input.dispatchKeyEvent", type="keyDown", key="?", text="?")
    page.wait("document.querySelector('dialog[open]')")


def test_set_up_turns_green_with_the_first_request(open_page: Opens, router: Router) -> None:
    page = open_page("setup")
    page.wait("document.querySelector('.notice.warn')")
    page.wait("document.querySelector('.top .live').textContent === 'live'")
    page.click(".cards button", "Codex")
    page.wait("document.querySelector('.snippet pre').textContent.endsWith(' codex')")
    ask(router, "coding", agent="codex_cli_rs/0.99 (set up)")
    page.wait("document.querySelector('.notice.good').innerText.includes('codex')")
    # Others came before it.
    assert page.run("document.querySelector('.notice.good').innerText").startswith("A request")


def test_a_model_is_tried_from_the_page(open_page: Opens) -> None:
    page = open_page("providers")
    page.click("td button[aria-label='Test demo/echo']")
    page.wait("document.querySelector('td .state.good + *, td [role=status] .state.good')")


def test_a_member_is_moved_and_the_file_changed(open_page: Opens, router: Router) -> None:
    page = open_page("providers")
    page.click(".order button", "\u2193")
    page.click("section button.main", "Save")
    # Until it is saved, and read again, the button is there.
    page.wait(
        "document.querySelector('.order li').innerText.includes('demo/echo')"
        " && !document.querySelector('section form.bar button.main')"
    )
    page.go(f"{router.url}/dashboard/#/settings")
    page.wait("/coding:[^]*demo\\/echo[^]*down\\/x/.test(document.querySelector('#yaml').value)")


def test_a_mistake_is_shown_at_its_line(open_page: Opens) -> None:
    page = open_page("settings")
    page.wait(READY["settings"])
    page.run(
        "(() => { const field = document.querySelector('#yaml');"
        " field.value = field.value.replace('builtin: demo', 'builtin: nonsense');"
        " field.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )
    page.wait("!document.querySelector('.bar button.main').disabled")
    page.click(".bar button.main", "Check")
    page.wait("document.querySelector('.notice.bad + ul button')")
    page.click(".notice.bad + ul button")
    chosen = (
        "(f => f.value.slice(f.selectionStart, f.selectionEnd))(document.querySelector('#yaml'))"
    )
    assert "nonsense" in page.run(chosen)

"""From an empty page to the first answer: a newcomer with one key of a provider."""

import json
from collections.abc import Iterator

import httpx2
import pytest

from tests.integration.dashboard.conftest import MARKUP
from tests.integration.dashboard.conftest import violations
from tests.support.answers import Answer
from tests.support.authority import Authority
from tests.support.authority import Reply
from tests.support.browser import Page
from tests.support.router import Router

GOOD = "sk-newcomer-0123456789"


@pytest.fixture(scope="module")
def provider() -> Iterator[Authority]:
    """A provider that takes one key, and lists one model whose name is markup."""
    with Authority() as authority:
        authority.valid.add(GOOD)
        listed = {"object": "list", "data": [{"id": "coder-1"}, {"id": MARKUP}]}
        refused: Reply = (401, {"error": {"message": f"no such key {MARKUP}"}})

        def models(asked: object) -> Reply:
            given = getattr(asked, "headers", {}).get("authorization")
            return (200, listed) if given == f"Bearer {GOOD}" else refused

        authority.paths["/v1/models"] = models
        yield authority


@pytest.fixture(scope="module")
def router(provider: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    """A router without any configuration of its user's."""
    folder = tmp_path_factory.mktemp("newcomer")
    env = {"CLINE_BASE_URL": f"{provider.url}/v1"}
    with Router(folder, "", env=env, named=False, discovery=True) as router:
        yield router


def test_a_newcomer_is_not_alarmed_by_providers_without_a_key(
    chromium: str, router: Router
) -> None:
    """The default configuration has two dozen; Providers tells of each why it is not used."""
    with Page(chromium, 380, 800) as page:
        page.go(f"{router.url}/dashboard/")
        page.wait("document.body.innerText.includes('of the configuration are not used')")
        assert "Needs attention" not in page.text()
        page.run("location.hash = '#/providers'")
        page.wait("document.body.innerText.includes('variable OPENAI_API_KEY is not set or empty')")
        page.run("location.hash = '#/keys'")
        page.wait("document.querySelector('code')?.innerText === 'clients: {keys-file: keys.yaml}'")


def test_a_newcomer_gets_a_first_answer(
    chromium: str, axe: str, router: Router, provider: Authority
) -> None:
    with Page(chromium, 1200, 900) as page:
        page.go(f"{router.url}/dashboard/")
        page.click("a[href='#/setup']")
        page.fill("input[type=password]", "sk-wrong-0123456789")
        page.wait("document.querySelectorAll('form.stack option').length > 20")
        page.fill("form.stack select", "cline")
        page.click("form.stack button.main", "Test and add")
        page.wait("document.querySelector('.panel .notice.bad')")
        page.fill("input[type=password]", GOOD)
        page.click("form.stack button.main", "Test and add")
        page.wait("/cline.*2/.test(document.querySelector('.panel .notice.good')?.innerText)")
        page.wait("document.querySelector('.notice.warn')")
        own = router.directory / ".config" / "switchyard" / "config.yaml"
        assert GOOD in own.read_text() and oct(own.stat().st_mode)[-3:] == "600"
        page.click(".cards button", "Codex")
        shown = "document.querySelector('.snippet pre').innerText"
        page.wait(f"{shown}.endsWith('--model cline/coder-1 codex')")
        assert violations(page, axe) == []
        facts = json.loads(
            page.run(
                "JSON.stringify([...document.querySelectorAll('dd.mono')].map(e => e.innerText))"
            )
        )
        ask(facts[0], facts[2], facts[3])
        page.wait("document.querySelector('.notice.good')?.innerText.includes('codex')")
        assert not page.run(
            "document.body.dataset.hacked ?? document.querySelector('img')?.outerHTML"
        )


def ask(base: str, key: str, model: str) -> None:
    """What the tool does with what was pasted."""
    headers = {"authorization": f"Bearer {key}", "user-agent": "codex_cli_rs/0.99"}
    body = {"model": model, "messages": [{"role": "user", "content": "Well?"}]}
    answer = httpx2.post(
        f"{base}/chat/completions", json=body, headers=headers, timeout=60, trust_env=False
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["content"] == Answer().text

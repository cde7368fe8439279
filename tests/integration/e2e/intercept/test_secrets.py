"""A client's login goes nowhere but to its own provider, and hosts of nobody stay closed."""

import ssl
from collections.abc import Callable
from pathlib import Path

import httpx2

from tests.integration.e2e.intercept.world import ALONE
from tests.integration.e2e.intercept.world import CLAUDE
from tests.integration.e2e.intercept.world import OTHER
from tests.integration.e2e.intercept.world import OWN
from tests.integration.e2e.intercept.world import STRANGER
from tests.integration.e2e.intercept.world import World
from tests.integration.e2e.intercept.world import at
from tests.integration.e2e.intercept.world import post
from tests.integration.e2e.intercept.world import question
from tests.integration.e2e.intercept.world import route
from tests.integration.e2e.test_transport import trusting
from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import saying
from tests.support.steps import whole
from tests.support.tls import authority


def test_other_hosts_are_not_opened(world: World, token: str) -> None:
    """The client sees the certificate of the server itself."""
    world.home.on(None, whole(b"private"), path="/v1/messages")
    theirs = ssl.create_default_context()
    authority().configure_trust(theirs)
    with httpx2.Client(proxy=world.router.url, verify=theirs, trust_env=False) as client:
        answer = client.post(at(STRANGER, "/v1/messages"), json=question())
    assert answer.content == b"private"
    assert not [name for name in answer.headers if name.startswith("x-switchyard")]


def test_no_login_is_left_in_what_is_shown(world: World, token: str) -> None:
    world.home.on(None, saying(ANTHROPIC), path="/v1/messages")
    world.home.on(None, whole(b"{}"), path="/api/claude_cli/bootstrap")
    post(world, token)
    with world.client(token) as client:
        client.get(at(CLAUDE, "/api/claude_cli/bootstrap"), headers={"cookie": f"s={token}"})
    dump = (world.router.directory / "flows.mitm").read_bytes()
    assert token.encode() not in dump
    assert token not in world.router.log


ROUTER_KEY = "key-of-this-router-1"


def test_with_client_keys_the_proxy_is_shown_one(
    own_world: Callable[..., World], tmp_path: Path, token: str
) -> None:
    """Then the tool's own login stays free for its provider, and only then is it used."""
    it = own_world(
        {
            "clients": {"api-keys": [ROUTER_KEY]},
            "intercept": {CLAUDE: ["passthrough", "glm/glm-4.7"], ALONE: ["passthrough"]},
            "combos": {"own": ["passthrough"]},
        },
        *("-w", str(tmp_path / "flows.mitm")),
    )
    url = at(CLAUDE, "/v1/messages")
    home = it.home.on(None, always=saying(ANTHROPIC))
    it.other.on("glm-4.7", saying(CHAT, OTHER))
    with it.router:
        it.router.wait_logged("works only for clients that send their key to the proxy")
        proxy = it.router.url.replace("//", f"//any:{ROUTER_KEY}@")
        bearer = {"authorization": f"Bearer {token}"}
        with httpx2.Client(proxy=proxy, verify=trusting(it.router.ca), trust_env=False) as client:
            assert route(client.post(url, json=question(), headers=bearer)) == (OWN, "1")
        with it.client(token) as client:
            assert client.post(url, json=question()).status_code == 401
        with it.client(ROUTER_KEY) as client:
            assert route(client.post(url, json=question())) == ("glm", "1")
            refused = client.post(at(ALONE, "/v1/chat/completions"), json=question())
            assert refused.status_code == 400 and "HTTPS_PROXY" in refused.text
        direct = {"x-api-key": ROUTER_KEY}
        answer = httpx2.post(
            f"{it.router.url}/v1/messages", json=question("own"), headers=direct, trust_env=False
        )
        assert answer.status_code == 400 and "passthrough" in answer.text
    assert [request.key for request in home.requests] == [token]
    assert "proxy-authorization" not in home.requests[0].header_names()
    dump = (tmp_path / "flows.mitm").read_bytes()
    for secret in (token, ROUTER_KEY):
        assert secret.encode() not in dump and secret not in it.router.log

import httpx2
import pytest

from switchyard.accounts.callback import CallbackError
from switchyard.accounts.callback import listen

REDIRECT = "http://127.0.0.1:0/auth/callback"


def get(url: str) -> httpx2.Response:
    return httpx2.get(url, timeout=60, trust_env=False)


def test_the_callback_of_this_login_is_taken_once() -> None:
    with listen(REDIRECT, "st-1") as callback:
        assert callback.result(0.0) is None
        answer = get(f"{callback.url}?code=co-1&state=st-1&scope=x&iss=y")
        assert answer.status_code == 200 and "co-1" not in answer.text
        assert callback.result(60.0) == {"code": "co-1"}
        assert get(f"{callback.url}?code=co-2&state=st-1").status_code == 400
        assert callback.result(0.0) == {"code": "co-1"}


@pytest.mark.parametrize(
    "query",
    ["", "code=c", "code=c&state=other", "state=st-1", "code=c&code=d&state=st-1",
     "code=c&state=st-1&state=st-1", "code=&state=st-1"],
)  # fmt: skip
def test_what_is_no_callback_of_this_login(query: str) -> None:
    with listen(REDIRECT, "st-1") as callback:
        assert get(f"{callback.url}?{query}").status_code == 400
        assert (
            get(callback.url.replace("/auth", "/other") + "?code=c&state=st-1").status_code == 400
        )
        assert callback.result(0.0) is None


def test_an_error_is_brought_back_too() -> None:
    with listen(REDIRECT, "st-1") as callback:
        get(f"{callback.url}?error=access_denied&state=st-1")
        assert callback.result(60.0) == {"error": "access_denied"}


def test_a_port_that_is_taken_gives_the_remedy() -> None:
    with listen(REDIRECT, "st-1") as callback:
        with pytest.raises(CallbackError, match="or use --paste"), listen(callback.url, "st-2"):
            pass


def test_localhost_is_this_machine_alone() -> None:
    with listen("http://localhost:0/callback", "st-1") as callback:
        assert callback.url.startswith("http://localhost:")
        port = callback.url.split(":")[2].partition("/")[0]
        assert get(f"http://127.0.0.1:{port}/callback?code=c&state=st-1").status_code == 200

"""Names with several addresses, and Unix sockets, as the router in its process reaches them."""

import time
from collections.abc import Callable
from pathlib import Path

from tests.integration.egress.calls import ask
from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import saying
from tests.support.blackhole import black_hole
from tests.support.router import Router
from tests.support.upstream import Upstream

type Start = Callable[..., Router]

RESOLVING = str(Path(__file__).parents[2] / "support" / "resolving.py")


def test_a_name_with_a_dead_address(start_router: Start, upstream: Upstream) -> None:
    """It answers through the other one, and does not wait for the dead one's time to pass. How soon
    the next address is tried is seen in tests/unit/egress/test_dial.py."""
    upstream.on(always=saying(CHAT))
    port = upstream.port
    names = {
        "alive": f"http://127-0-0-1.test:{port}",
        "half": f"http://127-0-0-2.127-0-0-1.test:{port}",
        "dead": f"http://127-0-0-2.127-0-0-3.test:{port}",
    }
    router = start_router(
        {
            "providers": [
                {"name": name, "base-url": url, "timeouts": {"connect": within}}
                for (name, url), within in zip(names.items(), ("30s", "30s", "1s"), strict=True)
            ],
            "retry": {"request-retry": 0},
        },
        *("-s", RESOLVING),
    )
    took: dict[str, list[float]] = {"alive": [], "half": []}
    with black_hole("127.0.0.2", port), black_hole("127.0.0.3", port):
        for _ in range(5):
            for name, seconds in took.items():
                began = time.monotonic()
                assert GOOD in ask(router, f"{name}/m").text, router.log
                seconds.append(time.monotonic() - began)
        answer = ask(router, "dead/m")
        assert answer.status_code in (502, 504) and "no connection within 1 s" in answer.text
    cost = min(took["half"]) - min(took["alive"])
    assert cost < 10, took
    router.stop()
    assert "resolving: 127-0-0-2.127-0-0-1.test" in router.log


def test_a_server_on_a_unix_socket(start_router: Start, tmp_path: Path) -> None:
    path = tmp_path / "llm.sock"
    with Upstream(socket=path) as upstream:
        upstream.on(always=saying(CHAT))
        router = start_router(
            {
                "providers": [
                    {"name": "short", "base-url": f"unix:{path}"},
                    {
                        "name": "long",
                        "base-url": f"http+unix://{str(path).replace('/', '%2F')}/api/v3",
                    },
                    {"name": "gone", "base-url": f"unix:{path}.old", "host-header": "x.example"},
                ],
                "retry": {"request-retry": 0},
            },
            *("-w", str(tmp_path / "flows")),
            env={"ALL_PROXY": "http://127.0.0.1:9"},
        )
        for name in ("short", "long", "short"):
            assert GOOD in ask(router, f"{name}/m").text
        gone = ask(router, "gone/m")
        assert gone.status_code == 502 and f"the socket {path}.old" in gone.text
        paths = [request.path for request in upstream.requests]
        assert paths == ["/v1/chat/completions", "/api/v3/chat/completions", "/v1/chat/completions"]
        assert {request.header("host") for request in upstream.requests} == {"localhost"}
        router.stop()
        saved = (tmp_path / "flows").read_bytes()
        assert str(path).encode() in saved

"""`python -m tests.sizes [WORD]`: what each part costs at n, 2n and 4n, as a table.

With `--router` the parts of a request are sent to a router that runs, and the table tells how long
another client waits meanwhile.
"""

import argparse
import http.client
import json
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

from tests.sizes.cases import CASES
from tests.sizes.measure import growth
from tests.support.router import Router

CONFIG = {
    "providers": [{"name": "none", "base-url": "http://127.0.0.1:9/v1", "models": ["m"]}],
    "clients": {"api-keys": ["client-key-of-the-sizes"]},
}
KEY = b"Authorization: Bearer client-key-of-the-sizes\r\n"
POST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n" + KEY
GET = b"GET /v1/models HTTP/1.1\r\nHost: x\r\n"


def _post(body: bytes, more: bytes = b"") -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    return POST + b"Connection: close\r\n" + length + more + b"\r\n" + body


def _said(**more: object) -> bytes:
    messages = [{"role": "user", "content": "hi"}]
    return json.dumps({"model": "none/m", "messages": messages, **more}).encode()


RAW: dict[str, tuple[Callable[[int], bytes], int]] = {
    "query": (
        lambda n: (
            GET.replace(b"?", b"").replace(
                b"/v1/models", b"/v1/models?" + b"&".join(b"%d_token" % i for i in range(n))
            )
            + b"\r\n"
        ),
        400,
    ),
    "request line": (lambda n: GET.replace(b"/v1", b"/" + b"x" * n), 50_000),
    "header lines": (lambda n: GET + b"X-A: b\r\n" * n + b"\r\n", 50_000),
    "header name": (lambda n: GET + b"X" * n + b": b\r\n\r\n", 250_000),
    "header value": (lambda n: GET + b"X: " + b"b" * n + b"\r\n\r\n", 250_000),
    "folded lines": (lambda n: GET + b"X: b\r\n" + b" c\r\n" * n + b"\r\n", 50_000),
    "cookies": (lambda n: GET + b"Cookie: " + b"a=b; " * n + b"\r\n\r\n", 10_000),
    "blank lines": (lambda n: b"\r\n" * n + GET + b"\r\n", 100_000),
    "text": (lambda n: _post(_said(x="y" * n)), 1_000_000),
    "lists in lists": (lambda n: _post(b"[" * n), 250_000),
    "objects": (lambda n: _post(_said(x=[{}] * n)), 100_000),
    "turns": (lambda n: _post(_said(messages=[{"role": "user", "content": "hi"}] * n)), 2000),
    "body without a key": (
        lambda n: _post(b"x" * n).replace(KEY, b""),
        1_000_000,
    ),
}


def over_router(word: str) -> Iterator[str]:
    """A line a part: seconds until the answer, and what another client waited at most."""
    with tempfile.TemporaryDirectory() as folder, Router(Path(folder), CONFIG) as router:
        for name, (make, size) in RAW.items():
            if word not in name:
                continue
            told: list[str] = []
            for n in (size, 2 * size, 4 * size):
                took, waited = _disturbed(router.port, make(n))
                told.append(f"{took:8.3f} {waited:8.3f}")
            yield f"{name:24} {size:9}  {'   '.join(told)}"


def _disturbed(port: int, data: bytes) -> tuple[float, float]:
    over = threading.Event()
    waits: list[float] = [0.0]
    other = threading.Thread(target=_ask_on, args=(port, over, waits))
    other.start()
    began = time.monotonic()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=120) as client:
            try:
                client.sendall(data)
                client.recv(1 << 16)
            except ConnectionError:
                pass  # refused before it was all sent
    finally:
        took = time.monotonic() - began
        over.set()
        other.join()
    return took, max(waits)


def _ask_on(port: int, over: threading.Event, waits: list[float]) -> None:
    while True:
        began = time.monotonic()
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        client.request("GET", "/health")
        client.getresponse().read()
        client.close()
        waits.append(time.monotonic() - began)
        if over.wait(0.005):
            return


def in_process(word: str) -> Iterator[str]:
    """A line a part: milliseconds and KiB at n, 2n and 4n, and how the steps grow to 4n."""
    for name, (maker, size) in CASES.items():
        if word in name:
            found = growth(name, maker, size)
            costs = "   ".join(
                f"{cost.seconds * 1000:8.1f} {cost.memory / 1024:8.0f}" for cost in found.costs
            )
            mark = "  !" if found.faults() else ""
            yield f"{name:72} {size:5}  {costs}   x{found.steps():.1f}{mark}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.sizes", description=__doc__)
    parser.add_argument("word", nargs="?", default="", help="only parts with this in their name")
    parser.add_argument("--router", action="store_true", help="send them to a router that runs")
    asked = parser.parse_args()
    if asked.router:
        print(f"{'part':24} {'n':>9}  {'seconds, and what others waited, at n, 2n, 4n'}")
    else:
        print(f"{'part':72} {'n':>5}  ms and KiB at n, 2n, 4n; steps from n to 4n")
    for line in (over_router if asked.router else in_process)(asked.word):
        print(line, flush=True)


if __name__ == "__main__":
    main()

"""Programs beside a router that is measured: pages that are open, and clients at a steady rate.

`python -m tests.integration.dashboard.visitors pages URL KEY COUNT` does what so many open pages
do: each follows the events, and asks for today's usage at every tenth second. It prints a line once
all of them have begun, and ends with its standard input.

`python -m tests.integration.dashboard.visitors requests URL SECONDS RATE` sends so many requests a
second to the provider `fast`, and prints the milliseconds of each as JSON.
"""

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from http.client import HTTPResponse
from urllib.parse import urlencode
from urllib.parse import urlsplit

BASE = "/v0/management"
BODY = {"model": "fast/m", "messages": [{"role": "user", "content": "Well?"}]}

_AGAIN = 10.0
"""Seconds after which a page asks for today's usage again, on the clock: all pages at once."""
_CLIENTS = 4
_PIECE = 1 << 18


def connect(url: str) -> HTTPConnection:
    """Returns a connection to a router."""
    parts = urlsplit(url)
    return HTTPConnection(parts.hostname or "", parts.port, timeout=60)


def ask(connection: HTTPConnection, path: str, key: str) -> HTTPResponse:
    """Returns the head of an answer of the management API. Raises AssertionError for errors."""
    headers = {"authorization": f"Bearer {key}", "cache-control": "max-age=2"}
    connection.request("GET", f"{BASE}/{path}", headers=headers)
    answer = connection.getresponse()
    assert answer.status == 200, (path, answer.status)
    return answer


def follow(url: str, key: str, begun: threading.Barrier) -> None:
    """Reads the events; what they say is for pages with a screen."""
    with ask(connect(url), "events", key) as answer:
        answer.read1(_PIECE)
        begun.wait()
        while answer.read1(_PIECE):
            pass


def ask_again(url: str, key: str) -> None:
    """Asks for today's usage, as the first screen does while requests end."""
    connection = connect(url)
    since = int(time.time() // 86_400) * 86_400
    query = urlencode({"bucket": "day", "since": since, "tz": "Europe/Berlin"})
    while True:
        time.sleep(_AGAIN - time.time() % _AGAIN)
        ask(connection, f"usage?{query}", key).read()


def open_pages(url: str, key: str, count: int) -> None:
    """Opens so many pages, until standard input ends."""
    begun = threading.Barrier(count + 1)
    for _ in range(count):
        threading.Thread(target=follow, args=(url, key, begun), daemon=True).start()
        threading.Thread(target=ask_again, args=(url, key), daemon=True).start()
    begun.wait()
    print("open", flush=True)
    sys.stdin.read()


def send(url: str, seconds: float, pause: float) -> list[float]:
    """Sends a request each `pause` seconds; returns the milliseconds of each."""
    connection, body = connect(url), json.dumps(BODY)
    spent: list[float] = []
    begun = time.monotonic()
    while (now := time.monotonic()) < begun + seconds:
        headers = {"content-type": "application/json"}
        connection.request("POST", "/v1/chat/completions", body, headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        spent.append((time.monotonic() - now) * 1000)
        time.sleep(max(0.0, begun + len(spent) * pause - time.monotonic()))
    return spent


def send_steadily(url: str, seconds: float, rate: float) -> None:
    """Sends so many requests a second from several clients, and prints their milliseconds."""
    with ThreadPoolExecutor(_CLIENTS) as pool:
        found = pool.map(lambda _: send(url, seconds, _CLIENTS / rate), range(_CLIENTS))
        print(json.dumps([one for spent in found for one in spent]))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["pages", url, key, count]:
            open_pages(url, key, int(count))
        case ["requests", url, seconds, rate]:
            send_steadily(url, float(seconds), float(rate))
        case _:
            sys.exit(__doc__)

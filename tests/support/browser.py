"""A headless Chromium, driven by its DevTools protocol over one WebSocket."""

import base64
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from typing import Self
from urllib.request import Request
from urllib.request import urlopen

from websockets.sync.client import ClientConnection
from websockets.sync.client import connect

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_ALONE = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)
_WITHIN = 120.0


def find_chromium() -> str | None:
    """The browser's path; None where there is none."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


class Page:
    """One page of a browser of its own, which ends with it."""

    def __init__(self, chromium: str, width: int, height: int) -> None:
        self._chromium = chromium
        self._size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._number = 0

    def __enter__(self) -> Self:
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._open = ExitStack()
        self._process = subprocess.Popen(
            [self._chromium, *_ALONE, f"--user-data-dir={self._profile.name}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            # A connection by itself, or something to open one with: its library has changed.
            self._socket: ClientConnection = self._open.enter_context(self._connect())
            self.call("Page.enable")
            self.call("Emulation.setDeviceMetricsOverride", **self._size)
        except BaseException:
            self._process.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stderr
        self._process.stderr.close()
        self._profile.cleanup()

    @contextmanager
    def tab(self) -> Iterator[Self]:
        """Another window of the same browser, which has its cookies."""
        other = type(self)(self._chromium, self._size["width"], self._size["height"])
        made = self.call("Target.createTarget", url="about:blank", newWindow=True)["targetId"]
        place = f"ws://{self._address}/devtools/page/{made}"
        with connect(place, max_size=None, proxy=None) as other._socket:
            other.call("Page.enable")
            yield other

    def _new_page(self) -> str:
        made = Request(f"http://{self._address}/json/new?about:blank", method="PUT")
        with urlopen(made, timeout=_WITHIN) as answer:
            return json.load(answer)["webSocketDebuggerUrl"]

    def _connect(self) -> Any:
        assert self._process.stderr
        said = ""
        for line in self._process.stderr:
            said += line
            if found := re.search(r"DevTools listening on ws://([^/]+)/", line):
                break
        else:
            raise AssertionError(f"the browser did not start:\n{said}")
        self._address = found[1]
        return connect(self._new_page(), max_size=None, proxy=None)

    def call(self, method: str, **params: Any) -> Any:
        """The result of one command of the protocol."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            said = json.loads(self._socket.recv(timeout=_WITHIN))
            if said.get("id") == self._number:
                assert "error" not in said, said
                return said["result"]

    def go(self, url: str) -> None:
        self.call("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """The value of an expression of the page's, a promise's once it is kept."""
        result = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait(self, condition: str) -> Any:
        """The value of an expression once it is true; looked at whenever the page changes."""
        seconds = _WITHIN * 1000 - 5000
        try:
            return self.run(
                f"""new Promise((resolve, reject) => {{
                    const test = () => {{
                        const value = (() => {{ try {{ return {condition} }} catch {{}} }})();
                        if (value) {{ observer.disconnect(); resolve(value); }}
                        return value;
                    }};
                    const observer = new MutationObserver(test);
                    observer.observe(document, {{subtree: true, childList: true,
                                                 characterData: true, attributes: true}});
                    test();
                    setTimeout(() => reject(new Error("not in time")), {seconds});
                }})"""
            )
        except AssertionError as e:
            raise AssertionError(f"{condition}: {e}\n\nThe page:\n{self.text()}") from None

    def click(self, selector: str, text: str = "") -> None:
        """Click the first element that fits, once it is there."""
        found = (
            f"[...document.querySelectorAll({json.dumps(selector)})]"
            f".find(e => e.textContent.includes({json.dumps(text)}))"
        )
        self.wait(f"!!{found}")
        self.run(f"{found}.click()")

    def fill(self, selector: str, value: str) -> None:
        """Write into a field, once it is there, as somebody who types would."""
        found = f"document.querySelector({json.dumps(selector)})"
        self.wait(f"!!{found}")
        self.run(
            f"(field => {{ field.focus(); field.value = {json.dumps(value)};"
            " field.dispatchEvent(new Event('input', {bubbles: true}));"
            f" field.dispatchEvent(new Event('change', {{bubbles: true}})); }})({found})"
        )

    def text(self) -> str:
        """What can be read on the page."""
        return self.run("document.body.innerText").replace("\u00a0", " ")

    def picture(self, path: Path) -> None:
        shot = self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(shot["data"]))

"""Calls to a router, by clients that see no proxy of the machine's."""

from typing import Any

import httpx2

from tests.support.answers import CHAT
from tests.support.router import Router


def question(model: str, stream: bool = False) -> dict[str, Any]:
    said = [{"role": "user", "content": "Well?"}]
    return {"model": model, "messages": said, "max_tokens": 9, "stream": stream}


def ask(router: Router, model: str, stream: bool = False) -> httpx2.Response:
    with httpx2.Client(timeout=60, trust_env=False) as client:
        return client.post(f"{router.url}{CHAT.path}", json=question(model, stream))

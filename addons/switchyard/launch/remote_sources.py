"""Reads what another router tells by its API, for `scripts/import --url`."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

_MOST_PAGES = 1000
_PAGE = 100
_TIMEOUT = 30.0


class ImportTrouble(Exception):
    """What is wrong, in words for the user."""


def fetch_litellm_keys(url: str, master_key: str) -> list[object]:
    """Returns the keys that a LiteLLM proxy lists, page by page. Raises ImportTrouble."""
    keys: list[object] = []
    for page in range(1, _MOST_PAGES):
        query = f"/key/list?return_full_object=true&include_team_keys=true&page={page}&size=100"
        answer = _read(url, query, {"Authorization": f"Bearer {master_key}"}, "master key")
        listed = answer.get("keys")
        keys += listed if isinstance(listed, list) else []
        if not listed or page >= int(answer.get("total_pages") or 1):
            return keys
    return keys


def fetch_channels(source: str, url: str, token: str, user: str) -> dict[str, list[object]]:
    """Returns the channels and tokens of a new-api or one-api at an address.

    `token` is an administrator's access token, `user` that user's id, which new-api wants beside
    it. The answers have no keys of channels (new-api, `model/channel.go`, `GetAllChannels`); the
    members for them are left out. Raises ImportTrouble.
    """
    headers = {"Authorization": f"Bearer {token}", "New-Api-User": user}
    found: dict[str, list[object]] = {}
    for name, path in (("channels", "/api/channel/"), ("tokens", "/api/token/")):
        found[name] = [
            {member: value for member, value in one.items() if member != "key" or value}
            for one in _items(source, url, path, headers)
        ]
    return found


def _items(
    source: str, url: str, path: str, headers: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """Yields the items of a list; one-api counts its pages from 0, new-api from 1."""
    first, seen = (0 if source == "one-api" else 1), set[object]()
    for page in range(first, first + _MOST_PAGES):
        answer = _read(url, f"{path}?p={page}&page_size={_PAGE}", headers, "access token")
        if answer.get("success") is False:
            why = str(answer.get("message", ""))[:200]
            raise ImportTrouble(f"{url} refuses: {why}. Check the access token and the user's id")
        data = answer.get("data")
        listed = data.get("items") if isinstance(data, dict) else data
        rows = [one for one in listed or () if isinstance(one, dict) and one.get("id") not in seen]
        if not rows:
            return
        seen.update(one.get("id") for one in rows)
        yield from rows


def _read(url: str, path: str, headers: Mapping[str, str], secret: str) -> dict[str, Any]:
    """Returns the answer to a request. Raises ImportTrouble."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise ImportTrouble("--url is no http:// or https:// address. Write https://HOST")
    request = urllib.request.Request(url.rstrip("/") + path, headers=dict(headers))
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
            answer = json.load(response)
    except (OSError, ValueError, urllib.error.URLError) as error:
        status = getattr(error, "code", None)
        why = f"answered {status}" if status else "cannot be reached or read"
        raise ImportTrouble(f"{url} {why}. Check the address and the {secret}") from None
    return answer if isinstance(answer, dict) else {}

"""Sends the router's own small requests to providers, by the same egress.

httpx2 sends them. It is imported with the first request, in a thread: a router without such
requests does without it, and no client waits for the import.
"""

import asyncio
import importlib
import ipaddress
import socket
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.parse import urlunsplit

import certifi

from switchyard.config.provider import Provider
from switchyard.egress.egress import Egress
from switchyard.egress.egress import ProxyServer
from switchyard.egress.words import at_place
from switchyard.egress.words import cause_of

_MOST_BYTES = 32_000_000
_READ_WITHIN = 30.0


class FetchError(Exception):
    """Why a question got no answer, in words without URL parameters, headers or keys."""


async def fetch(
    url: str,
    headers: Iterable[tuple[str, str]],
    way: Egress | None,
    provider: Provider,
    trusted: str | None,
    content: bytes | None = None,
) -> bytes:
    """Return the body of the response to a GET, or to a POST of `content`.

    `trusted` is mitmproxy's file of CAs.

    Raises FetchError, for every status but 200 too. Redirects are not followed: keys go to no other
    host.
    """
    client = await asyncio.to_thread(importlib.import_module, "httpx2")
    context: _Context | bool = False
    if url.startswith("https:"):  # a context costs milliseconds
        context = await asyncio.to_thread(_tls_context, provider, trusted)
        context.server_name = provider.tls.server_name or urlsplit(url).hostname
    proxy = way.proxy if way is not None else None
    method = "GET" if content is None else "POST"
    try:
        if proxy is not None and proxy.scheme == "socks5":
            url = await _with_address(url)
        transport = client.AsyncHTTPTransport(
            verify=context,
            trust_env=False,
            proxy=_proxy(client, proxy, trusted) if proxy else None,
            uds=(way.socket or None) if way else None,
        )
        timeout = client.Timeout(_READ_WITHIN, connect=provider.timeouts.connect)
        async with (
            client.AsyncClient(transport=transport, timeout=timeout, trust_env=False) as asking,
            asking.stream(method, url, headers=list(headers), content=content) as answer,
        ):
            if answer.status_code != 200:
                raise FetchError(f"it answered {answer.status_code}")
            body = b""
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > _MOST_BYTES:
                    raise FetchError("its response is too long")
            return body
    except (client.HTTPError, client.InvalidURL, OSError) as e:
        through = f" through the proxy {proxy.label}" if proxy else ""
        place = urlsplit(url) if proxy is None else urlsplit(f"//{proxy.host}:{proxy.port}")
        raise FetchError(f"{_words(e, place.hostname or '', place.port)}{through}") from e


def _proxy(client: Any, proxy: ProxyServer, trusted: str | None) -> Any:
    host = f"[{proxy.host}]" if ":" in proxy.host else proxy.host
    auth = (proxy.username, proxy.password) if proxy.username or proxy.password else None
    # httpx lets every SOCKS proxy resolve names; `socks5` gets an address here.
    tls = ssl.create_default_context(cafile=trusted or certifi.where())
    return client.Proxy(
        f"{proxy.scheme}://{host}:{proxy.port}",
        auth=auth,
        ssl_context=tls if proxy.scheme == "https" else None,
    )


async def _with_address(url: str) -> str:
    """Return the URL with its host's address, preferably IPv4, in place of its name."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, parts.port, type=socket.SOCK_STREAM)
        found.sort(key=lambda one: one[0] != socket.AF_INET)
        address = str(found[0][4][0])
        bare = f"[{address}]" if ":" in address else address
        port = f":{parts.port}" if parts.port else ""
        return urlunsplit(parts._replace(netloc=bare + port))
    return url


class _Context(ssl.SSLContext):
    """Sends `server_name` and expects it, whatever the URL names.

    httpx has a setting for that which does not reach through proxies.
    """

    server_name: str | None = None

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        return super().wrap_bio(incoming, outgoing, server_side, self.server_name, session)


def _tls_context(provider: Provider, trusted: str | None) -> _Context:
    tls = provider.tls
    context = _Context(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(trusted or certifi.where())
    if tls.ca is not None:
        context.load_verify_locations(Path(tls.ca))
    if tls.client_cert is not None:
        context.load_cert_chain(tls.client_cert)
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _words(error: Exception, host: str, port: int | None) -> str:
    """An error without what may be part of a URL."""
    if (cause := cause_of(error)) is not None:
        return at_place(cause, host, port or 443)
    message = str(error)
    return message if message and "://" not in message else type(error).__name__

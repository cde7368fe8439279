"""Decides which requests reach the management API, by their heads alone.

One decision by the path as it was sent, made before anything is parsed: proxies and frameworks
disagree over encoded slashes and odd `Host` headers, and what they disagree over is refused.
"""

import hashlib
import hmac
import math
import re
from datetime import UTC
from datetime import datetime
from ipaddress import ip_address

from mitmproxy import http

from switchyard.clients.clients import Clients
from switchyard.clients.key_format import key_hash
from switchyard.clients.pages import is_our_name
from switchyard.config.client_keys import ClientKey
from switchyard.exchange.client_head import ClientHead
from switchyard.listener.addresses import comes_from_here
from switchyard.listener.addresses import is_loopback
from switchyard.listener.forwarded import FORWARDED
from switchyard.listener.forwarded import peer_of
from switchyard.management.caller import Caller
from switchyard.management.caller import ManagementRole
from switchyard.management.refusals import Barred
from switchyard.runtime.snapshot import Snapshot
from switchyard.runtime.snapshots import Snapshots

KEY_HEADER = "x-management-key"
MANAGER = "management"
"""The label of whoever has the management key."""

_ODD = re.compile(r"%(?:2f|5c|2e|25|00|0a|0d)|\\|//|;|/\.{1,2}(?:/|$)", re.IGNORECASE)
"""What programs read differently in a path."""
_SECRET_PAGES = re.compile(r"/v0/management(?:/|$)")
_PORTS = {"http": "80", "https": "443"}
_ORIGIN = re.compile(r"(https?)://([^/?#@\s]+)", re.IGNORECASE)
_OFF = "There is no such page here."


class ManagementGuard:
    """Admits callers by address, host, origin and key."""

    def __init__(self, snapshots: Snapshots, clients: Clients) -> None:
        self._snapshots = snapshots
        self._clients = clients

    def admit(self, flow: http.HTTPFlow, head: ClientHead) -> Caller:
        """Returns the caller of a request, whose `head` is as the client sent it.

        Raises Barred.
        """
        snapshot, path = self._snapshots.current, head.path.partition("?")[0]
        if _ODD.search(path):
            raise Barred(404, _OFF)
        is_here = comes_from_here(peer_of(flow)) and not _is_forwarded(head)
        if not is_on(snapshot):
            return self._own_page(flow, head, snapshot, is_here)
        if not is_here and not snapshot.config.management.allow_remote:
            detail = "The management API is for this machine alone (management.allow-remote)."
            raise Barred(403, detail)
        self._check_page(flow, head, snapshot)
        peer = _peer(flow)
        given = _given(head)
        if given is None:
            return Caller(peer=peer)
        return _holder(snapshot, given, peer)

    def _own_page(
        self, flow: http.HTTPFlow, head: ClientHead, snapshot: Snapshot, is_here: bool
    ) -> Caller:
        """Returns the caller where no key is set: a page of the dashboard on this machine."""
        if not is_here or snapshot.client_keys:
            raise Barred(404, _OFF)
        host = self._clients.host_of(flow)
        if host is None or not is_loopback(_name(host)):
            raise Barred(404, _OFF)
        self._check_page(flow, head, snapshot)
        return Caller(peer=_peer(flow), is_own_page=True)

    def _check_page(self, flow: http.HTTPFlow, head: ClientHead, snapshot: Snapshot) -> None:
        """Raises Barred for a host name that is not ours, and for another origin's page."""
        host = self._clients.host_of(flow)
        if host is not None and not is_our_name(host, snapshot.config.clients.host_names):
            detail = "The router does not answer to this host name (clients.host-names)."
            raise Barred(403, detail)
        headers = head.headers
        origin = headers.get("origin")
        if origin is not None and not _is_same(origin, host):
            raise Barred(403, "Pages of other origins may not use the management API.")
        site = headers.get("sec-fetch-site", "none").strip().lower()
        if site in ("none", "same-origin"):
            return
        opened = headers.get("sec-fetch-mode", "").strip().lower() == "navigate"
        if not opened or _SECRET_PAGES.match(head.path.partition("?")[0]):
            raise Barred(403, "Pages of other sites may not use the management API.")


def is_on(snapshot: Snapshot) -> bool:
    """Whether any key opens the management API."""
    return snapshot.config.management.has_key or any(
        key.role != "client" for key in snapshot.client_keys
    )


def holder_in_force(snapshot: Snapshot, holder: str) -> Caller | None:
    """Returns the holder of a session with the present rights; None once its key is gone."""
    if holder == "page":
        # A session without a key ends as soon as any key is asked for.
        if is_on(snapshot) or snapshot.client_keys:
            return None
        return Caller(peer="", who="dashboard", holder=holder, role="admin")
    if holder == _print_of_manager(snapshot):
        return Caller(peer="", who=MANAGER, holder=holder, role="admin")
    for key in snapshot.client_keys:
        if holder == _print_of_client(key) and _may_call(key, ""):
            ends = key.expires.timestamp() if key.expires is not None else math.inf
            return Caller(peer="", who=key.label, holder=holder, role=_role(key), expires=ends)
    return None


def _holder(snapshot: Snapshot, given: str, peer: str) -> Caller:
    settings, digest = snapshot.config.management, key_hash(given)
    wanted = settings.key_hash or ""
    if settings.key is not None:
        wanted = key_hash(settings.key.get_secret_value())
    if wanted and hmac.compare_digest(digest, wanted):
        holder = _print_of_manager(snapshot)
        return Caller(peer=peer, who=MANAGER, holder=holder, role="admin")
    client = snapshot.client_key(given)
    if client is None:
        raise Barred(401, "The key is not a management key of this router.", wrong_key=True)
    if client.role == "client" or not _may_call(client, peer):
        raise Barred(403, "This client key may not use the management API (role).")
    return Caller(peer=peer, who=client.label, holder=_print_of_client(client), role=_role(client))


def _role(key: ClientKey) -> ManagementRole:
    return "admin" if key.role == "admin" else "viewer"


def _may_call(key: ClientKey, peer: str) -> bool:
    """Whether a client key is in force, at an address if one is given."""
    if key.role == "client" or key.blocked:
        return False
    if key.expires is not None and datetime.now(UTC) >= key.expires:
        return False
    if not peer or not key.addresses:
        return True
    address = ip_address(peer.partition("%")[0])
    return any(address in network for network in key.addresses)


def _print_of_manager(snapshot: Snapshot) -> str:
    settings = snapshot.config.management
    if settings.key is not None:
        return _print("management", key_hash(settings.key.get_secret_value()))
    return _print("management", settings.key_hash) if settings.key_hash else ""


def _print_of_client(key: ClientKey) -> str:
    stored = key_hash(key.key.get_secret_value()) if key.key is not None else key.key_hash
    return _print("client", stored or "")


def _print(kind: str, stored: str) -> str:
    """Returns a fingerprint that cannot be sent as a key: a hash of the key's hash."""
    return f"{kind}:{hashlib.sha256(stored.encode()).hexdigest()[:32]}"


def _given(head: ClientHead) -> str | None:
    """Returns the key of a request; None without one. Raises Barred for another scheme."""
    if key := head.headers.get(KEY_HEADER, "").strip():
        return key
    scheme, _, token = head.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return None


def _peer(flow: http.HTTPFlow) -> str:
    peername = peer_of(flow).peername
    return peername[0] if peername else ""


def _is_forwarded(head: ClientHead) -> bool:
    return any(name in head.headers for name in FORWARDED)


def _name(host: str) -> str:
    """Returns the name in a `Host` header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower().removesuffix(".")


def _is_same(origin: str, host: str | None) -> bool:
    """Whether a page's origin is the address that the request was sent to."""
    found = _ORIGIN.fullmatch(origin.strip())
    if found is None or host is None:
        return False
    scheme, netloc = found[1].lower(), found[2].lower()
    return _with_port(netloc, scheme) == _with_port(host.strip().lower(), scheme)


def _with_port(netloc: str, scheme: str) -> str:
    has_port = ":" in netloc.rpartition("]")[2]
    return netloc if has_port else f"{netloc}:{_PORTS[scheme]}"

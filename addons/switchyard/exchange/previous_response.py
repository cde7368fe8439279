"""Responses requests that go on from an earlier answer, where the router keeps the conversation.

A provider that speaks another format keeps no answers, so what it answered is kept here, by the
answer's id and the client. A later request that names such an answer, or an item of
it, gets the conversation in place of the name before anything else is done with it. What is not
kept is left as it is: a provider that speaks Responses may know it.
"""

import hashlib

from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.exchange import Call
from switchyard.state.conversations import Conversations
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.jsonio import loads
from switchyard.wire.formats.openai_responses.history import expand
from switchyard.wire.formats.openai_responses.history import input_items
from switchyard.wire.formats.openai_responses.history import resolve
from switchyard.wire.relay.relay import Relay


def expand_previous_response(
    kept: Conversations, call: Call, connection: bytes | None = None
) -> JsonObject:
    """The request's body with what it names in full; the same object if nothing changes.

    `connection` owns what was said on the client's WebSocket, if it has one.
    """
    body = call.body
    if not call.format.stored_responses:
        return body
    owners = [owner_of(call)]
    if connection is not None:
        owners.insert(0, connection)
    before = body.get("previous_response_id")
    if isinstance(before, str):
        found = (kept.get(owner, before) for owner in owners)
        if (data := next((data for data in found if data is not None), None)) is not None:
            body = expand(body, loads(data))

    def find(id: str) -> JsonObject | None:
        found = (kept.with_item(owner, id) for owner in owners)
        data = next((data for data in found if data is not None), None)
        items = loads(data) if data is not None else []
        return next((item for item in items if item.get("id") == id), None)

    return resolve(body, find)


def keep(kept: Conversations, state: AttemptState) -> None:
    """Keeps the conversation of an attempt that was answered completely by a translation, unless
    the client said `store: false`."""
    call, relay = state.call, state.relay
    if not call.format.stored_responses or call.body.get("store") is False:
        return
    if not isinstance(relay, Relay):
        return
    if relay.upstream.stored_responses and not state.summarises:
        return
    response = relay.response
    if response is None and relay.body:
        response = loads(relay.body)
    if not response or not isinstance(id := response.get("id"), str):
        return
    output = response["output"]
    ids = [item["id"] for item in output if isinstance(item.get("id"), str)]
    data = dumps([*input_items(call.body), *output])
    kept.put(owner_of(call), id, data, ids)


def owner_of(call: Call) -> bytes:
    """Whose conversations are whose: a hash of the client key that the request was admitted with.
    Where none is asked for, of the credential it came with."""
    kind, secret = b"client", call.client.key if call.client is not None else None
    if secret is None:
        kind, secret = b"credential", call.credential
    text = secret.get_secret_value() if secret is not None else ""
    return hashlib.sha256(kind + b"\0" + text.encode("utf-8", "surrogateescape")).digest()

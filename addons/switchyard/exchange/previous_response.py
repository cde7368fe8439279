"""Expands Responses requests that continue an earlier response kept by the router.

A provider that speaks another format stores no responses, so the router keeps them, by response id
and client. A later request that refers to such a response, or to an item of it, gets the
conversation in place of the reference before anything else reads it. An unknown reference stays
unchanged: a provider that speaks Responses may know it.
"""

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
    """Returns the request's body with its references replaced by what they refer to.

    Returns the same object if nothing changes. `connection` owns the conversations of the client's
    WebSocket, if it has one.
    """
    body = call.body
    if not call.format.stored_responses:
        return body
    owners = [call.owner]
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
    """Keeps the conversation of an attempt that a translation answered completely.

    Does nothing if the client set `store: false`.
    """
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
    kept.put(call.owner, id, data, ids)

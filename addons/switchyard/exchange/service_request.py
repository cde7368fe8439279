"""Reads a request that only a provider understands, for its model alone."""

import time
from secrets import token_hex
from urllib.parse import unquote_plus

from mitmproxy import http
from pydantic import SecretStr

from switchyard.config.client_keys import ClientKey
from switchyard.config.limits import Limits
from switchyard.exchange.body import decoded_body
from switchyard.exchange.body import parse_body
from switchyard.exchange.client_head import ClientHead
from switchyard.exchange.exchange import Call
from switchyard.redaction.headers import is_credential
from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.format import Asked
from switchyard.wire.format import Endpoint
from switchyard.wire.operations.service import ServiceBody
from switchyard.wire.operations.service import ServiceCall
from switchyard.wire.operations.stored_response import PATH as RESPONSES
from switchyard.wire.operations.stored_response import StoredResponse


def read_service(
    flow: http.HTTPFlow,
    head: ClientHead,
    endpoint: Endpoint,
    limits: Limits,
    credential: SecretStr | None,
    client: ClientKey | None,
) -> Call:
    """Returns the call of a service; without a model, `model` is the service's name.

    A body declared as JSON must be JSON. Raises Refused.
    """
    body = _body_of(flow.request, head, limits)
    query = _without_credentials(head.path.partition("?")[2])
    kind = StoredResponse if endpoint.method.startswith(RESPONSES) else ServiceCall
    service = kind(endpoint.format, endpoint.method, query, flow.request.method, body)
    model = endpoint.model or body.model
    now = int(time.time())
    return Call(
        flow=flow,
        head=head,
        endpoint=endpoint,
        raw=body.raw,
        parsed=body.parsed,
        body=body.parsed,
        model=model or service.service,
        streams=False,
        asked=Asked(model=model, id=token_hex(16), created=now),
        started=time.monotonic(),
        credential=credential,
        client=client,
        operation=service,
    )


def _body_of(request: http.Request, head: ClientHead, limits: Limits) -> ServiceBody:
    raw = decoded_body(request, limits)
    content_type = head.headers.get("content-type", "")
    is_json = "json" in content_type.lower() and "jsonl" not in content_type.lower()
    parsed = parse_body(raw, limits) if raw and is_json else EMPTY
    return ServiceBody(raw, content_type, parsed)


def _without_credentials(query: str) -> str:
    """Returns the query without the client's credentials, which are for the router."""
    return "&".join(pair for pair in query.split("&") if not _is_credential(pair))


def _is_credential(pair: str) -> bool:
    name = unquote_plus(pair.partition("=")[0]).strip().lower()
    return name == "key" or is_credential(name)

"""Answers other requests to the router's own address: health, models, refusals."""

import asyncio
import time
from collections.abc import Awaitable

from mitmproxy import http

from switchyard.accounts.accounts import Accounts
from switchyard.clients.clients import Clients
from switchyard.clients.spare_plans import may_answer
from switchyard.clients.spare_plans import takes_any_provider
from switchyard.config.client_keys import ClientKey
from switchyard.exchange.body import is_large
from switchyard.exchange.body import read_body
from switchyard.exchange.classification import Classifier
from switchyard.exchange.endpoints import format_of_client
from switchyard.exchange.guard import Refused
from switchyard.exchange.guard import guarded
from switchyard.exchange.guard import is_over
from switchyard.exchange.guard import on_request
from switchyard.exchange.model_name import check_name
from switchyard.exchange.registry import Exchanges
from switchyard.exchange.responses import error_response
from switchyard.exchange.responses import for_method
from switchyard.exchange.responses import json_response
from switchyard.management.key_report import key_report
from switchyard.management.provider_status import provider_status
from switchyard.management.sharing_status import sharing_status
from switchyard.management.usage_report import usage_report
from switchyard.recording.request_record import name_of_key
from switchyard.routing.catalog import Catalog
from switchyard.routing.catalog import ModelName
from switchyard.routing.catalog import UnknownModel
from switchyard.runtime.snapshots import Snapshots
from switchyard.runtime.state import State
from switchyard.runtime.usage_rules import place_of
from switchyard.runtime.usage_rules import plans_of
from switchyard.usage.ledger import Ledger
from switchyard.wire.format import Format
from switchyard.wire.formats.ollama.show import show
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.model_list import ModelEntry

OLLAMA_VERSION = "0.12.0"
"""The version of Ollama's API that the router implements.

Its clients request it to know which features they may use.
"""


class Management:
    """Answers every request to the router's own address that is no call to a model."""

    def __init__(
        self,
        snapshots: Snapshots,
        requests: Classifier,
        clients: Clients,
        exchanges: Exchanges,
        state: State,
        ledger: Ledger,
        accounts: Accounts,
    ) -> None:
        self._snapshots = snapshots
        self._requests = requests
        self._clients = clients
        self._exchanges = exchanges
        self._state = state
        self._ledger = ledger
        self._accounts = accounts

    @guarded
    @on_request
    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        if self._exchanges.get(flow) is not None:
            return None  # nearly all requests
        asked = self._requests.of(flow)
        if not asked.is_own:
            return None
        endpoint = asked.endpoint
        kind = endpoint.kind if endpoint else None
        if kind == "management":
            return None  # `ManagementApi` forwards it
        if kind == "health":
            answer = json_response(200, self._health())
        elif kind == "ready":
            answer = self._ready()
        elif kind == "version":
            answer = json_response(200, {"version": OLLAMA_VERSION})
        elif kind == "loaded":
            answer = json_response(200, {"models": []})  # none runs here
        elif kind == "status":
            config, health = self._snapshots.current.config, self._state.health
            windows = self._ledger.windows
            self._accounts.show_interest()
            status = provider_status(config, health, windows, self._accounts)
            status["state"] = sharing_status(self._state.shared.health)
            answer = json_response(200, status)
        elif kind == "usage":
            return self._usage(flow)
        elif kind == "me":
            return self._me(flow)
        elif kind == "greeting":
            answer = json_response(200, {"name": "switchyard", "status": "ok"})
        elif kind == "show":
            answer = self._show(flow)
        elif kind == "model" and endpoint and endpoint.model:
            answer = self._model(flow, endpoint.format, endpoint.model)
        elif kind == "models" and endpoint:
            answer = json_response(200, endpoint.format.write_models(self._models(flow)))
        else:
            answer = error_response(format_of_client(flow.request), _not_here(flow.request))
        flow.response = for_method(answer, flow.request.method)
        return None

    async def _usage(self, flow: http.HTTPFlow) -> None:
        """Reports the usage of the flow's client key; without client keys, that of all."""
        config = self._snapshots.current.config
        client, place = self._clients.client_of(flow), place_of(config)
        name = name_of_key(client) if client is not None else None
        report = await asyncio.to_thread(
            usage_report, place, flow.request.path, name, plans_of(config)
        )
        if not is_over(flow):
            flow.response = for_method(json_response(200, report), flow.request.method)

    async def _me(self, flow: http.HTTPFlow) -> None:
        """Reports to the flow's client key what it may use, and what is left."""
        snapshot = self._snapshots.current
        client, place = self._clients.client_of(flow), place_of(snapshot.config)
        folder = place.folder if place is not None else None
        report = await key_report(client, snapshot, self._state.shared, folder)
        if not is_over(flow):
            flow.response = for_method(json_response(200, report), flow.request.method)

    def _health(self) -> dict[str, object]:
        snapshot = self._snapshots.current
        return {
            "status": "ok",
            "providers": len(snapshot.config.providers),
            "models": len(snapshot.catalog.names()),
            "running": len(self._exchanges),
            "uptime": round(time.monotonic() - self._state.started, 3),
        }

    def _ready(self) -> http.Response:
        """Whether the router wants new requests, for what distributes them over several."""
        if self._state.draining:
            return json_response(503, {"status": "draining", "running": len(self._exchanges)})
        return json_response(200, {"status": "ready"})

    def _model(self, flow: http.HTTPFlow, format: Format, asked: str) -> http.Response:
        entry = next((one for one in self._models(flow) if one.id == asked), None)
        if entry is None:
            return error_response(format, _unknown(asked))
        listed = format.write_models([entry])
        return json_response(200, (listed.get("data") or listed["models"])[0])

    def _show(self, flow: http.HTTPFlow) -> http.Response:
        """Answers Ollama's `/api/show`. Its clients add `:latest` to a name without a tag."""
        if is_large(flow.request):
            message = "The request's body is too large: it has only to name a model."
            raise Refused(ApiError(message=message, kind="too_large"))
        _, body = read_body(flow.request, self._snapshots.current.config.limits)
        asked = body.get("model") or body.get("name")
        if not isinstance(asked, str):
            raise Refused(
                ApiError(message="'model' must name a model", kind="invalid_request", param="model")
            )
        check_name(asked)
        bare = asked.removesuffix(":latest")
        entry = next((one for one in self._models(flow) if one.id in (asked, bare)), None)
        return json_response(200, show(entry or self._unlisted(flow, bare)))

    def _unlisted(self, flow: http.HTTPFlow, asked: str) -> ModelEntry:
        """Returns a model that exists without being listed. Raises Refused if none does."""
        client = self._clients.client_of(flow)
        try:
            plan = self._snapshots.current.catalog.resolve(asked, client.models if client else None)
        except UnknownModel as e:
            raise Refused(ApiError(message=str(e), kind="not_found")) from None
        first = plan.targets[0]
        return ModelEntry(
            id=asked,
            owner=first.provider.name,
            created=self._state.created,
            context_window=first.context_window,
        )

    def _models(self, flow: http.HTTPFlow) -> list[ModelEntry]:
        """Returns the models that the flow's client may use."""
        client = self._clients.client_of(flow)
        return [
            ModelEntry(
                id=name.name,
                owner=name.owner,
                created=self._state.created,
                context_window=name.context_window,
            )
            for name in _names(self._snapshots.current.catalog, client)
        ]


def _names(catalog: Catalog, client: ClientKey | None) -> list[ModelName]:
    """The names that a key may ask for, and that one of its providers answers."""
    if client is None:
        return catalog.names()
    names = catalog.names(client.models)
    if takes_any_provider(client):
        return names
    return [
        name
        for name in names
        if any(may_answer(one, client) for one in catalog.resolve(name.name).targets)
    ]


def _unknown(asked: str) -> ApiError:
    return ApiError(
        message=f"There is no model {asked!r}. GET /v1/models lists all models.",
        kind="not_found",
        code="model_not_found",
    )


def _not_here(request: http.Request) -> ApiError:
    path = request.path.partition("?")[0]
    return ApiError(
        message=f"Switchyard serves no {request.method} {path}. Try POST /v1/chat/completions, "
        "/v1/responses, /v1/messages, /api/chat or GET /v1/models; docs/clients.md has all.",
        kind="not_found",
    )

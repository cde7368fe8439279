"""Resolves a model's name to a plan: the ordered targets of a request."""

import asyncio
from collections.abc import Awaitable

from mitmproxy import http

from switchyard.attempt.adjustments import Adjustments
from switchyard.attempt.compaction import has_own
from switchyard.attempt.operations import check_plan
from switchyard.clients.clients import Clients
from switchyard.clients.holders import ask
from switchyard.clients.rights import hidden_model
from switchyard.clients.rights import is_restricted
from switchyard.clients.rights import refused_model
from switchyard.exchange.classification import Classifier
from switchyard.exchange.exchange import Exchange
from switchyard.exchange.guard import Refused
from switchyard.exchange.guard import guarded
from switchyard.exchange.guard import is_over
from switchyard.exchange.model_name import check_name
from switchyard.exchange.registry import Exchanges
from switchyard.failover.control import FailoverControl
from switchyard.routing.catalog import ModelNotAllowed
from switchyard.routing.catalog import UnknownModel
from switchyard.routing.plans import Plan
from switchyard.routing.services import NoSuchProvider
from switchyard.routing.services import service_plan
from switchyard.runtime.snapshots import Snapshots
from switchyard.runtime.state import State
from switchyard.state.proofs import Proofs
from switchyard.usage.ledger import Ledger
from switchyard.values.globs import Globs
from switchyard.wire.model.errors import ApiError
from switchyard.wire.operations.service import ServiceCall
from switchyard.wire.operations.stored_response import StoredResponse

PROVIDER_HEADER = "x-switchyard-provider"
"""The header that names the provider of a request that is no call to a model."""


class Routing:
    """Resolves the model of every exchange, and passes its flow to the failover layer."""

    def __init__(
        self,
        snapshots: Snapshots,
        requests: Classifier,
        clients: Clients,
        exchanges: Exchanges,
        failover: FailoverControl,
        state: State,
        ledger: Ledger,
    ) -> None:
        self._snapshots = snapshots
        self._requests = requests
        self._clients = clients
        self._exchanges = exchanges
        self._failover = failover
        self._state = state
        self._ledger = ledger

    @guarded
    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        exchange = self._exchanges.get(flow)
        if exchange is None or flow.response:
            return None
        if isinstance(exchange.call.operation, StoredResponse):
            return self._route_stored(flow, exchange, exchange.call.operation)
        self._route(flow, exchange)
        return None

    async def _route_stored(
        self, flow: http.HTTPFlow, exchange: Exchange, stored: StoredResponse
    ) -> None:
        """Routes the request for a response to who made it, as far as that is known."""
        runs, owner = self._ledger.runs, exchange.call.owner
        exchange.run = await asyncio.to_thread(runs.find, stored.id, owner)
        if not is_over(flow):
            self._route(flow, exchange)

    def _route(self, flow: http.HTTPFlow, exchange: Exchange) -> None:
        client = self._clients.client_of(flow)
        allowed = client.models if client else None
        operation = exchange.call.operation
        try:
            if isinstance(operation, ServiceCall):
                plan = self._service_plan(exchange, operation, allowed)
            else:
                check_name(exchange.call.model)
                plan = self._plan(exchange, allowed)
        except UnknownModel as e:
            hides = client is not None and client.hide
            contact = self._snapshots.current.config.clients.contact
            raise (hidden_model(e.name) if hides else _refused(e, contact)) from None
        except NoSuchProvider as e:
            raise Refused(ApiError(message=str(e), kind="not_found")) from None
        plan = able_to_read(exchange, self._settled(exchange, plan))
        if exchange.call.compaction is not None and exchange.call.compaction.closed:
            adjustments = self._snapshots.current.adjustments
            plan = able_to_open(exchange, plan, adjustments, self._state.proofs)
        exchange.plan = plan
        if operation is not None:
            check_plan(operation, exchange.plan)
        self._failover.route(flow)

    def _plan(self, exchange: Exchange, allowed: Globs | None) -> Plan:
        """Returns the plan for the client's host if `intercept` names it, else by model.

        At the router's own address names take precedence; an unknown name goes to the home of the
        client's format. Raises UnknownModel and ModelNotAllowed.
        """
        flow, model = exchange.call.flow, exchange.call.model
        catalog = self._snapshots.current.catalog
        if not self._requests.of(flow).is_own:
            host, port = flow.request.pretty_host, flow.request.port
            if (plan := catalog.intercepted(host, port, model)) is not None:
                catalog.check_allowed(model, allowed)
                return plan
            return catalog.resolve(model, allowed)
        try:
            return catalog.resolve(model, allowed)
        except ModelNotAllowed:
            raise
        except UnknownModel:
            home = exchange.call.origin
            plan = catalog.intercepted(home.host, home.port, model) if home else None
            if plan is None:
                raise
            catalog.check_allowed(model, allowed)
            return plan

    def _service_plan(
        self, exchange: Exchange, service: ServiceCall, allowed: Globs | None
    ) -> Plan:
        """Returns the plan for the request's model, else for its provider.

        Raises UnknownModel, ModelNotAllowed and NoSuchProvider.
        """
        call, config = exchange.call, self._snapshots.current.config
        model = call.endpoint.model or service.body.model
        named = call.head.headers.get(PROVIDER_HEADER, ""), call.endpoint.provider
        if (run := exchange.run) is not None:
            return service_plan(config, service.service, service.formats, (run.provider,))
        if model and not any(named):
            check_name(model)
            try:
                return self._plan(exchange, allowed)
            except ModelNotAllowed:
                raise
            except UnknownModel:
                if config.service_provider is None:
                    raise
        if allowed is not None and is_restricted(allowed):
            # Files and batches may ask for any model.
            raise refused_model("a request to a provider itself", "path")
        return service_plan(config, service.service, service.formats, named, model)

    def _settled(self, exchange: Exchange, plan: Plan) -> Plan:
        """Returns the plan with the client's destination for its passthrough.

        Raises Refused if there is no destination and no other target.
        """
        if not plan.passes_through:
            return plan
        origin, provider = exchange.call.origin, None
        if origin is not None:
            passthroughs = self._snapshots.current.passthroughs
            provider = passthroughs.provider(origin, exchange.call.format.name)
        settled = plan.through(provider, exchange.call.model)
        if not settled.members:
            raise Refused(_leads_nowhere(exchange, self._clients.has_own_login(exchange.call.flow)))
        return settled


def _refused(error: UnknownModel, contact: str) -> Refused:
    """Returns the refusal of a name that leads nowhere, or not for the client's key.

    The latter names `contact`, whom to ask for more.
    """
    if isinstance(error, ModelNotAllowed):
        message = ask(str(error), contact)
        told = ApiError(message=message, kind="permission", code="model_not_allowed", param="model")
        return Refused(told, {"x-should-retry": "false"})
    return Refused(
        ApiError(message=str(error), kind="not_found", code="model_not_found", param="model")
    )


def able_to_read(exchange: Exchange, plan: Plan) -> Plan:
    """Returns the plan without the targets that could not see the whole prompt.

    The provider of a Gemini request with `cachedContent` (Gemini API, "Context caching") has the
    prompt's beginning. Raises Refused if no target is left.
    """
    call, format = exchange.call, exchange.call.format
    if call.operation is not None:
        return plan
    kept = format.kept_prompt(format.unwrap(call.body))
    if kept is None:
        return plan
    able = plan.speaking({format.provider_format, format.name})
    if able.members:
        return able
    raise Refused(
        ApiError(
            message=f"No provider of model {call.model!r} speaks {format.title}'s format, which "
            f"{kept!r} needs. Send the whole prompt, or choose a {format.title} provider's model.",
            kind="invalid_request",
            param=kept,
        )
    )


def able_to_open(exchange: Exchange, plan: Plan, adjustments: Adjustments, proofs: Proofs) -> Plan:
    """Returns the plan without targets that cannot open the history's compaction item.

    The item is encrypted for its maker, and replaces all earlier turns. If the maker is known and
    has targets in the plan, only those stay; else all that compact. Raises Refused if no target is
    left.
    """
    call = exchange.call
    assert call.compaction is not None
    needs = f"{call.format.name} compaction"
    able = plan.where(lambda one: has_own(call, one, adjustments.compacts(one)), needs)
    if maker := proofs.maker(call.owner, call.compaction.closed):
        own = able.where(lambda one: adjustments.maker(one) == maker, f"{needs} of {maker}")
        able = own if own.members else able
    if able.members:
        return able
    raise Refused(
        ApiError(
            message=f"No provider of model {call.model!r} can open the compaction item in 'input': "
            "it is encrypted for its maker. Ask a model of that provider.",
            kind="invalid_request",
            code="invalid_encrypted_content",
            param="input",
        )
    )


def _leads_nowhere(exchange: Exchange, own_login: bool) -> ApiError:
    """Returns the refusal of a request that only its own destination could answer."""
    if own_login:
        why = (
            f"the router knows no host for format {exchange.call.format.name}. Call that "
            "provider's host, with the router as proxy (HTTPS_PROXY)."
        )
    else:
        why = (
            "rejects the router's key. Set HTTPS_PROXY=http://any:KEY@host:port "
            "and send the provider's login with the call."
        )
    return ApiError(
        message=f"Only the client's own provider ('passthrough') serves model "
        f"{exchange.call.model!r}, but {why}",
        kind="invalid_request",
        code="no_destination",
        param="model",
    )

"""Model name -> plan: the ordered targets of a request."""

from mitmproxy import http

from addons.asides import check_plan
from addons.guard import Refused
from addons.guard import guarded
from addons.policy.catalog import ModelNotAllowed
from addons.policy.catalog import UnknownModel
from addons.runtime import Runtime
from addons.wire.errors import ApiError


class Routing:
    """Resolves the model of every exchange, and hands its flow to the failover stream."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    @guarded
    def request(self, flow: http.HTTPFlow) -> None:
        exchange = self._runtime.exchanges.get(flow)
        if exchange is None or flow.response:
            return
        client = self._runtime.exchanges.client_of(flow)
        allowed = client.models if client else None
        try:
            exchange.plan = self._runtime.catalog.resolve(exchange.model, allowed)
        except ModelNotAllowed as e:
            raise Refused(
                ApiError(message=str(e), kind="permission", code="model_not_allowed", param="model")
            ) from None
        except UnknownModel as e:
            raise Refused(
                ApiError(message=str(e), kind="not_found", code="model_not_found", param="model")
            ) from None
        if exchange.aside is not None:
            check_plan(exchange.aside, exchange.plan)
        self._runtime.failover.route(flow)

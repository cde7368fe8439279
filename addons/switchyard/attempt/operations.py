"""Runs calls that are no conversation (`wire.operations`) through the pipeline."""

from dataclasses import dataclass

from mitmproxy import http

from switchyard.attempt.compaction import counted
from switchyard.attempt.headers import route_headers
from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.exchange import Exchange
from switchyard.exchange.guard import Refused
from switchyard.exchange.responses import json_response
from switchyard.routing.plans import Plan
from switchyard.routing.routes import can_serve
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.format import Endpoint
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.operations.compaction import Compacting
from switchyard.wire.operations.count_tokens import Calibration
from switchyard.wire.operations.count_tokens import Counting
from switchyard.wire.operations.count_tokens import estimate
from switchyard.wire.operations.embeddings import Embedding
from switchyard.wire.operations.operation import Operation

ESTIMATE = "x-switchyard-estimate"
"""The header of an answer that no provider gave."""


def make_operation(
    endpoint: Endpoint, body: JsonObject, model: str, calibration: Calibration
) -> Operation | None:
    """Returns the operation of an endpoint; None for a conversation.

    `body` and `model` are the client's.
    """
    match endpoint.kind:
        case "count":
            return Counting(endpoint.format, counted(endpoint.format, body), calibration)
        case "embed":
            return Embedding(endpoint.format, endpoint.method, body, model)
        case "compact":
            return Compacting(endpoint.format, body)
    return None


def check_plan(operation: Operation, plan: Plan) -> None:
    """Checks that a provider of the plan, or the router itself, can answer.

    Raises Refused otherwise.
    """
    if not operation.needs_provider:
        return
    if any(can_serve(target, operation) for target in plan.targets):
        return
    speaks = ", ".join(sorted(operation.formats))
    raise Refused(
        ApiError(
            message=f"No provider of model {plan.name!r} speaks a format with {operation.service} "
            f"({speaks}). Choose a model of another provider.",
            kind="invalid_request",
            param="model",
        )
    )


def estimated(exchange: Exchange) -> http.Response | None:
    """Returns the router's own answer if no provider gave one.

    None if the router has none, or a provider rejected the request as wrong. Raises BadRequest.
    """
    operation, plan = exchange.call.operation, exchange.plan
    if operation is None or plan is None:
        return None
    if any(failure.record.cls in ("request", "context-length") for failure in exchange.failures):
        return None
    model = next((target.model for target in plan.targets if target.model), exchange.call.model)
    body = operation.estimate(model)
    if body is None:
        return None
    return json_response(200, body, {**dict(route_headers(exchange)), ESTIMATE: "true"})


@dataclass(frozen=True, slots=True)
class Learning:
    """Corrects token estimates by the counts that providers report."""

    calibration: Calibration

    def look(self, state: AttemptState, told: int, now: float) -> None:
        """Compares an estimate with `told`, the provider's count for the whole prompt.

        `now` is in seconds of the monotonic clock.
        """
        if state.call.operation is not None:
            return
        model = state.target.model
        if not told or not self.calibration.wants(model, now):
            return
        try:
            guessed = estimate(state.call.conversation, model)
        except BadRequest:
            return
        self.calibration.observe(model, guessed, told, now)

"""Explains which plan a model's name leads to, and which targets it could use now."""

import time

from switchyard.config.client_keys import ClientKey
from switchyard.policy.health import Health
from switchyard.policy.route import Member
from switchyard.policy.route import Target
from switchyard.routing.catalog import Catalog
from switchyard.routing.catalog import UnknownModel
from switchyard.routing.routes import Routes
from switchyard.wire.encoding.jsonio import JsonObject


def explain(
    catalog: Catalog, routes: Routes, model: str, client: ClientKey | None, health: Health | None
) -> JsonObject:
    """Returns the plan of a name for a client key, and why; nothing is asked of a provider.

    Without `health`, nothing is known of cooldowns. Raises UnknownModel.
    """
    try:
        plan = catalog.resolve(model, client.models if client is not None else None)
    except UnknownModel:
        plan = catalog.resolve(model)  # raises for a name that leads nowhere
        assert client is not None
        reason = f"The client key {client.label!r} may not ask for this model (models)."
        return {"model": model, "rule": plan.rule, "allowed": False, "reason": reason}
    route = routes.of(plan, None)
    now = time.monotonic()
    members = [_member(one, health, now) for one in route.members]
    usable = [
        f"{target['provider']}/{target['model']}"
        for member in members
        for target in member["targets"]
        if any(one["usable"] for one in target["credentials"])
    ]
    return {
        "model": model,
        "allowed": True,
        "kind": plan.kind,
        "rule": plan.rule,
        "strategy": plan.strategy,
        "members": members,
        "usable": usable,
        "reason": _reason(plan.rule, plan.strategy, usable),
    }


def _reason(rule: str, strategy: str, usable: list[str]) -> str:
    if not usable:
        return f"By {rule}; no target may be tried now."
    if strategy == "fill-first":
        return f"By {rule}; {usable[0]} comes first of what may be tried now."
    return f"By {rule}; {strategy} chooses among {len(usable)} that may be tried now."


def _member(member: Member, health: Health | None, now: float) -> JsonObject:
    targets = [_target(one, health, now) for one in member.targets]
    return {"member": member.id, "strategy": member.strategy, "targets": targets}


def _target(target: Target, health: Health | None, now: float) -> JsonObject:
    return {
        "provider": target.provider,
        "model": target.model,
        "strategy": target.strategy,
        "context_window": target.context_window,
        "credentials": [
            _credential(target, index, health, now) for index in range(len(target.credentials))
        ],
    }


def _credential(target: Target, index: int, health: Health | None, now: float) -> JsonObject:
    credential = target.credentials[index]
    key = target.key(credential)
    standing = health.state(key, now) if health is not None else None
    return {
        "id": credential.id,
        "usable": standing is None or standing.usable,
        "state": standing.state if standing is not None else "unknown",
        "returns_in": (
            round(max(0.0, standing.returns - now), 3)
            if standing is not None and not standing.usable
            else None
        ),
        "in_flight": health.target_in_flight(key) if health is not None else None,
        "weight": credential.weight,
        "priority": credential.priority,
    }

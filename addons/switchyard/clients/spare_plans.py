"""Which members of a plan may answer a key: those of its providers; over budget, the free ones."""

from switchyard.clients.holders import ask
from switchyard.clients.key_rules import KeyRule
from switchyard.clients.plan_prices import PlanPrices
from switchyard.clients.rights import hidden_model
from switchyard.config.client_keys import ClientKey
from switchyard.config.fields import PASSTHROUGH
from switchyard.exchange.exchange import Exchange
from switchyard.exchange.guard import Refused
from switchyard.routing.catalog import Catalog
from switchyard.routing.catalog import UnknownModel
from switchyard.routing.plans import ModelTarget
from switchyard.routing.plans import Plan
from switchyard.state.shared.protocol import Denied
from switchyard.wire.model.errors import ApiError

FREE_MEMBERS = "free-members"
REFUSE = "refuse"

_FINAL = {"x-should-retry": "false"}


def allowed_plan(plan: Plan, client: ClientKey, contact: str = "") -> Plan:
    """Returns a plan with the members of a key's providers.

    Raises Refused if there are none, with `contact` as whom to ask for more.
    """
    if takes_any_provider(client):
        return plan
    found = plan.where(lambda target: may_answer(target, client), "a provider of the key")
    if found.members:
        return found
    if client.hide:
        raise hidden_model(plan.name)
    message = f"No provider that this key may use serves the model {plan.name[:80]!r}."
    code, told = "provider_not_allowed", ask(message, contact)
    error = ApiError(message=told, kind="permission", code=code, param="model")
    raise Refused(error, _FINAL)


def takes_any_provider(client: ClientKey) -> bool:
    """Whether every provider may answer a key."""
    return "*" in client.providers.patterns


def may_answer(target: ModelTarget, client: ClientKey) -> bool:
    """Whether a target's provider may answer a key; `passthrough` names clients' own."""
    if target.kind == PASSTHROUGH and client.providers.matches(PASSTHROUGH):
        return True
    return client.providers.matches(target.provider.name)


def _may_stand_in(target: ModelTarget, client: ClientKey | None) -> bool:
    """Whether a target may answer in place of what a key over its budget asked for."""
    if target.kind == PASSTHROUGH:
        return False
    return client is None or may_answer(target, client)


def spare_plan(
    exchange: Exchange, rule: KeyRule, denied: Denied, catalog: Catalog, prices: PlanPrices
) -> Plan | None:
    """Returns where a call over its budget may go on; None if it is to be refused."""
    plan, kinds = exchange.plan, {one.standing.limit.kind for one in denied.exceeded}
    if plan is None or kinds != {"money"}:
        return None
    mode = rule.client.over_budget if rule.client is not None else FREE_MEMBERS
    if mode == REFUSE:
        return None
    if mode == FREE_MEMBERS:
        secret = exchange.call.credential
        credential = secret.get_secret_value() if secret is not None else None
        found = plan.where(lambda target: prices.is_free(target, credential), FREE_MEMBERS)
        return found if found.members else None
    try:
        other = catalog.resolve(mode)
    except UnknownModel:
        return None
    found = other.where(lambda target: _may_stand_in(target, rule.client), mode)
    return found if found.members else None

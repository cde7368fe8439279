"""Chooses the provider of a request that names no model which is known."""

from collections.abc import Iterable
from collections.abc import Set

from switchyard.config.provider import Provider
from switchyard.config.schema import Config
from switchyard.routing.plans import ModelTarget
from switchyard.routing.plans import Plan
from switchyard.routing.plans import Pool

GENERIC = frozenset({"openai", "codex", "api"})
"""What base URLs begin with whoever the provider is."""


class NoSuchProvider(LookupError):
    """No provider can be asked; the text says which were looked at."""


def service_plan(
    config: Config, service: str, formats: Set[str], named: Iterable[str], model: str = ""
) -> Plan:
    """Return the plan for a service of one provider, which is asked for `model`, if any.

    That is the first of `named` (names or prefixes of providers) that is not empty, else
    `service-provider`, else the first provider of the file that speaks one of `formats`. What it
    keeps (files, batches) no other has, so there is no other to fall back to. Raises
    NoSuchProvider.
    """
    able = [one for one in config.providers if formats & {*one.formats} and one.platform is None]
    for name in (*named, config.service_provider or ""):
        if not name:
            continue
        found = next((one for one in able if name in (one.name, one.prefix)), None)
        if found is not None:
            return _plan_of(found, service, model)
        if name not in GENERIC:
            speaks = ", ".join(sorted(formats))
            raise NoSuchProvider(f"There is no provider {name[:80]!r} that speaks {speaks}.")
    if not able:
        speaks = ", ".join(sorted(formats))
        raise NoSuchProvider(f"No provider speaks a format that has this service: {speaks}.")
    return _plan_of(able[0], service, model)


def _plan_of(provider: Provider, service: str, model: str) -> Plan:
    name = f"{provider.name} {service}"
    target = ModelTarget(provider=provider, model=model)
    pool = Pool(name=provider.name, targets=(target,))
    rule = f"service {service} {model}".rstrip()
    return Plan(name=name, base=name, kind="model", rule=rule, members=(pool,))

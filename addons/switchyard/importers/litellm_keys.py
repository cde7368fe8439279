"""Adds LiteLLM's virtual keys to a draft, as `GET /key/list?return_full_object=true` lists them.

LiteLLM stores the SHA-256 of a key in hexadecimal digits (litellm/proxy/utils.py, `hash_token`), so
that the holders of keys keep them.
"""

import re

from switchyard.importers.draft import Draft
from switchyard.importers.members import SourceMembers

_HASH = re.compile(r"[0-9a-f]{64}")
_PERIODS = {
    "1d": "day", "24h": "day", "7d": "week", "1w": "week", "30d": "month", "1mo": "month",
    "": "total",
}  # fmt: skip
_ALL_MODELS = {"all-proxy-models", "all-team-models"}


def add_litellm_keys(draft: Draft, listed: SourceMembers) -> None:
    """Adds the keys of `GET /key/list?return_full_object=true`, by their hashes."""
    for key in listed.records("keys"):
        _add_client_key(draft, key)
    for name in ("total_count", "current_page", "total_pages", "size", "page"):
        listed.take(name)


def _add_client_key(draft: Draft, key: SourceMembers) -> None:
    stored = key.text("token")
    if not _HASH.fullmatch(stored):
        key.leave_all("has no hash that the router could compare")
        return
    client: dict[str, object] = {"key-hash": f"sha256:{stored}"}
    label = key.text("key_alias") or key.text("key_name") or stored[:8]
    client["name"] = _unique(draft, label)
    key.take("key_name")
    if models := [one for one in key.texts("models") if one not in _ALL_MODELS]:
        client["models"] = models
    limits = {
        unit: f"{amount}/m"
        for unit, name in (("requests", "rpm_limit"), ("tokens", "tpm_limit"))
        if (amount := key.whole(name))
    }
    if limits:
        client["limits"] = limits
    if (budget := key.number("max_budget")) is not None:
        client["budgets"] = {_period(key.text("budget_duration")): f"{budget:g} USD"}
    if concurrency := key.whole("max_parallel_requests"):
        client["concurrency"] = concurrency
    if expires := key.text("expires"):
        client["expires"] = expires
    if key.flag("blocked"):
        client["blocked"] = True
    draft.client_keys.append(client)
    key.leave("only describes the key", "created_at", "updated_at", "created_by", "updated_by",
              "metadata", "key_type", "last_active")  # fmt: skip
    key.leave("what was spent before the import does not count", "spend", "budget_reset_at",
              "soft_budget", "model_spend", "model_max_budget")  # fmt: skip
    key.leave("teams and users are no part of the new file; give keys a `policies` entry",
              "user_id", "team_id", "organization_id", "project_id", "budget_id")  # fmt: skip
    key.leave("has no counterpart", "aliases", "config", "permissions", "tags", "allowed_routes",
              "allowed_cache_controls", "guardrails", "object_permission", "router_settings",
              "auto_rotate", "rotation_count", "rotation_interval")  # fmt: skip


def _unique(draft: Draft, label: str) -> str:
    names = {one.get("name") for one in draft.client_keys}
    count, name = 1, label
    while name in names:
        count += 1
        name = f"{label}-{count}"
    return name


def _period(duration: str) -> str:
    """Returns the period of a budget that LiteLLM writes as `30d`; a month for any other."""
    return _PERIODS.get(duration, "month")

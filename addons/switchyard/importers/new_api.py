"""Drafts a configuration from one-api or new-api: their SQLite database, or lists of their API.

The shapes are those of the tables `channels` and `tokens` (new-api, `model/channel.go` and
`model/token.go`), and of the answers of `GET /api/channel/`, which have the same members.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC
from datetime import datetime

from switchyard.importers.channel_types import NEW_API
from switchyard.importers.channel_types import ONE_API
from switchyard.importers.channel_types import ChannelType
from switchyard.importers.draft import Draft
from switchyard.importers.draft import DraftKey
from switchyard.importers.draft import headers_of
from switchyard.importers.draft import key_entry
from switchyard.importers.members import SourceMembers
from switchyard.importers.members import values_of
from switchyard.importers.secret_names import DraftSecret
from switchyard.importers.secret_names import DraftVariable

_ENABLED = 1
_OTHER = re.compile(r"[^A-Z0-9]+")
_UNITS_A_DOLLAR = 500_000
"""Units of quota for a US dollar (new-api, `common/constants.go`, QuotaPerUnit)."""
_DESCRIBES = ("id", "created_time", "test_time", "response_time", "balance", "other_info",
              "balance_updated_time", "used_quota", "test_model", "tag", "remark", "auto_ban",
              "need_reconcile", "user_id", "accessed_time", "deleted_at")  # fmt: skip


def draft_one_api(root: SourceMembers) -> Draft:
    """Returns the draft of one-api's channels and tokens."""
    return _draft(root, ONE_API)


def draft_new_api(root: SourceMembers) -> Draft:
    """Returns the draft of new-api's channels and tokens."""
    return _draft(root, NEW_API)


def _draft(root: SourceMembers, types: Mapping[int, ChannelType]) -> Draft:
    draft = Draft(root.report)
    ranks: dict[str, list[tuple[int, str]]] = {}
    for channel in _channels(root):
        _add_channel(draft, channel, types, ranks)
    for name, ranked in ranks.items():
        draft.main_models.append(name)
        if len({priority for priority, _member in ranked}) > 1:
            members = [member for _rank, member in sorted(ranked, key=lambda one: -one[0])]
            draft.add_combo(name, members)
    for token in root.records("tokens"):
        _add_token(draft, token)
    root.leave("belongs to users, payment and groups, which the router has not", "users",
               "abilities", "redemptions", "top_ups", "user_subscriptions",
               "subscription_plans", "midjourneys", "tasks", "quota_data", "passkey_credentials",
               "two_fas", "two_fa_backup_codes", "checkins", "custom_oauth_providers",
               "user_oauth_bindings", "vendors", "models", "prefill_groups",
               "setups", "subscription_orders")  # fmt: skip
    root.leave("records of requests stay where they are", "logs")
    root.leave("settings of the whole site are not taken over", "options")
    for name in ("success", "message"):
        root.take(name)
    return draft


def _channels(root: SourceMembers) -> list[SourceMembers]:
    """Returns the channels: a table, or the answer of the API in its two forms."""
    if "data" not in root:
        return root.records("channels")
    if isinstance(root.take("data"), list):
        return root.records("data")
    data = root.record("data")
    for name in ("total", "page", "page_size", "type_counts"):
        data.take(name)
    return data.records("items")


def _add_channel(
    draft: Draft,
    channel: SourceMembers,
    types: Mapping[int, ChannelType],
    ranks: dict[str, list[tuple[int, str]]],
) -> None:
    channel.take("id")
    number = channel.whole("type")
    kind = types.get(number or 0)
    url = channel.text("base_url")
    if channel.whole("status") not in (None, _ENABLED):
        channel.leave_all("is disabled")
        return
    if kind is None or not (url or kind.preset or kind.url):
        channel.leave_all(f"is of type {number}, which has no counterpart, or has no base_url")
        return
    wanted = channel.text("name", kind.name)
    models, names = _models(channel)
    info = _inner(channel, "channel_info")
    own = _inner(channel, "header_override")
    headers = dict(values_of(own))
    if organization := channel.text("openai_organization"):
        headers["OpenAI-Organization"] = organization
    url = f"{(url or kind.url).rstrip('/')}{kind.path}" if url or kind.url else ""
    name = draft.add_provider(
        wanted,
        f"{channel.path} {wanted}",
        url=url,
        preset=kind.preset,
        format=kind.format,
        keys=_entries(channel, info, wanted),
        models=models,
        headers=headers_of(headers, wanted, draft.report, channel.at("header_override")),
    )
    priority = channel.whole("priority") or 0
    for model in names:
        ranks.setdefault(model, []).append((priority, f"{name}/{model}"))
    _read_rest(draft, channel, names)


def _models(channel: SourceMembers) -> tuple[list[object], list[str]]:
    """Returns entries of `models`, and the names they are asked for by."""
    names = [one.strip() for one in channel.text("models").split(",") if one.strip()]
    mapping = dict(values_of(_inner(channel, "model_mapping")))
    entries: list[object] = []
    for name in names:
        target = mapping.pop(name, name)
        entries.append(name if target == name else {"name": target, "alias": name})
    for name, target in mapping.items():
        entries.append({"name": target, "alias": name})
        names.append(name)
    return entries, names


def _entries(channel: SourceMembers, info: SourceMembers, wanted: str) -> list[DraftKey]:
    """Returns entries of its keys; of a channel whose key is not told, one of a variable."""
    if "key" in channel:
        keys = _keys(channel, info)
        return [key_entry(DraftSecret(key, f"{wanted} api key")) for key in keys]
    name = f"{_OTHER.sub('_', wanted.upper()).strip('_') or 'CHANNEL'}_API_KEY"
    variable = f"_{name}" if name[0].isdigit() else name
    channel.note("key", f"is in no answer of its API: set the variable {variable}")
    _keys(channel, info)
    return [key_entry(DraftVariable(variable))]


def _keys(channel: SourceMembers, info: SourceMembers) -> list[str]:
    text = channel.text("key")
    many = info.flag("is_multi_key")
    states = info.record("multi_key_status_list")
    off = {name: states.whole(name) for name in states.names() if name.isdigit()}
    info.leave("only describes the keys", "multi_key_size", "multi_key_polling_index",
               "multi_key_mode", "multi_key_disabled_reason",
               "multi_key_disabled_time")  # fmt: skip
    keys = [one.strip() for one in text.splitlines() if one.strip()] if many else [text]
    found = [key for index, key in enumerate(keys) if off.get(str(index), _ENABLED) == _ENABLED]
    return [key for key in found if key]


def _inner(channel: SourceMembers, name: str) -> SourceMembers:
    """Returns the members of an object that is written as JSON text, or as it is."""
    value = channel.take(name)
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except ValueError:
            channel.drop("is no JSON", name)
            value = {}
    if value and not isinstance(value, dict):
        channel.drop("is no mapping", name)
    return channel.inner(value if isinstance(value, dict) else {}, channel.at(name))


def _read_rest(draft: Draft, channel: SourceMembers, names: list[str]) -> None:
    override = _inner(channel, "param_override")
    if "operations" in override:
        override.leave_all("is a list of operations; write rules of `payload` instead")
    elif params := {name: override.take(name) for name in override.names()}:
        draft.add_rule("override", {"models": names, "params": params})
    if channel.whole("weight"):
        channel.drop("channels of the same priority take turns evenly", "weight")
    if channel.text("group") not in ("", "default"):
        channel.drop("groups are `policies` of client keys here", "group")
    for name in ("setting", "settings"):
        more = _inner(channel, name)
        if proxy := more.text("proxy"):
            provider = draft.providers[-1]
            secret = DraftSecret(proxy, f"{provider['name']} proxy url")
            provider["proxy-url"] = secret if "@" in proxy else proxy
        more.leave("has no counterpart", "force_format", "thinking_to_content",
                   "pass_through_body_enabled", "system_prompt", "system_prompt_override",
                   "azure_responses_version", "vertex_key_type", "openrouter_enterprise",
                   "allow_service_tier", "disable_store", "allow_safety_identifier",
                   "aws_key_type", "claude_beta_query")  # fmt: skip
    channel.leave("what a status means belongs to `errors` of a provider", "status_code_mapping")
    channel.leave("belongs to some types of channels alone", "other", "config", "system_prompt")
    channel.leave("only describes the channel", *_DESCRIBES)


def _add_token(draft: Draft, token: SourceMembers) -> None:
    token.take("id")
    text = token.text("key")
    if not text or "*" in text:
        token.leave_all("has no key that could be read")
        return
    label = token.text("name", "imported")
    taken = {one["name"] for one in draft.client_keys}
    name, count = label, 1
    while name in taken:
        count += 1
        name = f"{label}-{count}"
    key = text if text.startswith("sk-") else f"sk-{text}"
    client: dict[str, object] = {"key": DraftSecret(key, f"client key {name}"), "name": name}
    if (status := token.whole("status")) not in (None, _ENABLED):
        client["blocked"] = True
        token.note("status", f"is {status}: the key is blocked")
    expires = token.whole("expired_time")
    if expires is not None and expires > 0:
        client["expires"] = datetime.fromtimestamp(expires, UTC).isoformat()
    models = [one.strip() for one in token.text("model_limits", "").split(",") if one.strip()]
    models = models or [one.strip() for one in token.text("models").split(",") if one.strip()]
    if token.flag("model_limits_enabled", usual=True) and models:
        client["models"] = models
    addresses = (token.text("allow_ips") or token.text("subnet")).replace(",", " ").split()
    if addresses:
        client["addresses"] = addresses
    units = token.whole("remain_quota") or 0
    if not token.flag("unlimited_quota"):
        client["budgets"] = {"total": f"{max(units, 0) / _UNITS_A_DOLLAR:.4f} USD"}
    draft.client_keys.append(client)
    if token.text("group") not in ("", "default"):
        token.drop("groups are `policies` of client keys here", "group")
    token.leave("has no counterpart", "cross_group_retry", "billing_type")
    token.leave("only describes the token", *_DESCRIBES)

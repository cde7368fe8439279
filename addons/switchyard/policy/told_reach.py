"""Reads how far a refusal for want of quota reaches, where the provider says it.

Google's `QuotaFailure` names the quota ("...PerProjectPerModel-FreeTier") and the model, OpenAI and
Groq the model in words ("Rate limit reached for gpt-4o in organization org-..."), Anthropic's
headers the window of a subscription, which is of all models or of one family.
"""

import re
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from switchyard.policy.failures import Scope

_CLAIM = "anthropic-ratelimit-unified-representative-claim"
_STATUS = "anthropic-ratelimit-unified-status"
_OF_ALL = ("five_hour", "seven_day")
"""Windows of a Claude subscription that count for all models; others name a family."""

_OF_A_MODEL = re.compile(
    r"\b(?:rate )?limit reached for (?:model )?[`'\"]?[\w./:-]+[`'\"]? (?:in|on) \w+"
    r"|\bfor (?:this|the) model\b|\bmodel: ?[`'\"]?[\w./-]+|\bper[ _-]?(?:base[ _-]?)?model\b"
    r"|\b(?:opus|sonnet|haiku|fable|mythos)\b[^.\n]{0,40}\blimit"
    r"|\blimit\b[^.\n]{0,40}\b(?:opus|sonnet|haiku|fable|mythos)\b"
    r"|\bfree-models-per-(?:day|min)",
    re.IGNORECASE,
)
_PER_MODEL = re.compile(r"per[_-]?(?:base[_-]?)?model", re.IGNORECASE)
_MODELS = ("model", "base_model")
_LONGEST_MESSAGE = 2000


def told_reach(body: Any, message: str, headers: Mapping[str, str]) -> Scope | None:
    """Return what a refusal names as used up: `target` or `key`; None where it does not say.

    In: the error body as JSON; its message; the response's headers by lower-case name. A text makes
    the reach smaller only, since a client may have written what it quotes.
    """
    if headers.get(_STATUS) == "rejected" and (claim := headers.get(_CLAIM)):
        return "key" if claim in _OF_ALL else "target"
    quotas = [_is_of_a_model(quota) for quota in quotas_of(body)]
    if quotas:
        return "target" if all(quotas) else "key"
    return "target" if _OF_A_MODEL.search(message[:_LONGEST_MESSAGE]) else None


def quotas_of(body: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the quotas that an error of Google's names (google.rpc.QuotaFailure, ErrorInfo)."""
    body = body[0] if isinstance(body, list) and body else body
    error = body.get("error") if isinstance(body, Mapping) else None
    details = error.get("details") if isinstance(error, Mapping) else None
    for detail in details if isinstance(details, list) else ():
        if not isinstance(detail, Mapping):
            continue
        violations = detail.get("violations")
        for violation in violations if isinstance(violations, list) else ():
            if isinstance(violation, Mapping) and ("quotaId" in violation or _dimension(violation)):
                yield violation
        metadata = detail.get("metadata")
        if isinstance(metadata, Mapping) and "quota_limit" in metadata:
            yield {"quotaId": metadata["quota_limit"], "quotaDimensions": metadata}


def is_daily(quota: Mapping[str, Any]) -> bool:
    """Whether a quota is one of a day, by its id."""
    return "perday" in str(quota.get("quotaId", "")).lower().replace("_", "")


def _is_of_a_model(quota: Mapping[str, Any]) -> bool:
    named = f"{quota.get('quotaId', '')} {quota.get('quotaMetric', '')}"
    return _PER_MODEL.search(named) is not None or _dimension(quota)


def _dimension(quota: Mapping[str, Any]) -> bool:
    dimensions = quota.get("quotaDimensions")
    return isinstance(dimensions, Mapping) and any(dimensions.get(name) for name in _MODELS)

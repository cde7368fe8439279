"""Applies the last changes to a provider's request: quirks and payload rules."""

import re

from mitmproxy import http

from switchyard.config.provider import Provider
from switchyard.config.provider import QuirkSettings
from switchyard.config.schema import Config
from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.http_messages import clean_value
from switchyard.exchange.sessions import cache_key_of
from switchyard.exchange.sessions import find_session
from switchyard.exchange.shortfall import Shortfall
from switchyard.routing.payload import HeaderChange
from switchyard.routing.payload import PayloadRequest
from switchyard.routing.payload import PayloadRules
from switchyard.routing.plans import ModelTarget
from switchyard.routing.profiles import demand_of
from switchyard.routing.profiles import maker_of
from switchyard.routing.profiles import quirks_of
from switchyard.values.records import altered
from switchyard.values.records import record
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.gemini.tools import with_openapi_schemas
from switchyard.wire.registry import PROVIDER_FORMATS
from switchyard.wire.shared.instructed import with_instruction
from switchyard.wire.shared.server_tools import Dialect
from switchyard.wire.translate.cache_marks import LEAST
from switchyard.wire.translate.cache_marks import with_marks
from switchyard.wire.translate.chat_templates import fit_template
from switchyard.wire.translate.initiator import initiator_of
from switchyard.wire.translate.limits import limits_said
from switchyard.wire.translate.own_types import with_known_types
from switchyard.wire.translate.quirks import apply_quirks
from switchyard.wire.translate.quirks import cannot_be_off
from switchyard.wire.translate.quirks import refused_members
from switchyard.wire.translate.thinking_back import Demand

_KEYED = ("openai-responses", "openai-chat")
"""Formats that have `prompt_cache_key`."""

_MOST_MODELS = 4096
"""Models whose quirks are remembered at most: a provider without a model list takes any name."""


@record()
class Adjusted:
    """One request as it leaves for a provider."""

    body: JsonObject
    changes: list[HeaderChange]
    """What becomes of the headers."""
    shortfall: Shortfall


class Adjustments:
    """The quirks and payload rules of one configuration.

    A request that no rule matches costs one lookup.
    """

    def __init__(self, config: Config) -> None:
        self._payload = PayloadRules(config.payload)
        self._quirks: dict[tuple[str, str], tuple[Provider, QuirkSettings | None]] = {}
        self._last: tuple[ModelTarget | None, QuirkSettings | None] = None, None

    def apply(self, state: AttemptState, body: JsonObject) -> Adjusted:
        """Returns the body as it leaves for the provider, and the changes to its headers.

        Returns `body` itself if nothing changes. Members that the upstream would refuse are
        removed, and reported to the client as dropped, or carried out by the router.
        """
        assert state.upstream_format
        target, format, shortfall = state.target, state.upstream_format.name, state.untranslated
        if (quirks := self._quirks_of(target)) is not None:
            refused = refused_members(body, format, quirks)
            if quirks.json_schema is False and format == "gemini":
                body = with_openapi_schemas(body)
            elif quirks.json_schema is False or "response_format" in refused:
                told = with_instruction(body, format)
                if told is not body:
                    shortfall = altered(shortfall, instructed=True)
                if "response_format" in refused and told is not body:
                    refused.remove("response_format")
                body = told
            if refused:
                limits, kept = limits_said(body, refused)
                dropped = *shortfall.dropped, *(name for name in refused if name not in kept)
                limits = shortfall.limits.joined(limits)
                shortfall = altered(shortfall, dropped=dropped, limits=limits)
            if format == "anthropic" and cannot_be_off(body, quirks):
                shortfall = altered(shortfall, dropped=(*shortfall.dropped, "thinking"))
            body, left_out = with_known_types(body, format, quirks)
            if left_out:
                dropped = tuple(sorted({*shortfall.dropped, "server-tools"}))
                shortfall = altered(shortfall, dropped=dropped)
            body = fit_template(apply_quirks(body, format, quirks), format, quirks)
        body = _for_caches(state, body, format, quirks)
        changes = _initiator(body) if quirks is not None and quirks.initiator else []
        if self._payload:
            body, more = self._payload.apply(body, _request(state))
            changes = [*changes, *more]
        return Adjusted(body, changes, shortfall)

    def thinking_tag(self, target: ModelTarget, format: str) -> str | None:
        """Returns the tag that marks thinking in a target's text.

        None if the target reports thinking in a field of its own.
        """
        if not PROVIDER_FORMATS[format].tagged_thinking:
            return None
        quirks = self._quirks_of(target)
        return quirks.thinking_tag if quirks is not None else None

    def thinking_opened(self, target: ModelTarget) -> bool:
        """Whether a target's replies begin within the tag of thinking."""
        quirks = self._quirks_of(target)
        return quirks is not None and quirks.thinking_opened is True

    def tool_calls_as_text(self, target: ModelTarget) -> bool:
        """Whether a target's model writes tool calls into its text."""
        quirks = self._quirks_of(target)
        return quirks is not None and quirks.tool_calls_as_text is True

    def takes_system(self, target: ModelTarget) -> bool:
        """Whether a target's model is known to accept system messages between turns."""
        quirks = self._quirks_of(target)
        return quirks is not None and quirks.system == "anywhere"

    def takes_thinking(self, target: ModelTarget) -> bool:
        """Whether a target's model wants the thinking in its history, whoever thought it."""
        quirks = self._quirks_of(target)
        return quirks is not None and quirks.thinking_back is not None

    def maker(self, target: ModelTarget) -> str:
        """Whose proofs of thinking a target's model makes and takes back."""
        quirks = self._quirks_of(target)
        return maker_of(target.provider, target.model, quirks)

    def foreign_proofs(self, target: ModelTarget) -> re.Pattern[str] | None:
        """What is known to be no proof of a target's maker; None where nothing is."""
        quirks = self._quirks_of(target)
        return quirks.foreign_proofs if quirks is not None else None

    def demand(self, target: ModelTarget, format: str) -> Demand | None:
        """What a target's model demands of its history in a format; None for nothing."""
        if target.kind == "passthrough":
            return None
        return demand_of(self._quirks_of(target), target.model, format)

    def server_tools(self, target: ModelTarget) -> Dialect | None:
        """Returns whose server tool types a target accepts; None for its format's own."""
        quirks = self._quirks_of(target)
        return quirks.server_tools if quirks is not None else None

    def compacts(self, target: ModelTarget) -> bool:
        """Whether a target compacts conversations, where its format has words for that."""
        quirks = self._quirks_of(target)
        return quirks is None or quirks.compaction != "none"

    def _quirks_of(self, target: ModelTarget) -> QuirkSettings | None:
        # An attempt asks a dozen times in a row.
        if self._last[0] is target:
            return self._last[1]
        place = target.provider.name, target.model
        known = self._quirks.get(place)
        # An exchange that began before the configuration changed keeps its own provider.
        if known is None or known[0] is not target.provider:
            if len(self._quirks) >= _MOST_MODELS:
                self._quirks.clear()
            quirks = quirks_of(target.provider, target.model)
            known = self._quirks[place] = target.provider, quirks
        self._last = target, known[1]
        return known[1]


def change_headers(headers: http.Headers, changes: list[HeaderChange]) -> None:
    """Applies the header changes of payload rules in their order."""
    for change in changes:
        if change.value is None:
            headers.pop(change.name, None)
        elif change.kind == "override" or change.name not in headers:
            headers[change.name] = clean_value(change.value)


def _for_caches(
    state: AttemptState, body: JsonObject, format: str, quirks: QuirkSettings | None
) -> JsonObject:
    """Returns the body with what the client cannot say to the target's prompt cache."""
    if format == "anthropic":
        if state.passes_through:
            return body  # the client has words of its own for that
        marks = quirks.cache_marks if quirks is not None else None
        least = quirks.cache_minimum if quirks is not None else None
        return with_marks(body, marks or "auto", least or LEAST)
    if quirks is None or not quirks.prompt_cache_key or format not in _KEYED:
        return body
    if "prompt_cache_key" in body or (session := find_session(state.exchange)) is None:
        return body
    return {**body, "prompt_cache_key": cache_key_of(session)}


def _initiator(body: JsonObject) -> list[HeaderChange]:
    """Returns the header that tells Copilot who brought a request about, unless the client did."""
    return [HeaderChange("default", "x-initiator", initiator_of(body))]


def _request(state: AttemptState) -> PayloadRequest:
    assert state.upstream_format
    plan = state.exchange.plan
    asked = (plan.base, plan.name) if plan else (state.call.model,)
    return PayloadRequest(
        models=(state.target.model, *asked),
        protocol=state.upstream_format.name,
        from_protocol=state.call.format.name,
        headers=state.call.head.headers,
    )

"""Writes the body of one attempt from the client's original request."""

import time
from urllib.parse import urlsplit

from switchyard.attempt.adjustments import Adjustments
from switchyard.attempt.compaction import carries_out
from switchyard.attempt.compaction import fitted
from switchyard.attempt.compaction import has_own
from switchyard.attempt.compaction import own_history
from switchyard.attempt.compaction import undone
from switchyard.attempt.compaction import wants_summary
from switchyard.attempt.compaction import wished
from switchyard.attempt.given_back import note_refused
from switchyard.attempt.given_back import readable_proofs
from switchyard.attempt.given_back import select_proofs
from switchyard.attempt.passthrough import own_body
from switchyard.attempt.remedying import left_out
from switchyard.config.shipped import known_hosts
from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.guard import Refused
from switchyard.exchange.guard import guarded
from switchyard.exchange.guard import on_attempt
from switchyard.exchange.shortfall import Shortfall
from switchyard.failover.attempt import Attempt
from switchyard.runtime.snapshots import Snapshots
from switchyard.runtime.state import State
from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.format import Format
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.operations.operation import Operation
from switchyard.wire.registry import PROVIDER_FORMATS
from switchyard.wire.relay.continuation import continued
from switchyard.wire.shared.call_ids import distinct
from switchyard.wire.shared.effort import parse_effort
from switchyard.wire.shared.effort import reasoning_with
from switchyard.wire.shared.effort import with_effort
from switchyard.wire.shared.placing import lasting
from switchyard.wire.shared.server_tools import asks_for_services
from switchyard.wire.shared.server_tools import default_dialect
from switchyard.wire.shared.server_tools import has_services
from switchyard.wire.shared.server_tools import served
from switchyard.wire.shared.tool_choice import choosable
from switchyard.wire.translate.documents import readable
from switchyard.wire.translate.limits import StopLimits
from switchyard.wire.translate.losses import is_instructed
from switchyard.wire.translate.losses import lost
from switchyard.wire.translate.losses import unsaid_stops
from switchyard.wire.translate.merge_turns import joined
from switchyard.wire.translate.pair_results import paired
from switchyard.wire.translate.reasoning_wish import without_reasoning_wish
from switchyard.wire.translate.remedies import LEFT_OUT
from switchyard.wire.translate.remedies import remedied_body
from switchyard.wire.translate.remedies import remedied_turns
from switchyard.wire.translate.remedies import with_own_turns_remedied
from switchyard.wire.translate.rename_tools import renamed
from switchyard.wire.translate.unreached import Unreached
from switchyard.wire.translate.unreached import Way


class Translation:
    """Chooses the format of an attempt and writes its body.

    A provider that uses the client's own format gets the client's body unchanged; any other gets
    one written from the neutral model. Either way it starts from the original, never from the body
    of an earlier attempt.

    The provider's policy decides whether the upstream streams: `as-asked` leaves the client's flag
    alone; `default-off` adds `stream: false` if the client gave no flag (some APIs stream by
    default); `force-on` and `force-off` decide for the upstream, and the client still gets the form
    it requested.
    """

    def __init__(self, snapshots: Snapshots, state: State) -> None:
        self._snapshots = snapshots
        self._state = state
        self._unreached = Unreached()

    @guarded
    @on_attempt
    def attempt(self, attempt: Attempt, state: AttemptState) -> None:
        target, policy = state.target, state.target.provider.stream
        wish = state.call.compaction
        own = wish is None or self._compacts(state)
        if not own and state.operation is not None:
            state.operation = None  # the router compacts by requesting a summary
        if state.operation is None:
            state.upstream_streams = upstream_streams(policy, state.call.streams)
            state.says_stream = policy != "as-asked"
        if target.kind == "passthrough" and not state.continues:
            _speak(state, state.call.format)
            body = own_body(state.call)
            if state.operation is None:
                body = self._own_proofs(state, state.call.format, body)
            state.upstream_body = body
            return
        if state.operation is not None:
            write_operation(state, state.operation)
            return
        upstream = state.call.format
        if target.kind != "passthrough":
            upstream = choose_format(state.call.format, target.formats)
            if upstream is not state.call.format:
                upstream = self._serving(state, upstream)
        _speak(state, upstream)
        suffix = asked_effort(state)
        if not state.passes_through or not own:
            body = self._translated(state, upstream, suffix)
        else:
            body = own_history(state.call)
            portable = upstream.portable(body)
            if portable is not body and not self._is_makers(state, upstream):
                body = portable
            if state.remedies:
                body = with_own_turns_remedied(body, state.remedies, upstream)
                state.untranslated = Shortfall(dropped=left_out(state))
        if suffix is not None:
            body = with_effort(body, upstream.name, suffix, target.model)
        body = self._own_proofs(state, upstream, body)
        if state.remedies:
            note_refused(self._state.proofs, self._adjustments(), state, upstream, body)
            body = remedied_body(body, state.remedies, upstream.name)
        if "reasoning" not in state.remedies:
            body = self._without_refused_wish(state, upstream, body)
        state.upstream_body = body

    def _without_refused_wish(
        self, state: AttemptState, upstream: Format, body: JsonObject
    ) -> JsonObject:
        """Returns the body without a wish for thinking that its model refused lately."""
        refused, target = self._state.health.refused_wishes, state.target
        if not refused.hold(target.provider.name, target.model or "", time.monotonic()):
            return body
        less = without_reasoning_wish(body, upstream.name)
        if less is not body:
            dropped = sorted({*state.untranslated.dropped, LEFT_OUT["reasoning"]})
            state.untranslated = altered(state.untranslated, dropped=tuple(dropped))
        return less

    def _is_makers(self, state: AttemptState, upstream: Format) -> bool:
        """Whether the target is the API of the format's own maker."""
        url = self._snapshots.current.base_url(state.target.provider, upstream.name)
        host = known_hosts().get(urlsplit(url).hostname or "")
        return host is not None and upstream.name in host.home

    def _adjustments(self) -> Adjustments:
        return self._snapshots.current.adjustments

    def _own_proofs(self, state: AttemptState, format: Format, body: JsonObject) -> JsonObject:
        """Returns the body without proofs of other makers, which are reported as dropped."""
        memory, adjustments = self._state.proofs, self._adjustments()
        body, changed = select_proofs(memory, adjustments, state, format, body)
        if changed:
            dropped = sorted({*state.untranslated.dropped, "thinking-signature"})
            state.untranslated = altered(state.untranslated, dropped=tuple(dropped))
        return body

    def _compacts(self, state: AttemptState) -> bool:
        """Whether the target compacts conversations in the client's own format."""
        compacts = self._adjustments().compacts(state.target)
        return has_own(state.call, state.target, compacts)

    def _serving(self, state: AttemptState, upstream: Format) -> Format:
        """Returns the format in which a provider offers the server tools of the request.

        None unless its profile lists such tools and `upstream` cannot express them.
        """
        known = self._adjustments().server_tools(state.target)
        if known != "own" or default_dialect(upstream.name) == "own":
            return upstream
        able = (f for f in state.target.formats if default_dialect(f) == "own")
        format = next(able, None)
        if format is None or not asks_for_services(state.call.conversation):
            return upstream
        return PROVIDER_FORMATS[format]

    def _translated(self, state: AttemptState, upstream: Format, suffix: str | None) -> JsonObject:
        model = state.target.model
        if state.call.body.get("previous_response_id"):
            raise Refused(_no_memory(state))
        conversation = state.call.conversation
        if state.call.compaction is not None:
            own = self._compacts(state)
            state.summarises = not own and wants_summary(state.call, model)
            conversation = fitted(state, upstream, own)
        told = state.exchange.continuation
        if state.continues and told is not None:
            conversation = continued(conversation, told.text, upstream, model)
        if suffix is not None:
            wish = reasoning_with(suffix, conversation.reasoning)
            conversation = altered(conversation, reasoning=wish)
        # A model's limits are known by its own name, not by the client's name for it.
        adjustments = self._snapshots.current.adjustments
        known = altered(
            conversation,
            model=model,
            takes_system=adjustments.takes_system(state.target),
            takes_thinking=adjustments.takes_thinking(state.target),
        )
        dialect = adjustments.server_tools(state.target)
        conversation = served(known, upstream.name, dialect)
        if proofs := readable_proofs(self._state.proofs, adjustments, state, conversation):
            conversation = altered(conversation, readable=proofs)
        state.served = has_services(conversation, upstream.name)
        state.untranslated = Shortfall(
            dropped=(
                *(undone(state) or lost(wished(state, conversation), upstream.name)),
                *left_out(state),
            ),
            instructed=is_instructed(conversation, upstream.name, model),
            limits=StopLimits(unsaid_stops(conversation, upstream.name)),
        )
        if state.remedies:
            conversation = remedied_turns(conversation, state.remedies, upstream.name)
        conversation = distinct(joined(readable(conversation, upstream.name)))
        if conversation.format != upstream.name:
            conversation = renamed(paired(lasting(conversation)))
            conversation = choosable(conversation, upstream.name)
        body = upstream.write_request(conversation)
        if conversation.format == upstream.name:
            return upstream.without_sealed(body)
        way = Way(state.call.format.name, upstream.name, model, dialect, known.takes_system)
        self._tell_unreached(state, way, body)
        return body

    def _tell_unreached(self, state: AttemptState, way: Way, body: JsonObject) -> None:
        """Reports the members of the client's request that `body` lacks as dropped."""
        if names := self._unreached.names(state.call.body, way, body):
            lacking = (name for name in names if not carries_out(state, name))
            dropped = tuple(dict.fromkeys((*state.untranslated.dropped, *lacking)))
            state.untranslated = altered(state.untranslated, dropped=dropped)


def _speak(state: AttemptState, upstream: Format) -> None:
    """Sets the format of an attempt's request, and what follows of it."""
    state.upstream_format = upstream
    state.passes_through = not state.continues and upstream.name == state.call.format.name


def write_operation(state: AttemptState, operation: Operation) -> None:
    """Returns the body of an attempt at an operation. Raises BadRequest."""
    offered = tuple(f for f in state.target.formats if f in operation.formats)
    upstream = choose_format(state.call.format, offered)
    _speak(state, upstream)
    state.untranslated = Shortfall(dropped=tuple(operation.lost(upstream.name)))
    state.upstream_body = operation.write(upstream.name, state.target.model)


def upstream_streams(policy: str, asked: bool) -> bool:
    """Whether the upstream shall stream; `asked`: whether the client gets a stream."""
    return {"force-on": True, "force-off": False}.get(policy, asked)


def choose_format(client: Format, offered: tuple[str, ...]) -> Format:
    """Returns the client's own format if the provider has it, else its first one."""
    return client if client.name in offered else PROVIDER_FORMATS[offered[0]]


def asked_effort(state: AttemptState) -> str | None:
    """Returns the suffix of the model's name that sets the reasoning effort.

    The configuration's suffix, which is for this target, takes precedence over the client's. Raises
    BadRequest, whose message lists the valid ones.
    """
    target, plan = state.target, state.exchange.plan
    suffix = target.suffix or (plan.suffix if plan else None)
    if suffix is not None:
        try:
            parse_effort(suffix)
        except ValueError as e:
            raise BadRequest(str(e), "model") from None
    return suffix


def _no_memory(state: AttemptState) -> ApiError:
    return ApiError(
        message="Previous response with id "
        f"{str(state.call.body['previous_response_id'])[:100]!r} not found: provider "
        f"{state.target.provider.name!r} keeps none, nor does the router. "
        "Send the whole conversation in 'input'.",
        kind="invalid_request",
        code="previous_response_not_found",
        param="previous_response_id",
    )

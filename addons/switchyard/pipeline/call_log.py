"""Logs calls, cooldowns and the end of the router."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Sequence

from mitmproxy import ctx
from mitmproxy import exceptions
from mitmproxy import http
from mitmproxy.addonmanager import Loader
from mitmproxy.utils import asyncio_utils

from switchyard.exchange.exchange import Exchange
from switchyard.exchange.registry import Exchanges
from switchyard.policy.cooldown import CooldownChange
from switchyard.recording.call_text import CallEnd
from switchyard.recording.call_text import model_name
from switchyard.recording.call_text import outcome_of
from switchyard.recording.call_text import reason_of
from switchyard.recording.metadata import FACTS
from switchyard.recording.waiting import Stalls
from switchyard.recording.waiting import Waiting
from switchyard.runtime.state import State
from switchyard.values.counts import counted
from switchyard.values.lasting import forever
from switchyard.wire.encoding.jsonio import JsonObject

logger = logging.getLogger(__name__)

_CHOICES: Sequence[str] = ("none", "failed", "all")
_LOOKS_EVERY = 1.0
"""Seconds between two checks of waiting calls."""
_LEVELS: dict[CallEnd, int] = {"failed": logging.WARNING, "cut": logging.WARNING}
_WORDS: dict[CallEnd, str] = {
    "ok": "answered",
    "retried": "answered",
    "failed": "failed",
    "cut": "cut off",
    "left": "left by its client",
}
_SUMMED: dict[CallEnd, str] = {
    "retried": "answered after several attempts",
    "failed": "failed",
    "cut": "cut off",
    "left": "left by clients",
}
_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"))


class CallLog:
    """Logs each call that failed or took more than one attempt, and each that waits or stalls.

    A line has the route as in the flow's comment, and the request's id. Cooldowns are logged as
    they begin and end, and the router logs the number of its calls when it ends.
    """

    def __init__(self, exchanges: Exchanges, state: State) -> None:
        self._exchanges = exchanges
        self._state = state
        self._counts: Counter[CallEnd] = Counter()
        self._tells = "failed"
        self._waiting: Waiting | None = None
        self._stalls: Stalls | None = None
        self._task: asyncio.Task[None] | None = None

    def load(self, loader: Loader) -> None:
        loader.add_option(
            "switchyard_log_calls",
            str,
            "failed",
            "Calls that are logged: failed (those that took several attempts, too); all; none.",
            choices=_CHOICES,
        )
        loader.add_option(
            "switchyard_log_waiting",
            int,
            10,
            "Seconds without output after which a call that waits or stalls is logged; 0: never.",
        )
        self._state.health.watcher = self._tell_cooldown

    def configure(self, updated: set[str]) -> None:
        if "switchyard_log_calls" in updated:
            # mitmproxy checks choices of its own flags only, not those of --set.
            if (tells := ctx.options.switchyard_log_calls) not in _CHOICES:
                raise exceptions.OptionsError(
                    f"switchyard_log_calls is {tells!r}; it must be one of {', '.join(_CHOICES)}"
                )
            self._tells = tells
        if "switchyard_log_waiting" in updated:
            after = ctx.options.switchyard_log_waiting
            self._waiting = Waiting(float(after)) if after > 0 else None
            self._stalls = Stalls(float(after)) if after > 0 else None

    def running(self) -> None:
        self._task = asyncio_utils.create_task(
            forever("the log of calls that wait", self._look),
            name="switchyard calls that wait",
            keep_ref=True,
        )

    def response(self, flow: http.HTTPFlow) -> None:
        self._tell(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._tell(flow)

    def done(self) -> None:
        if self._task is None:
            return  # the router never started
        self._task.cancel()
        self._counts["left"] += len(self._exchanges.running())
        logger.info("switchyard: stopped after %s", self._summary())

    async def _look(self) -> None:
        await asyncio.sleep(_LOOKS_EVERY)
        if self._waiting is None or self._stalls is None or self._tells == "none":
            return
        running, now = self._exchanges.running(), time.monotonic()
        for due in self._waiting.due(running, now):
            self._tell_waiting("waiting", "waited", *due)
        for due in self._stalls.due(running, now):
            self._tell_waiting("stalled", "stalled for", *due)

    def _tell(self, flow: http.HTTPFlow) -> None:
        exchange = self._exchanges.get(flow)
        if exchange is None:
            return
        outcome = outcome_of(exchange, flow)
        self._counts[outcome] += 1
        if self._tells == "all" or (self._tells == "failed" and outcome != "ok"):
            self._tell_call(exchange, flow, outcome)

    def _tell_call(self, exchange: Exchange, flow: http.HTTPFlow, outcome: CallEnd) -> None:
        reason = "" if exchange.answered else reason_of(exchange, flow)
        facts: JsonObject = {
            "event": "call",
            "outcome": outcome,
            "id": str(exchange.id),
            **flow.metadata.get(FACTS, {}),
            "attempts": exchange.attempts,
            "seconds": round(time.monotonic() - exchange.call.started, 3),
            **({"reason": reason} if reason else {}),
            **({"client": exchange.call.client.name} if exchange.call.client else {}),
        }
        logger.log(
            _LEVELS.get(outcome, logging.INFO),
            "switchyard: call %s: %s%s, request %s",
            _WORDS[outcome],
            flow.comment,
            f": {reason}" if reason.rstrip(".") not in flow.comment else "",
            exchange.id,
            extra={"facts": facts},
        )

    def _tell_waiting(
        self, event: str, word: str, exchange: Exchange, waited: float, why: str
    ) -> None:
        model = model_name(exchange.call.model)
        logger.info(
            "switchyard: call has %s %.0f s: %s: %s, request %s",
            *(word, waited, model, why, exchange.id),
            extra={
                "facts": {
                    "event": event,
                    "id": str(exchange.id),
                    "model": model,
                    "seconds": round(waited, 3),
                    "reason": why,
                }
            },
        )

    def _tell_cooldown(self, change: CooldownChange) -> None:
        scope, provider, credential, model, via = change.place[0], *_names(change)
        facts: JsonObject = {
            "event": "cooldown" if change.seconds is not None else "recovered",
            "scope": scope,
            "provider": provider,
            "class": change.cls,
            **{name: value for name, value in (("credential", credential), ("model", model),
                                               ("proxy", via)) if value},
        }  # fmt: skip
        what = _thing(change)
        if change.seconds is None:
            logger.info("switchyard: %s works again", what, extra={"facts": facts})
            return
        facts |= {"seconds": round(change.seconds, 3), "reason": change.reason}
        logger.warning(
            "switchyard: %s cools down for %s: %s",
            *(what, _span(change.seconds), change.reason or change.cls),
            extra={"facts": facts},
        )

    def _summary(self) -> str:
        counts = self._counts
        total = counts.total()
        parts = [counted(total, "call")]
        for outcome, words in _SUMMED.items():
            if counts[outcome]:
                parts.append(f"{counts[outcome]:,} {words}")
        return f"{_span(time.monotonic() - self._state.started)}: {', '.join(parts)}"


def _names(change: CooldownChange) -> tuple[str, str, str, str]:
    """Returns provider, credential, model and proxy of a cooldown, or empty strings."""
    scope, provider, second, third = change.place
    return provider, second, "" if scope == "host" else third, third if scope == "host" else ""


def _thing(change: CooldownChange) -> str:
    """Describes the object of a cooldown in words."""
    provider, credential, model, via = _names(change)
    match change.place[0]:
        case "key":
            return f"key {credential}"
        case "model":
            return f"model {model_name(model)} of {provider}"
        case "target":
            return f"{provider}/{model_name(model)} with key {credential}"
        case _:
            return f"provider {provider}{f' by the proxy {via}' if via else ''}"


def _span(seconds: float) -> str:
    """Formats a time in its two largest units: `50 ms`, `12 s`, `2 h 10 min`."""
    if seconds < 0.95:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit in _UNITS:
        if whole >= size:
            smaller, name = next(
                ((small, word) for small, word in (*_UNITS, (1, "s")) if small < size)
            )
            rest = whole % size // smaller
            return f"{whole // size} {unit} {rest} {name}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"

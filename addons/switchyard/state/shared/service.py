"""Carries out verbs for other processes, as the scripts in `lua` do in Redis.

Payloads and answers are those of the scripts. Pure; the clock is passed in, in Unix milliseconds.
"""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

from switchyard.state.shared.board import Board
from switchyard.state.shared.board import Numbered
from switchyard.state.shared.ledger import LimitLedger
from switchyard.state.shared.lines import LimitLine
from switchyard.state.shared.lines import kind_of
from switchyard.state.shared.memory import Sessions
from switchyard.state.shared.memory import new_id
from switchyard.state.shared.protocol import Amounts
from switchyard.state.shared.protocol import Entry

_VERDICTS = {"denied": 0, "admitted": 1, "ended": 2}


class StateService:
    """State that several processes share. `publish` takes each notice that is posted."""

    def __init__(
        self, publish: Callable[[Numbered], None], ledger: LimitLedger | None = None
    ) -> None:
        self.ledger = ledger or LimitLedger()
        self._publish = publish
        self._board = Board()
        self._notices: dict[tuple[str, str], int] = {}
        """The number of each notice on the board."""
        self._sessions = Sessions()
        self._processes: dict[str, int] = {}
        self._epoch = new_id()
        self._last = 0

    def handle(self, verb: str, payload: Any, now: int) -> Any:
        """Carry out a verb.

        Raises ValueError, TypeError, LookupError or AttributeError for a malformed payload.
        """
        match verb:
            case "admit":
                return self._admit(payload, now)
            case "settle":
                for id, entries, actual in payload:
                    self.ledger.settle(id, _entries(entries), _amounts(actual), now)
                return 1
            case "renew":
                for id, life, entries, so_far in payload:
                    self.ledger.renew(id, life, _entries(entries), _amounts(so_far), now)
                return 1
            case "counters":
                return self.ledger.counters([LimitLine.of_wire(line) for line in payload], now)
            case "turn":
                return self.ledger.turn(payload[0])
            case "stick":
                session, target, left = payload
                self._sessions.put(session, target, (now + left) / 1000)
                return 1
            case "stuck":
                return self._sessions.get(payload[0], now / 1000) or ""
            case "post":
                return self._post(payload, now)
            case "notices":
                return [self._last, self._all(now)]
            case "beat":
                return self._beat(payload, now)
        raise ValueError(f"unknown verb {verb!r}")

    def leave(self, process: str) -> None:
        """Forget a process whose connection ended."""
        self._processes.pop(process, None)

    def _admit(self, payload: dict[str, Any], now: int) -> Any:
        lines = [LimitLine.of_wire(line) for line in payload["lines"]]
        verdict, turns, rows = self.ledger.admit(
            payload["id"], payload["life"], lines, payload["pools"], now
        )
        target = ""
        if verdict == "admitted" and payload["session"]:
            target = self._sessions.get(payload["session"], now / 1000) or ""
        return [_VERDICTS[verdict], turns, rows, target]

    def _post(self, payload: Sequence[Any], now: int) -> int:
        topic, item, text, left = payload
        self._last += 1
        if left > 0:
            self._board.put(topic, item, text, (now + left) / 1000)
            self._notices[topic, item] = self._last
        else:
            self._board.remove(topic, item)
            self._notices.pop((topic, item), None)
        self._publish([self._last, topic, item, text, left])
        return self._last

    def _all(self, now: int) -> list[Numbered]:
        found: list[Numbered] = []
        for topic, item, one in self._board.all(now / 1000):
            left = int(one.until * 1000 - now)
            found.append([self._notices[topic, item], topic, item, one.text, left])
        return found

    def _beat(self, payload: Sequence[Any], now: int) -> list[object]:
        process, life, _ = payload
        self.ledger.tick(now)
        if life > 0:
            self._processes[process] = now + life
        else:
            self._processes.pop(process, None)
        for name in [name for name, until in self._processes.items() if until <= now]:
            del self._processes[name]
        return [len(self._processes), self._last, self._epoch]


def _entries(entries: Sequence[Any]) -> list[Entry]:
    return [
        Entry(str(counter), kind_of(kind), index, keep, amount)
        for counter, kind, index, keep, amount in entries
    ]


def _amounts(amounts: dict[str, int] | None) -> Amounts | None:
    return Amounts(**amounts) if amounts is not None else None

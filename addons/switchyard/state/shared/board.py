"""Notices that every process has in memory. Pure; times are Unix seconds.

Notices are numbered by whoever shares them, so that it does not matter whether a list of all
notices or a single one arrives first.
"""

from collections import defaultdict
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence

from switchyard.state.shared.protocol import Notice
from switchyard.state.shared.protocol import Topic

type Numbered = Sequence[object]
"""`[number, topic, item, text, milliseconds left]`; 0 milliseconds withdraw."""

type NoticeWatcher = Callable[[str, Notice | None], None]
"""Takes an item and its notice, None where it was withdrawn."""


class Board:
    """Notices by topic and item."""

    def __init__(self) -> None:
        self._notices: dict[str, dict[str, Notice]] = {}
        self._numbers: dict[tuple[str, str], int] = {}
        self._watchers: defaultdict[str, list[NoticeWatcher]] = defaultdict(list)
        self.last = 0
        """The highest number seen."""

    def watch(self, topic: Topic, watcher: NoticeWatcher) -> None:
        """Call `watcher` for each notice of a topic that is heard, also for this process' own."""
        self._watchers[topic].append(watcher)

    def put(self, topic: str, item: str, text: str, until: float) -> None:
        """Note what this process posts, before it has a number."""
        self._notices.setdefault(topic, {})[item] = Notice(until, text)

    def remove(self, topic: str, item: str) -> None:
        """Forget a notice."""
        self._notices.get(topic, {}).pop(item, None)

    def hear(self, notice: Numbered, now: float) -> None:
        """Take a numbered notice, unless a later one about the same item was heard."""
        number, topic, item, text, left = read_numbered(notice)
        self.last = max(self.last, number)
        if number <= self._numbers.get((topic, item), 0):
            return
        self._numbers[topic, item] = number
        if left > 0:
            self.put(topic, item, text, now + left / 1000)
        else:
            self.remove(topic, item)
        self._call_watchers(topic, item)

    def take_all(self, last: int, notices: Iterable[Numbered], now: float) -> None:
        """Take the list of all notices as it was when `last` was the highest number."""
        listed: set[tuple[str, str]] = set()
        for notice in notices:
            _, topic, item, _, _ = read_numbered(notice)
            listed.add((topic, item))
            self.hear(notice, now)
        for place, number in list(self._numbers.items()):
            if place not in listed and number <= last:
                self.remove(*place)
                del self._numbers[place]
                self._call_watchers(*place)
        self.last = max(self.last, last)

    def renumber(self) -> None:
        """Forget numbers: whoever gives them began anew."""
        self._numbers.clear()
        self.last = 0

    def _call_watchers(self, topic: str, item: str) -> None:
        for watcher in self._watchers.get(topic, ()):
            watcher(item, self._notices.get(topic, {}).get(item))

    def valid(self, topic: Topic, now: float) -> Mapping[str, Notice]:
        """Return the notices of a topic that are not over."""
        notices = self._notices.get(topic)
        if not notices:
            return {}
        for item in [item for item, one in notices.items() if one.until <= now]:
            del notices[item]
        return notices

    def all(self, now: float) -> list[tuple[str, str, Notice]]:
        """Return all notices that are not over, with topic and item."""
        return [
            (topic, item, one)
            for topic, notices in self._notices.items()
            for item, one in notices.items()
            if one.until > now
        ]


def read_numbered(notice: Numbered) -> tuple[int, str, str, str, int]:
    """Read a numbered notice. Raises ValueError and TypeError."""
    number, topic, item, text, left = notice
    if not (isinstance(number, int) and isinstance(left, int)):
        raise TypeError("a notice is malformed")
    return number, str(topic), str(item), str(text), left

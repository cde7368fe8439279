"""What the management API works on: the runtime, its events, and where things are kept."""

import logging
import os
import time
from pathlib import Path

from switchyard.config.editing.editor import ConfigEditor
from switchyard.management.kept_log import KeptLog
from switchyard.management.places import management_folder
from switchyard.management.provider_status import provider_status
from switchyard.management.request_news import RequestNews
from switchyard.metrics.host import METRICS
from switchyard.metrics.measurements import Measurements
from switchyard.recording.request_record import Rules
from switchyard.runtime.event_hub import EventHub
from switchyard.runtime.other_workers import OtherWorkers
from switchyard.runtime.reloading import Reloading
from switchyard.runtime.router_gauges import RouterGauges
from switchyard.runtime.runtime import Runtime
from switchyard.runtime.snapshot import Snapshot
from switchyard.runtime.usage_rules import place_of
from switchyard.runtime.usage_rules import rules_of
from switchyard.usage.places import RecordPlace
from switchyard.usage.window_book import window_members
from switchyard.wire.encoding.jsonio import JsonObject

logger = logging.getLogger(__name__)


class Desk:
    """Answers the questions of the API from the runtime. For the event loop only.

    With several workers, `everywhere` marks what it asks of all of them.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.measurements = Measurements(RouterGauges(runtime), os.environ.get(METRICS, ""))
        self.events: EventHub = runtime.events
        self.news = RequestNews(self.rules, runtime.exchanges.running)
        self.events.collect = self.news.collect
        self.log = KeptLog()
        self.confdir = Path("~/.mitmproxy")
        """Where mitmproxy keeps its certificate authority."""
        self.config_etag: str | None = None
        """Names the configuration file as it last came into force; None until it was read."""
        self.others = OtherWorkers(runtime.events, os.environ)
        self.others.on("running", lambda _: self.running())
        self.others.on("log", lambda after: self.log.lines(after))
        self.others.on("clear-log", lambda _: self.log.clear())
        self.others.on("end-session", self.events.end_session)
        self._rules: tuple[Snapshot, Rules] | None = None

    @property
    def snapshot(self) -> Snapshot:
        """The configuration in force."""
        return self.runtime.snapshot

    @property
    def reloading(self) -> Reloading:
        """The addon that has the configuration file. It is there before the first request."""
        assert self.runtime.reloading is not None
        return self.runtime.reloading

    def editor(self) -> ConfigEditor:
        """Returns an editor of the configuration file."""
        file = self.reloading
        return ConfigEditor(file.path, file.environ, file.template)

    @staticmethod
    def complain(what: str, error: Exception) -> None:
        """Logs what failed without the caller's fault."""
        logger.warning("switchyard: %s (%s: %s)", what, type(error).__name__, error)

    @property
    def folder(self) -> Path:
        """Where sessions and the audit are kept."""
        return management_folder(self.snapshot.config)

    @property
    def usage_place(self) -> RecordPlace | None:
        """Where records are kept; None where none are."""
        return place_of(self.snapshot.config)

    def health(self) -> JsonObject:
        """Returns the state of the router and of every provider."""
        runtime, snapshot = self.runtime, self.snapshot
        return {
            "status": "ok",
            "uptime": round(time.monotonic() - runtime.state.started, 3),
            "running": len(runtime.exchanges),
            "models": len(snapshot.catalog.names()),
            **provider_status(
                snapshot.config, runtime.state.health, runtime.ledger.windows, runtime.accounts
            ),
        }

    def quota(self) -> list[JsonObject]:
        """Returns the windows of keys and logins, with moments in Unix seconds."""
        self.runtime.accounts.show_interest()
        now = time.time()
        tracks = self.runtime.ledger.windows.shown(now)
        return [dict(window_members(owner, track, now)) for owner, track in tracks]

    def running(self) -> list[JsonObject]:
        """Returns the requests under way."""
        return self.news.tell(self.runtime.exchanges.running())

    async def running_everywhere(self) -> list[JsonObject]:
        """Returns the requests under way at all workers, the oldest first."""
        rows = self.running()
        for answer in await self.others.ask("running"):
            rows += answer
        return sorted(rows, key=lambda row: str(row["id"]))

    async def log_everywhere(self, after: float) -> list[tuple[float, str]]:
        """Returns the lines of all workers after a moment (Unix seconds), oldest first."""
        lines = self.log.lines(after)
        for answer in await self.others.ask("log", after):
            lines += [(at, text) for at, text in answer]
        return sorted(lines, key=lambda line: line[0])

    async def clear_log_everywhere(self) -> int:
        """Forgets all lines; returns how many there were."""
        return self.log.clear() + sum(await self.others.ask("clear-log"))

    async def end_session_everywhere(self, session: str) -> None:
        """Ends the streams of events that are read by a browser's session."""
        self.events.end_session(session)
        await self.others.ask("end-session", session)

    def rules(self) -> Rules:
        """Returns how requests are billed under the configuration in force."""
        snapshot = self.snapshot
        if self._rules is None or self._rules[0] is not snapshot:
            self._rules = snapshot, rules_of(snapshot)
        return self._rules[1]

    async def overview(self) -> JsonObject:
        """Returns what a reader of events begins with."""
        running = await self.running_everywhere()
        return {
            "time": time.time(),
            "running": running,
            "health": self.health(),
            "quota": self.quota(),
            "config": {"etag": self.config_etag},
        }

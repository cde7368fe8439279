"""The hooks in which addons steer attempts. Handlers may be async, as all of mitmproxy's."""

from dataclasses import dataclass

from mitmproxy.proxy.commands import StartHook

from switchyard.failover.attempt import Attempt


@dataclass
class AttemptHook(StartHook):
    """An attempt is about to be made.

    Set `attempt.request` and `attempt.receiver` to send it, or `attempt.answer` to answer the
    client without sending anything.
    """

    name = "attempt"
    attempt: Attempt


@dataclass
class AttemptEndedHook(StartHook):
    """An attempt failed before the client saw any of it.

    Set `attempt.again` for another one, or `attempt.answer` to give up.
    """

    name = "attempt_ended"
    attempt: Attempt

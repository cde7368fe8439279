"""The hooks in which addons steer attempts.

Handlers may be async, as for all of mitmproxy's hooks.
"""

from dataclasses import dataclass

from mitmproxy.proxy.commands import StartHook

from switchyard.failover.attempt import Attempt


@dataclass
class AttemptHook(StartHook):
    """Called before an attempt is made.

    Set `attempt.request` and `attempt.receiver` to send it, or `attempt.answer` to answer the
    client without sending anything.
    """

    name = "attempt"
    attempt: Attempt


@dataclass
class AttemptEndedHook(StartHook):
    """Called when an attempt failed before the client saw any of its response.

    Set `attempt.again` for another one, or `attempt.answer` to give up.
    """

    name = "attempt_ended"
    attempt: Attempt

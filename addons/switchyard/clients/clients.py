"""Who is admitted, and by which key."""

from collections.abc import Callable

from mitmproxy import http

from switchyard.config.client_keys import ClientKey
from switchyard.exchange.exchange import Admission


class Clients:
    """What was decided over clients, by flow; by connection where a key counts for all of it."""

    def __init__(self) -> None:
        self._admissions: dict[str, Admission] = {}
        self._connections: dict[str, ClientKey] = {}
        self._barred: dict[str, ClientKey] = {}
        self._lost: set[str] = set()
        self._refused: dict[str, float] = {}
        self._turned_away: dict[str, ClientKey] = {}
        self._hosts: dict[str, str] = {}

    def admit(self, flow: http.HTTPFlow, admission: Admission) -> None:
        """Remembers whose request this is."""
        self._admissions[flow.id] = admission

    def admission_of(self, flow: http.HTTPFlow) -> Admission | None:
        """What was decided over a request; None before that, and where it was refused."""
        return self._admissions.get(flow.id)

    def client_of(self, flow: http.HTTPFlow) -> ClientKey | None:
        """The client key that a flow was admitted with; None where none is asked for."""
        admission = self._admissions.get(flow.id)
        return admission.client if admission is not None else None

    def turn_away(self, flow: http.HTTPFlow, client: ClientKey) -> None:
        """Remembers whose request this is, though its key may not be used at present."""
        self._turned_away[flow.id] = client

    def caller_of(self, flow: http.HTTPFlow) -> ClientKey | None:
        """Whose request a flow is, admitted or not, for records of it; no right follows from it.

        None where its client showed no key whole: who knows no more than a key's id is not its
        holder.
        """
        return self.client_of(flow) or self._turned_away.get(flow.id)

    def refuse(self, flow: http.HTTPFlow, after: float = 0.0) -> None:
        """Have the flow's response sent without a look at the request's body.

        `after` is how many seconds it waits.
        """
        admission = self._admissions.pop(flow.id, None)
        if admission is not None and admission.client is not None:
            self.turn_away(flow, admission.client)
        self._refused[flow.id] = after

    def take_refusal(self, flow: http.HTTPFlow) -> float | None:
        """The seconds after which a flow is to be refused by its head; None if it is not."""
        return self._refused.pop(flow.id, None) if self._refused else None

    def admit_connection(self, connection: str, client: ClientKey) -> None:
        """Remember whose connection this is, so that no request on it has to carry a key.

        The client showed the key to the proxy for all that the connection carries, as by a CONNECT.
        """
        self._connections[connection] = client

    def bar_connection(self, connection: str, client: ClientKey) -> None:
        """Remember whose connection this is, though its key may not be used at present.

        What it carries is refused with the reason; it opens no way to other servers.
        """
        self._barred[connection] = client

    def barred_holder_of(self, connection: str) -> ClientKey | None:
        """Whose connection it is, where the key that the proxy received might not be used."""
        return self._barred.get(connection)

    def holder_of(self, connection: str) -> ClientKey | None:
        """Whose connection it is, where its key was shown to the proxy and is one still."""
        return self._connections.get(connection)

    def lost_holder(self, connection: str) -> bool:
        """Whether the key that was shown to the proxy for a connection has been removed since."""
        return connection in self._lost

    def renew_holders(self, find: Callable[[ClientKey], ClientKey | None]) -> None:
        """Another configuration is in force, in which `find` finds a key that was shown before."""
        before, self._connections = self._connections, _renewed(self._connections, find)
        self._lost |= before.keys() - self._connections.keys()
        self._barred = _renewed(self._barred, find)

    def showed_key_to_proxy(self, flow: http.HTTPFlow) -> bool:
        """Whether a flow was admitted by a key that was shown to the proxy."""
        admission = self._admissions.get(flow.id)
        if admission is None:
            return flow.client_conn.id in self._connections
        return admission.by_proxy

    def has_own_login(self, flow: http.HTTPFlow) -> bool:
        """Whether what a client came with is its own, and not a key of this router's."""
        return self.client_of(flow) is None or self.showed_key_to_proxy(flow)

    def note_host(self, flow: http.HTTPFlow, host: str) -> None:
        """Keeps the `Host` that a client named, where mitmproxy writes another in its place."""
        self._hosts[flow.id] = host

    def host_of(self, flow: http.HTTPFlow) -> str | None:
        """The `Host` that the flow's client named; None if none."""
        return self._hosts.get(flow.id) or flow.request.host_header

    def disconnected(self, connection: str) -> None:
        self._connections.pop(connection, None)
        self._barred.pop(connection, None)
        self._lost.discard(connection)

    def end(self, flow: http.HTTPFlow) -> None:
        """The flow is over."""
        self._admissions.pop(flow.id, None)
        self._refused.pop(flow.id, None)
        self._turned_away.pop(flow.id, None)
        self._hosts.pop(flow.id, None)


def _renewed(
    held: dict[str, ClientKey], find: Callable[[ClientKey], ClientKey | None]
) -> dict[str, ClientKey]:
    found = ((connection, find(key)) for connection, key in held.items())
    return {connection: key for connection, key in found if key is not None}

"""A layer of TLS goes on where it was read ahead of."""

from mitmproxy.proxy import events
from OpenSSL import SSL

from switchyard.protocols.tls import ReadAheadTls
from tests.unit.protocols.tls_session import Session


def test_only_a_layer_of_tls_reads_ahead() -> None:
    session = Session(SSL.TLS1_3_VERSION)
    assert ReadAheadTls.adopt(session.tls) is session.tls
    assert ReadAheadTls.adopt(session.within) is None


def test_what_is_left_comes_before_what_arrives_next() -> None:
    session = Session(SSL.TLS1_3_VERSION)
    assert session.tls.read_ahead(session.encrypted(b"one")) == (b"one", True)
    session.tls.leave(b"on")
    session.tls.leave(b"e")
    assert session.within.told == []
    session.process(events.DataReceived(session.tls.conn, session.encrypted(b"two")))
    assert session.within.told == [b"one", b"two"]


def test_what_is_used_up_is_not_told() -> None:
    session = Session(SSL.TLS1_3_VERSION)
    assert session.tls.read_ahead(session.encrypted(b"one")) == (b"one", True)
    session.process(events.DataReceived(session.tls.conn, session.encrypted(b"two")))
    assert session.within.told == [b"two"]


def test_half_a_record_is_no_data_yet() -> None:
    session = Session(SSL.TLS1_3_VERSION)
    encrypted = session.encrypted(b"one")
    assert session.tls.read_ahead(encrypted[:9]) == (b"", True)
    assert session.tls.read_ahead(encrypted[9:]) == (b"one", True)


def test_an_end_is_more_than_data() -> None:
    session = Session(SSL.TLS1_3_VERSION)
    encrypted = session.encrypted(b"one")
    session.server.shutdown()
    assert session.tls.read_ahead(encrypted + session.sent()) == (b"one", False)
    session.tls.leave(b"")
    session.process(events.DataReceived(session.tls.conn, b""))
    assert session.within.told == [b"<end>"]


def test_none_is_read_ahead_before_the_session_is_open() -> None:
    session = Session(SSL.TLS1_3_VERSION)
    session.process(events.ConnectionClosed(session.tls.conn))
    assert not session.tls.can_read_ahead

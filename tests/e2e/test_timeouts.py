"""hello, idle and half_close: each ends what it is meant to end, in its time, and nothing earlier."""

import socket
import time

import pytest

from wire import client_hello, connect, read_all, read_exactly

HELLO = client_hello()
ONE_SERVER = dict(proxy_protocol="off", health='type = "none";', servers='{ name = "aegis-01"; address = "10.10.10.103:443"; }')


def seconds_to_end(s):
    start = time.monotonic()
    s.settimeout(10)
    try:
        read_all(s)
    except ConnectionResetError:
        pass
    return time.monotonic() - start


@pytest.mark.parametrize("sent", [b"", HELLO[:100]], ids=["nothing", "half a hello"])
def test_the_hello_has_its_time(site, sent):
    site.start_balancer(timeouts='hello = "500ms";', **ONE_SERVER)
    with connect() as s:
        s.sendall(sent)
        assert 0.4 < seconds_to_end(s) < 3


def test_a_drop_at_a_time_does_not_prolong_the_hello(site):
    site.start_balancer(timeouts='hello = "500ms";', **ONE_SERVER)
    with connect() as s:
        start = time.monotonic()
        with pytest.raises(OSError):
            for byte in HELLO:
                s.send(bytes([byte]))
                time.sleep(0.05)  # the pace of the drops
        assert time.monotonic() - start < 3


def test_idle_means_no_byte_either_way(site):
    def serve(s):
        with s:
            read_exactly(s, len(HELLO))
            for _ in range(8):
                s.sendall(b"tick")
                time.sleep(0.2)  # the pace of the ticks
            read_all(s)

    site.start_recorder(serve=serve)
    site.start_balancer(timeouts='idle = "600ms";', **ONE_SERVER)
    with connect() as s:
        s.sendall(HELLO)
        start = time.monotonic()
        assert read_exactly(s, 32) == b"tick" * 8
        assert time.monotonic() - start > 1.2
        assert 0.3 < seconds_to_end(s) < 3
    site.others[0].wait_served(1)


def test_half_close_is_restarted_by_every_byte(site):
    def serve(s):
        with s:
            read_all(s)
            for _ in range(5):
                s.sendall(b"tick")
                time.sleep(0.2)  # the pace of the ticks
            s.recv(1)
            time.sleep(10)  # and then says nothing more: the balancer ends it

    site.start_recorder(serve=serve)
    site.start_balancer(timeouts='idle = "60s"; half_close = "500ms";', **ONE_SERVER)
    with connect() as s:
        s.sendall(HELLO)
        s.shutdown(socket.SHUT_WR)
        assert read_exactly(s, 20) == b"tick" * 5
        assert 0.2 < seconds_to_end(s) < 3

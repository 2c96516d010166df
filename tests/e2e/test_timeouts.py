"""hello, idle and half_close: each ends what it is meant to end, in its time, and nothing earlier.

A stall of the machine makes an end come later, never earlier: so what is asserted are lower bounds, from a moment before
the balancer can have begun to count. The paces of what must not end anything leave a second and a half for a stall."""

import contextlib
import socket
import time

import pytest

from lab import SLOW
from wire import client_hello, connect, read_all, read_exactly

HELLO = client_hello()
ONE_SERVER = dict(proxy_protocol="off", health='type = "none";', servers='{ name = "aegis-01"; address = "10.10.10.103:443"; }')


def wait_end(s):
    """Until the balancer ends this connection: when that was."""
    s.settimeout(20 * SLOW)
    with contextlib.suppress(ConnectionResetError):
        read_all(s)
    return time.monotonic()


@pytest.mark.parametrize("sent", [b"", HELLO[:100]], ids=["nothing", "half a hello"])
def test_the_hello_has_its_time(site, sent):
    site.start_balancer(timeouts='hello = "500ms";', **ONE_SERVER)
    start = time.monotonic()
    with connect() as s:
        s.sendall(sent)
        assert wait_end(s) - start > 0.45


def test_a_drop_at_a_time_does_not_prolong_the_hello(site):
    site.start_balancer(timeouts='hello = "500ms";', **ONE_SERVER)
    with connect() as s:
        with pytest.raises(OSError):  # long before all of it is sent
            for byte in HELLO:
                s.send(bytes([byte]))
                time.sleep(0.05)  # the pace of the drops


class Ticks:
    """A server that waits, and then sends so many ticks at a pace; when the last one began."""

    def __init__(self, number, wait):
        self.number, self.wait, self.last = number, wait, 0.0

    def serve(self, s):
        with s:
            self.wait(s)
            for _ in range(self.number):
                self.last = time.monotonic()
                s.sendall(b"tick")
                time.sleep(0.5)  # the pace of the ticks
            with contextlib.suppress(OSError):
                while s.recv(1):
                    pass
            time.sleep(10)  # and says nothing more: the balancer ends it


@pytest.mark.timing
def test_idle_means_no_byte_either_way(site):
    ticks = Ticks(6, lambda s: read_exactly(s, len(HELLO)))
    site.start_recorder(serve=ticks.serve)
    site.start_balancer(timeouts='idle = "2s";', **ONE_SERVER)
    with connect() as s:
        s.sendall(HELLO)
        s.settimeout(20 * SLOW)
        assert read_exactly(s, 24) == b"tick" * 6, "2.5 s in all"
        assert wait_end(s) - ticks.last > 1.9


@pytest.mark.timing
def test_half_close_is_restarted_by_every_byte(site):
    ticks = Ticks(6, read_all)
    site.start_recorder(serve=ticks.serve)
    site.start_balancer(timeouts='idle = "60s"; half_close = "2s";', **ONE_SERVER)
    with connect() as s:
        s.sendall(HELLO)
        s.shutdown(socket.SHUT_WR)
        s.settimeout(20 * SLOW)
        assert read_exactly(s, 24) == b"tick" * 6, "2.5 s in all"
        assert wait_end(s) - ticks.last > 1.9

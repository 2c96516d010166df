"""Windows of HTTP/2: they grow where a server takes what comes, and a server that does not holds up nobody else."""

import socket
import threading
import time

import pytest

pytest.importorskip("h2")

from h2peer import Client
from lab import SANITIZED, SLOW
from test_http2 import LISTENER, start  # noqa: F401, a fixture

MIB = 1 << 20
PATIENT = LISTENER.replace('idle = "20s"', 'idle = "60s"')
assert PATIENT != LISTENER


class Taker:
    """Takes `before` bytes of a body at /stall, the rest when it may; all of others."""

    def __init__(self, site, before):
        self.before, self.go = before, threading.Event()
        site.start_recorder(port=80, serve=self.serve)

    def serve(self, s):
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        with s, s.makefile("rb") as f:
            while line := f.readline():
                fields = dict(field.rstrip().lower().split(b": ", 1) for field in iter(f.readline, b"\r\n"))
                size = left = int(fields[b"content-length"])
                while left:
                    if b"/stall" in line and size - left >= self.before:
                        assert self.go.wait(60 * SLOW)
                    left -= len(f.read(min(left, 16384)))
                s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def begin(c, path, size):
    return c.begin(("content-length", str(size)), method="PUT", path=path)


def fill(c, stream, size):
    """Sends until the stream's window stays shut while a few pings come back; so many bytes."""
    sent = 0
    while sent < size:
        room = min(c.h2.local_flow_control_window(stream), c.h2.max_outbound_frame_size, size - sent)
        if room > 0:
            c.h2.send_data(stream, bytes(room))
            c.flush()
            sent += room
            continue
        shut = time.monotonic() + 2 * SLOW
        while c.h2.local_flow_control_window(stream) <= 0 and time.monotonic() < shut:
            c.h2.ping(b"12345678")
            c.flush()
            assert c.pump()
            time.sleep(0.1)
        if c.h2.local_flow_control_window(stream) <= 0:
            break
    return sent


def test_window_grows_while_the_server_takes_all(site, start, tmp_path):  # noqa: F811
    Taker(site, 0)
    start(listeners=PATIENT.format(folder=tmp_path / "certs" / "live"))
    with Client(site) as c:
        stream = begin(c, "/take", 8 * MIB)
        c.pump()
        largest = at = 0
        while largest < MIB // 4:  # doubled three times, and more often it may
            assert at < 7 * MIB, largest
            c.send_body(stream, bytes(65536))
            at += 65536
            largest = max(largest, c.h2.local_flow_control_window(stream))
        c.send_body(stream, bytes(8 * MIB - at), end=True)
        assert c.finish(stream).status == "200"


def test_server_that_takes_nothing_gets_no_larger_window(site, start, tmp_path):  # noqa: F811
    taker = Taker(site, 0)
    balancer = start(workers=1, listeners=PATIENT.format(folder=tmp_path / "certs" / "live"))
    before = balancer.resident_bytes()
    with Client(site) as c:
        stream = begin(c, "/stall", 24 * MIB)
        fill(c, stream, 24 * MIB)
        assert SANITIZED or balancer.resident_bytes() < before + 4 * MIB
        taker.go.set()


def test_stream_that_has_grown_and_stalls_holds_up_no_other(site, start, tmp_path):  # noqa: F811
    taker = Taker(site, 2 * MIB)
    balancer = start(workers=1, listeners=PATIENT.format(folder=tmp_path / "certs" / "live"))
    before = balancer.resident_bytes()
    with Client(site) as c:
        stuck = begin(c, "/stall", 24 * MIB)
        sent = fill(c, stuck, 24 * MIB)
        assert sent < 24 * MIB
        for _ in range(2):
            other = begin(c, "/take", MIB)
            c.send_body(other, bytes(MIB), end=True)
            assert c.finish(other).status == "200"
        assert SANITIZED or balancer.resident_bytes() < before + 8 * MIB
    taker.go.set()

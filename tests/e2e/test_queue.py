"""Servers that hold so much and no more: who waits, who is refused, and what is told of it."""

import subprocess
import threading

import pytest

import frames
from frames import Client, frame, request
from lab import SLOW, wait_until
from test_http import start, url
from test_http2 import start as start_tls  # a fixture

FULL = '{ name = "aegis-01"; address = "10.10.10.103:80"; max_connections = 1; }'
QUEUE = 'queue = { length = 2; timeout = "1h"; };'


class Slow:
    """A server that answers when it is told to."""

    def __init__(self, site):
        self.gate, self.paths = threading.Semaphore(0), []
        site.start_recorder(port=80, serve=self.serve)

    def serve(self, s):
        with s, s.makefile("rb") as f:
            while line := f.readline():
                self.paths.append(line.split()[1].decode())
                while f.readline().strip():
                    pass
                self.gate.acquire(timeout=30 * SLOW)
                s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n")

    def wait(self, number):
        wait_until(lambda: len(self.paths) == number, what=f"{number} requests at the server")


class Curl:
    """One request in the background."""

    def __init__(self, path, *arguments):
        self.popen = subprocess.Popen(["curl", "-s", "-m", "60", "-o", "/dev/null", "-w", "%{http_code}", *arguments, url(path)],
                                      stdout=subprocess.PIPE, text=True)

    def status(self):
        return self.popen.communicate(timeout=60 * SLOW)[0]

    def kill(self):
        self.popen.kill()
        self.popen.communicate()


@pytest.fixture
def slow(site):
    return Slow(site)


def wait_queue(balancer, number):
    wait_until(lambda: balancer.stat("BACKEND", "qcur") == str(number), what=f"{number} in the queue")


def test_queue_is_bounded_in_order_and_told_of(site, slow):
    balancer = start(site, servers=FULL, backend=QUEUE)
    clients = [Curl("/1")]
    slow.wait(1)
    for number in (2, 3):
        clients.append(Curl(f"/{number}"))
        wait_queue(balancer, number - 1)
    head = site.curl("-i", url("/4"))
    assert head.startswith("HTTP/1.1 503 ") and "\nRetry-After: " in head
    wait_until(lambda: any("status=503" in line and "cause=queue_full" in line for line in balancer.access_log()), what="a record")
    wait_until(lambda: balancer.stat("BACKEND", "qmax") == "2", what="qmax")
    for _ in clients:
        slow.gate.release()
    assert [client.status() for client in clients] == ["200"] * 3
    wait_queue(balancer, 0)
    wait_until(lambda: int(balancer.stat("BACKEND", "qtime")) > 0, what="qtime")
    metrics = site.curl("-H", "Host: status.example", url("/metrics"))
    assert 'aegislb_backend_queue_full_total{backend="aegis"} 1' in metrics
    assert 'aegislb_backend_queue_seconds_count{backend="aegis"} 2' in metrics
    assert slow.paths[0] == "/1" and sorted(slow.paths) == ["/1", "/2", "/3"]


def test_who_waits_too_long_gets_503(site, slow):
    balancer = start(site, servers=FULL, backend='queue = { timeout = "200ms"; };')
    first = Curl("/1")
    slow.wait(1)
    assert Curl("/2").status() == "503"
    wait_until(lambda: any("cause=servers_full" in line for line in balancer.access_log()), what="a record")
    slow.gate.release()
    assert first.status() == "200"


def test_client_that_goes_away_leaves_the_queue(site, slow):
    balancer = start(site, servers=FULL, backend=QUEUE)
    first = Curl("/1")
    slow.wait(1)
    gone = [Curl("/gone"), Curl("/gone")]
    wait_queue(balancer, 2)
    for client in gone:
        client.kill()
    wait_queue(balancer, 0)
    last = Curl("/last")
    wait_queue(balancer, 1)
    slow.gate.release()
    slow.gate.release()
    assert (first.status(), last.status()) == ("200", "200")
    assert slow.paths == ["/1", "/last"]


def test_stream_that_is_reset_leaves_the_queue(site, slow, start_tls):
    balancer = start_tls(servers=FULL, backend=QUEUE)
    with Client(site) as c:
        for stream in (1, 3):
            c.send(frame(frames.HEADERS, 5, stream, request()))
        slow.wait(1)
        wait_queue(balancer, 1)
        c.send(frame(frames.RST_STREAM, 0, 3, b"\0\0\0\x08"))
        wait_queue(balancer, 0)
        slow.gate.release()
    assert len(slow.paths) == 1

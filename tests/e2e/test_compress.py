"""Answers that are compressed on their way, as real clients take them."""

import gzip
import http.client
import json
import threading
import zlib

import pytest

import test_http2
from lab import BALANCER, wait_until
from test_http import ONE
from test_http2 import start as start_tls  # a fixture

LISTENER = """, {
    name = "web"; mode = "http"; bind = ["*:8080"]; routes = ( { backend = "aegis"; compress = true; } );
}"""
BODY = json.dumps([{"number": n, "text": "hello " * 5} for n in range(20_000)]).encode()
URL = f"http://{BALANCER}:8080"


class App:
    """A server of one big JSON answer and of a stream of events that goes on when it is told to."""

    def __init__(self, site):
        self.gate = threading.Semaphore(0)
        site.start_recorder(port=80, serve=self.serve)

    def serve(self, s):
        with s, s.makefile("rb") as f:
            while line := f.readline():
                while f.readline().strip():
                    pass
                if b"/events" in line:
                    self.send_events(s)
                else:
                    s.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nETag: "x"\r\nContent-Length: %d\r\n\r\n' % len(BODY) + BODY)

    def send_events(self, s):
        s.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(3):
            self.gate.acquire(timeout=30)
            s.sendall(b"9\r\ndata: %d\n\n\r\n" % number)
        s.sendall(b"0\r\n\r\n")


@pytest.fixture
def app(site):
    return App(site)


def start(site):
    return site.start_balancer(proxy_protocol="off", health='type = "none";', servers=ONE, listeners=LISTENER)


def test_json_is_a_fraction_of_itself(site, app):
    balancer = start(site)
    out = site.folder / "out"
    head = site.curl("-D", "-", "-H", "Accept-Encoding: gzip", "-o", str(out), f"{URL}/").lower()
    assert "content-encoding: gzip" in head and "vary: accept-encoding" in head and 'etag: w/"x"' in head
    assert gzip.decompress(out.read_bytes()) == BODY and out.stat().st_size < len(BODY) / 10
    assert site.curl("--compressed", f"{URL}/").encode() == BODY
    head = site.curl("-D", "-", "-o", str(out), f"{URL}/").lower()
    assert "content-encoding" not in head and out.read_bytes() == BODY
    wait_until(lambda: balancer.stat("BACKEND", "comp_rsp") == "2", what="two compressed answers")
    assert balancer.stat("BACKEND", "comp_in") == str(2 * len(BODY))


def test_many_at_once_arrive_whole(site, app):
    start(site)
    results = []
    threads = [threading.Thread(target=lambda: results.append(site.curl("--compressed", *[f"{URL}/"] * 3))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8 and all(result.encode() == BODY * 3 for result in results)


def test_events_arrive_when_they_are_sent(site, app):
    start(site)
    connection = http.client.HTTPConnection(BALANCER, 8080, timeout=30)
    connection.request("GET", "/events", headers={"Accept-Encoding": "gzip"})
    answer = connection.getresponse()
    assert answer.getheader("Content-Encoding") == "gzip"
    inflate, got = zlib.decompressobj(31), b""
    for number in range(3):
        app.gate.release()
        wanted = got + b"data: %d\n\n" % number
        while got != wanted:
            part = answer.read1(65536)
            assert part, "the stream has ended"
            got += inflate.decompress(part)
    assert answer.read() is not None
    connection.close()


def test_over_http2_it_is_the_same(site, app, start_tls, monkeypatch):
    monkeypatch.setattr(test_http2, "LISTENER", test_http2.LISTENER.replace('{{ backend = "aegis"; }}', '{{ backend = "aegis"; compress = true; }}'))
    start_tls()
    out = site.folder / "out"
    head = test_http2.curl(site, "-D", "-", "-H", "Accept-Encoding: gzip", "-o", str(out), f"{test_http2.URL}/").lower()
    assert head.startswith("http/2 200") and "content-encoding: gzip" in head and "transfer-encoding" not in head
    assert gzip.decompress(out.read_bytes()) == BODY
    assert test_http2.curl(site, "--compressed", *[f"{test_http2.URL}/"] * 3).encode() == BODY * 3

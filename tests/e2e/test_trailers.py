"""Fields behind a body, between every two versions of HTTP."""

import socket

import pytest

pytest.importorskip("h2")

from h2peer import Client
from lab import BALANCER, SLOW
from test_http import ONE
from test_http2 import LISTENER
from test_tls import Certificates
from wire import read_all

PLAIN = """, { name = "web"; mode = "http"; bind = ["*:8080"]; routes = ( { backend = "aegis"; } ); }"""


class Chunked:
    """An HTTP/1 server that answers in chunks, with trailers where the client says that it takes them."""

    def __init__(self):
        self.heads, self.bodies, self.trailers = [], [], []

    def serve(self, s):
        with s, s.makefile("rb") as f:
            while line := f.readline():
                head = line + b"".join(iter(f.readline, b"\r\n"))
                self.heads.append(head)
                if b"chunked" in head:
                    self.take_body(f)
                s.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\n"
                          b"X-Sum: 17\r\nContent-Length: 3\r\nX-More: a b\r\n\r\n")

    def take_body(self, f):
        body, trailers = b"", []
        while size := int(f.readline() or b"0", 16):
            body += f.read(size)
            f.readline()
        while (line := f.readline()) not in (b"\r\n", b""):
            trailers.append(line.strip())
        self.bodies.append(body)
        self.trailers.append(trailers)


@pytest.fixture
def chunked(site, authority, tmp_path):
    (tmp_path / "certs").mkdir()
    certificates = Certificates(authority, tmp_path / "certs" / "live")
    certificates.put("first", ["one.example"])
    server = Chunked()
    site.start_recorder(port=80, serve=server.serve)
    site.start_balancer(proxy_protocol="off", health='type = "none";', servers=ONE, listeners=LISTENER.format(folder=certificates.folder) + PLAIN)
    return server


def test_trailers_of_an_http1_server_reach_a_client_of_http2(site, chunked):
    with Client(site) as c:
        for _ in range(2):
            m = c.ask(("te", "trailers"))
            assert (m.status, m.body, m.trailers) == ("200", b"hello", {"x-sum": "17", "x-more": "a b"})
    assert b"\r\nConnection: TE\r\nTE: trailers\r\n" in chunked.heads[0]


def test_trailers_of_a_client_of_http2_reach_an_http1_server(site, chunked):
    with Client(site) as c:
        m = c.ask(method="POST", body=b"x" * 100_000, trailers=[("x-check", "9"), ("host", "evil"), ("x_forwarded_for", "1")])
        assert m.status == "200"
    assert chunked.bodies == [b"x" * 100_000] and chunked.trailers == [[b"x-check: 9"]]


def test_more_trailers_than_a_body_may_have_end_the_stream(site, chunked):
    with Client(site) as c:
        m = c.ask(method="POST", body=b"x", trailers=[(f"x{i}", "y" * 1000) for i in range(10)])
        assert m.reset == 11
        assert c.ask().status == "200", "the connection goes on"


def test_trailers_pass_between_two_of_http1(site, chunked):
    with socket.create_connection((BALANCER, 8080), 10 * SLOW) as s:
        s.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nConnection: TE, close\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Check: 1\r\n\r\n")
        answer = read_all(s)
    assert answer.endswith(b"0\r\nX-Sum: 17\r\nX-More: a b\r\n\r\n")
    assert chunked.trailers == [[b"X-Check: 1"]]

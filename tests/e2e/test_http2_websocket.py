"""WebSockets over HTTP/2 (RFC 8441): a stream of the client is a connection of HTTP/1.1 to the server."""

import base64
import hashlib
import socket
import struct
import threading

import pytest

pytest.importorskip("h2")

import frames
from frames import frame
from h2peer import Client
from lab import SANITIZED, SLOW, wait_until
from test_http import ONE
from test_http2 import LISTENER, start  # noqa: F401

CANCEL = 8
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
ASK = ((":protocol", "websocket"), ("sec-websocket-version", "13"), ("origin", "https://one.example"))
SHORT = LISTENER.replace('tunnel = "1h"', 'tunnel = "1s"')


class Upgrader:
    """A server that switches to what is asked for, if `answer` does not say something else, and then does as `then`."""

    def __init__(self, site, then=None, answer=None, name="aegis-01"):
        self.heads, self.ends, self.sockets, self.then, self.answer = [], [], [], then or self.echo, answer or self.accept
        site.start_recorder(name, port=80, serve=self.serve)

    def serve(self, s):
        with s, s.makefile("rb") as f:
            self.sockets.append(s)
            lines = [line.rstrip(b"\r\n") for line in iter(f.readline, b"\r\n")]
            fields = {name.lower().decode(): value.strip().decode() for name, _, value in (line.partition(b":") for line in lines[1:])}
            self.heads.append((lines[0].decode(), fields))
            s.sendall(self.answer(fields))
            self.then(s)

    @staticmethod
    def accept(fields, more=b""):
        digest = hashlib.sha1(fields["sec-websocket-key"].encode() + GUID).digest()
        return (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " +
                base64.b64encode(digest) + b"\r\n" + more + b"\r\n")

    def echo(self, s):
        try:
            while data := s.recv(65536):
                s.sendall(data)
            self.ends.append("end")
        except ConnectionResetError:
            self.ends.append("reset")


def opened(c, *more, **where):
    """A tunnel that stands; its stream."""
    stream = c.begin(*ASK, *more, method="CONNECT", **where)
    m = c.streams[stream]
    c.until(lambda: m.headers or m.reset is not None)
    assert m.status == "200" and m.reset is None, vars(m)
    return stream, m


def record(balancer, *wanted):
    wait_until(lambda: any(all(w in line for w in wanted) for line in balancer.access_log()), what=f"a record with {wanted}")


def test_tunnel_stands_and_carries_both_ways(site, start):  # noqa: F811
    def accept(fields):
        return Upgrader.accept(fields, b"Sec-WebSocket-Protocol: b\r\nSec-WebSocket-Extensions: permessage-deflate\r\nX: y\r\n") + b"first"

    server = Upgrader(site, answer=accept)
    balancer = start()
    data = bytes(range(256)) * 8192
    with Client(site) as c:
        stream, m = opened(c, ("sec-websocket-protocol", "a, b"), ("sec-websocket-extensions", "permessage-deflate"),
                           ("sec-websocket-key", "mine"), ("cookie", "a=b"), path="/socket?a=b")
        assert c.h2.remote_settings.enable_connect_protocol == 1
        assert {k: v for k, v in m.headers.items() if k.startswith("sec-") or k == "x"} == {
            "sec-websocket-protocol": "b", "sec-websocket-extensions": "permessage-deflate", "x": "y"}
        assert not {"connection", "upgrade", "transfer-encoding", "content-length"} & set(m.headers)
        assert m.headers["strict-transport-security"] and m.headers["date"]
        c.send_body(stream, data)
        c.until(lambda: len(m.body) == len(data) + 5 or m.ended)
        assert m.body == b"first" + data
        c.send_body(stream, b"", end=True)
        assert c.finish(stream).ended and m.reset is None
    line, fields = server.heads[0]
    assert line == "GET /socket?a=b HTTP/1.1"
    assert len(base64.b64decode(fields["sec-websocket-key"])) == 16 and fields["sec-websocket-version"] == "13"
    assert fields["upgrade"] == "websocket" and fields["connection"].lower() == "upgrade" and fields["host"] == "one.example"
    assert fields["sec-websocket-protocol"] == "a, b" and fields["origin"] == "https://one.example" and fields["cookie"] == "a=b"
    assert "content-length" not in fields and "transfer-encoding" not in fields
    record(balancer, "version=2.0", "method=CONNECT", "status=200", "/socket", "server=aegis-01")


def test_each_key_is_new(site, start):  # noqa: F811
    server = Upgrader(site)
    start()
    with Client(site) as c:
        [opened(c) for _ in range(3)]
    assert len({fields["sec-websocket-key"] for _, fields in server.heads}) == 3


def test_client_that_ended_gets_what_still_comes(site, start):  # noqa: F811
    def then(s):
        while s.recv(65536):
            pass
        s.sendall(b"x" * 300_000)

    Upgrader(site, then)
    start()
    with Client(site) as c:
        stream, m = opened(c)
        c.send_body(stream, b"hello", end=True)
        assert c.finish(stream).body == b"x" * 300_000 and m.ended and m.reset is None


def test_server_that_ended_gets_what_still_comes(site, start):  # noqa: F811
    got, go = bytearray(), threading.Event()

    def then(s):
        s.shutdown(socket.SHUT_WR)
        go.wait(20 * SLOW)
        while data := s.recv(65536):
            got.extend(data)

    Upgrader(site, then)
    start()
    with Client(site) as c:
        stream, m = opened(c)
        c.until(lambda: m.ended or m.reset is not None)
        assert m.ended and m.reset is None
        go.set()
        c.send_body(stream, b"y" * 300_000, end=True)
        wait_until(lambda: len(got) == 300_000, what="the rest at the server")


def test_last_bytes_reach_a_server_that_takes_its_time(site, start):  # noqa: F811
    """Both have ended, but 60000 bytes are still on their way into a small window."""
    got, go = bytearray(), threading.Event()

    def then(s):
        s.shutdown(socket.SHUT_WR)
        assert go.wait(60 * SLOW)
        while data := s.recv(4096):
            got.extend(data)

    Upgrader(site, then)
    start()
    size = 12_000_000  # more than what the kernel takes for a server that does not read
    with Client(site) as c:
        stream, m = opened(c)
        c.until(lambda: m.ended or m.reset is not None)
        sent = 0
        threading.Timer(1, go.set).start()
        while sent < size:
            n = min(size - sent, 1_000_000)
            c.send_body(stream, b"z" * n, end=sent + n == size)
            sent += n
        wait_until(lambda: len(got) == size, 120, "the rest at the server")


@pytest.mark.parametrize("side", ["client", "server"])
def test_reset_passes_to_the_other_side(site, start, side):  # noqa: F811
    def then(s):
        if side == "client":
            Upgrader.echo(server, s)
            return
        s.recv(5)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    server = Upgrader(site, then)
    balancer = start()
    with Client(site) as c:
        stream, m = opened(c)
        if side == "client":
            c.h2.reset_stream(stream, CANCEL)
            c.flush()
            wait_until(lambda: server.ends, what="an end at the server")
            assert server.ends == ["reset"]
            record(balancer, "method=CONNECT", "cause=client_reset")
        else:
            c.send_body(stream, b"hello")
            assert c.finish(stream).reset == CANCEL
            record(balancer, "method=CONNECT", "cause=server_reset")
        c.ask(path="/robots.txt")  # the connection goes on
        assert c.streams[stream + 2].body == b"nobody\n"


def test_tunnel_without_a_byte_ends_in_time(site, start, tmp_path):  # noqa: F811
    server = Upgrader(site)
    balancer = start(listeners=SHORT.format(folder=tmp_path / "certs" / "live"))
    with Client(site) as c:
        m = c.finish(c.begin(*ASK, method="CONNECT"))
        assert m.status == "200" and m.reset == CANCEL
        wait_until(lambda: server.ends, what="an end at the server")
        record(balancer, "method=CONNECT", "cause=idle_timeout")


def test_server_that_is_gone_costs_no_tunnel(site, start):  # noqa: F811
    Upgrader(site)
    balancer = start(servers='{ name = "gone"; address = "10.10.10.103:81"; }, ' + ONE)
    with Client(site) as c:
        for _ in range(2):
            opened(c)
    record(balancer, "method=CONNECT", "retries=1", "server=aegis-01")


def refused(c, *more, path="/", method="CONNECT", end=False):
    stream = c.begin(*more, method=method, path=path, end=end)
    m = c.streams[stream]
    c.until(lambda: m.ended or m.reset is not None or c.closed or c.goaway)
    return m.status


def test_what_is_no_tunnel_is_refused(site, start):  # noqa: F811
    server = Upgrader(site)
    balancer = start()
    for protocol in ("connect-udp", "h2c", "HTTP/1.1", "websockets"):
        with Client(site) as c:
            assert refused(c, (":protocol", protocol)) in ("501", "400"), protocol
    with Client(site) as c:
        assert refused(c, (":protocol", "connect-ip")) == "501"
        assert refused(c, *ASK, path="/robots.txt") == "501"  # whose 200 would be a tunnel
        assert refused(c, *ASK, ("content-length", "5")) == "400"
    websocket = (b":protocol", b"websocket")
    for case in (frames.request(b"CONNECT"), frames.block((b":method", b"CONNECT"), (b":authority", b"one.example:443")),
                 frames.request(b"GET", b"/", b"one.example", websocket), frames.request(b"POST", b"/", b"one.example", websocket),
                 frames.request(b"CONNECT", b"/", b"one.example", websocket, websocket),
                 frames.request(b"CONNECT", b"/", b"one.example", (b":protocol", b"")),
                 frames.request(b"CONNECT", b"/", b"one.example", (b":protocol", b"websocket\r\nx: y")),
                 frames.request(b"CONNECT", b"/", b"one.example", websocket, (b"upgrade", b"websocket")),
                 frames.block((b":method", b"CONNECT"), websocket, (b":authority", b"one.example"))):
        with frames.Client(site) as c:
            c.send(frame(frames.HEADERS, frames.END_HEADERS, 1, case))
            kind, _, payload = c.answer(1)
            assert kind in (frames.RST_STREAM, frames.GOAWAY) or frames.status(payload) in ("400", "501"), (case, payload)
    assert server.heads == []
    record(balancer, "method=CONNECT", "status=501", "cause=request_unsupported")


@pytest.mark.parametrize("answer, status", [
    (lambda fields: Upgrader.accept({"sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA=="}), "502"),
    (lambda fields: b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "502"),
    (lambda fields: Upgrader.accept(fields).replace(b"Upgrade: websocket", b"Upgrade: other"), "502"),
    (lambda fields: Upgrader.accept(fields, b"Sec-WebSocket-Accept: x\r\n"), "502"),
    (lambda fields: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "502"),
    (lambda fields: b"HTTP/1.1 204 No Content\r\n\r\n", "502"),
    (lambda fields: b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", "403"),
    (lambda fields: b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n", "302"),
], ids=["other-key", "no-accept", "other-protocol", "two-accepts", "200", "204", "403", "302"])
def test_what_the_server_does_not_grant_is_no_tunnel(site, start, answer, status):  # noqa: F811
    Upgrader(site, answer=answer)
    start()
    with Client(site) as c:
        assert refused(c, *ASK) == status
        assert c.ask(path="/robots.txt").body == b"nobody\n"


def test_servers_of_http2_grant_none(site, start):  # noqa: F811
    start(proxy_protocol='off"; protocol = "h2c')
    with Client(site) as c:
        assert refused(c, *ASK) == "501"


def ask_raw(stream):
    return frame(frames.HEADERS, frames.END_HEADERS, stream, frames.request(
        b"CONNECT", b"/", b"one.example", (b":protocol", b"websocket"), (b"sec-websocket-version", b"13")))


def test_who_sends_more_than_its_window_is_cut_off(site, start, tmp_path):  # noqa: F811
    """The server takes nothing, the client does not care."""
    stuck = threading.Event()
    Upgrader(site, lambda s: stuck.wait(60 * SLOW))
    balancer = start(listeners=LISTENER.format(folder=tmp_path / "certs" / "live").replace('idle = "20s"', 'idle = "1s"'))
    before = balancer.resident_bytes()
    with frames.Client(site) as c:
        c.send(ask_raw(1))
        data = frame(frames.DATA, 0, 1, bytes(16384)) * 2000
        codes = [payload[-4:] for kind, _, stream, payload in c.frames(c.received_while_sending(data))
                 if kind == frames.RST_STREAM and stream == 1]
    stuck.set()
    assert codes == [b"\0\0\0\x03"]  # FLOW_CONTROL_ERROR
    assert SANITIZED or balancer.resident_bytes() < before + (24 << 20)


def test_who_takes_nothing_holds_little(site, start, tmp_path):  # noqa: F811
    """100 tunnels of a client without a window, each with a server that sends and sends."""
    def then(s):
        while True:
            s.sendall(bytes(65536))

    server = Upgrader(site, then)
    balancer = start(listeners=SHORT.format(folder=tmp_path / "certs" / "live"), workers=1)
    before = balancer.resident_bytes()
    with frames.Client(site, settings=b"\0\x04\0\0\0\0") as c:  # SETTINGS_INITIAL_WINDOW_SIZE = 0
        c.send(b"".join(ask_raw(2 * i + 1) for i in range(120)))
        ended, codes = set(), {}
        for kind, _, stream, payload in c.frames():
            if kind == frames.RST_STREAM:
                ended.add(stream)
                codes[stream] = int.from_bytes(payload, "big")
            if len(ended) == 120:
                break
    assert sum(code == 7 for code in codes.values()) == 20  # REFUSED_STREAM: more than 100 at once
    assert sum(code == CANCEL for code in codes.values()) == 100  # the time limit of tunnels
    assert len(server.heads) == 100
    assert SANITIZED or balancer.resident_bytes() < before + (40 << 20)


def test_tunnels_opened_and_reset_at_once_are_too_much(site, start):  # noqa: F811
    Upgrader(site)
    balancer = start()
    before = balancer.resident_bytes()
    with frames.Client(site) as c:
        for i in range(2000):
            if not c.send(ask_raw(2 * i + 1) + frame(frames.RST_STREAM, 0, 2 * i + 1, b"\0\0\0\x08")):
                break
        assert c.goaway() == frames.CALM
    assert SANITIZED or balancer.resident_bytes() < before + (24 << 20)
    with Client(site) as c:
        opened(c)

"""HTTP/2 frame by frame, for clients that do not keep to it."""

import select
import socket
import ssl
import struct

import hpack

from lab import BALANCER, SLOW

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
ACK = END_STREAM = 1
END_HEADERS = 4
CALM = 11  # ENHANCE_YOUR_CALM


def integer(value, bits):
    limit = (1 << bits) - 1
    if value < limit:
        return bytes([value])
    out, value = [limit], value - limit
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes(out + [value])


def block(*fields):
    """A header block of literals, each (name, value) of bytes."""
    return b"".join(b"\x10" + integer(len(n), 7) + n + integer(len(v), 7) + v for n, v in fields)


def request(method=b"GET", path=b"/", authority=b"one.example", *more):
    return block((b":method", method), (b":scheme", b"https"), (b":authority", authority), (b":path", path), *more)


def status(payload):
    """Of the first answer of a connection: what its head says."""
    return dict(hpack.Decoder().decode(payload))[":status"]


def frame(kind, flags, stream, payload=b""):
    return struct.pack("!I", len(payload))[1:] + bytes([kind, flags]) + struct.pack("!I", stream) + payload


class Client:
    """A connection whose preface was sent."""

    def __init__(self, site, port=8443, name="one.example", settings=b""):
        context = ssl.create_default_context(cafile=site.authority.pem)
        context.set_alpn_protocols(["h2"])
        self.s = context.wrap_socket(socket.create_connection((BALANCER, port), 10 * SLOW), server_hostname=name)
        assert self.s.selected_alpn_protocol() == "h2"
        self.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, settings))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.s.close()

    def send(self, data):
        """False: the other end has had enough."""
        try:
            self.s.sendall(data)
            return True
        except OSError:
            return False

    def received(self):
        """What comes, in pieces, until the end of it."""
        try:
            while part := self.s.recv(65536):
                yield part
        except OSError:
            pass

    def received_while_sending(self, data):
        """The same, while this is sent. By one thread: two must not use one TLS connection."""
        self.s.setblocking(False)
        while True:
            try:
                data = data[self.s.send(data):] if data else data
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
            except OSError:
                data = b""
            try:
                part = self.s.recv(65536)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                readable, writable, _ = select.select([self.s], [self.s] if data else [], [], 10 * SLOW)
                assert readable or writable, "nothing comes, and no end"
                continue
            except OSError:
                return
            if not part:
                return
            yield part

    def frames(self, pieces=None):
        """What comes, until the end of it: (type, flags, stream, payload)."""
        buffer = b""
        for part in pieces or self.received():
            buffer += part
            while len(buffer) >= 9 and len(buffer) >= 9 + (size := int.from_bytes(buffer[:3], "big")):
                yield buffer[3], buffer[4], int.from_bytes(buffer[5:9], "big"), buffer[9:9 + size]
                buffer = buffer[9 + size:]

    def goaway(self, pieces=None):
        """The code of the GOAWAY that comes; None: the connection ended without one."""
        for kind, _, _, payload in self.frames(pieces):
            if kind == GOAWAY:
                return int.from_bytes(payload[4:8], "big")

    def answer(self, stream):
        """Type, flags and payload of the stream's first frame that is HEADERS or RST_STREAM."""
        for kind, flags, at, payload in self.frames():
            if at == stream and kind in (HEADERS, RST_STREAM):
                return kind, flags, payload
            if kind == GOAWAY:
                return kind, flags, payload

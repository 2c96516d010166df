"""What goes over the wire, byte by byte: raw connections, TLS hellos, alerts, PROXY headers."""

import contextlib
import os
import socket
import ssl
from ipaddress import ip_address

from lab import BALANCER, SLOW

UNRECOGNIZED_NAME = 112


class Closed(Exception):
    """The other end closed too early."""


def connect(address=BALANCER, port=443, source=None):
    s = socket.create_connection((address, port), 10 * SLOW, source and (source, 0))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def read_all(s):
    """Everything until the other end closes."""
    data = bytearray()
    while part := s.recv(65536):
        data += part
    return bytes(data)


def read_exactly(s, number):
    data = bytearray()
    while len(data) < number:
        part = s.recv(number - len(data))
        if not part:
            raise Closed(f"after {len(data)} of {number} bytes")
        data += part
    return bytes(data)


def client_hello(name="aegisagent.ai", alpn=()):
    """The bytes that OpenSSL would send first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(alpn)
    outgoing = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


def large_hello(size, name=b"aegisagent.ai"):
    """A hello of that many bytes: a key share of noise, as post-quantum ones are large, comes before the name."""
    def extension(number, body):
        return number.to_bytes(2, "big") + len(body).to_bytes(2, "big") + body

    def message(noise):
        entry = b"\0" + len(name).to_bytes(2, "big") + name
        extensions = extension(0x2a2a, b"") + extension(51, os.urandom(noise)) + \
            extension(0, len(entry).to_bytes(2, "big") + entry)
        body = b"\3\3" + bytes(32) + b"\0" + b"\0\2\x13\1" + b"\1\0" + \
            len(extensions).to_bytes(2, "big") + extensions
        return b"\1" + len(body).to_bytes(3, "big") + body

    return in_records(b"\x16\3\1\0\0" + message(size - 5 - len(message(0))), 16384)


def in_records(hello, size):
    """The same handshake message, cut into TLS records of that size."""
    message = hello[5:]
    return b"".join(b"\x16\3\1" + len(piece).to_bytes(2, "big") + piece
                    for piece in (message[i:i + size] for i in range(0, len(message), size)))


def alert_in(answer):
    """The number of the fatal TLS alert that the answer is, or None."""
    is_alert = len(answer) == 7 and answer[:2] == b"\x15\3" and answer[3:6] == b"\0\2\2"
    return answer[6] if is_alert else None


def alert_for(data, **where):
    """What a client gets that sends these bytes: an alert and an orderly close."""
    with connect(**where) as s:
        s.sendall(data)
        return alert_in(read_all(s))


def proxy_v2(header):
    """(command, source, destination, {type: value}, bytes after it) of a PROXY v2 header."""
    assert header[:12] == b"\r\n\r\n\0\r\nQUIT\n" and header[12] >> 4 == 2
    end = 16 + int.from_bytes(header[14:16], "big")
    n = {1: 4, 2: 16}.get(header[13] >> 4, 0)
    at = header[16:end]
    ports = at[2 * n:2 * n + 4]
    source = (str(ip_address(at[:n])), int.from_bytes(ports[:2], "big")) if n else None
    destination = (str(ip_address(at[n:2 * n])), int.from_bytes(ports[2:], "big")) if n else None
    rest, tlvs = at[2 * n + 4 if n else 0:], {}
    while rest:
        size = int.from_bytes(rest[1:3], "big")
        tlvs[rest[0]], rest = rest[3:3 + size], rest[3 + size:]
    return header[12] & 15, source, destination, tlvs, header[end:]

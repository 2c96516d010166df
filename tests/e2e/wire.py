"""What goes over the wire, byte by byte: raw connections, TLS hellos, alerts."""

import contextlib
import re
import socket
import ssl

from lab import BALANCER, SLOW


def connect(address=BALANCER, port=443):
    s = socket.create_connection((address, port), 10 * SLOW)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def read_all(s):
    """Everything until the other end closes."""
    data = bytearray()
    while part := s.recv(65536):
        data += part
    return bytes(data)


def client_hello(name="aegisagent.ai", alpn=()):
    """The bytes that OpenSSL would send first."""
    context = ssl.create_default_context()
    if alpn:
        context.set_alpn_protocols(alpn)
    context.check_hostname = name is not None
    context.verify_mode = ssl.CERT_NONE if name is None else ssl.CERT_REQUIRED
    outgoing = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


def in_records(hello, size):
    """The same handshake message, cut into TLS records of that size."""
    message = hello[5:]
    return b"".join(b"\x16\x03\x01" + len(piece).to_bytes(2, "big") + piece
                    for piece in (message[i:i + size] for i in range(0, len(message), size)))


def alert(number):
    """The fatal TLS alert with that number, as it stands on the wire but for the version's minor byte."""
    return re.compile(b"\x15\x03[\x01\x03]\x00\x02\x02" + bytes([number]), re.DOTALL)

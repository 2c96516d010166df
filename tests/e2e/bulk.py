#!/usr/bin/python3
"""Large bodies whose bytes are known: every one of them depends on its place.

    bulk.py serve PORT      an HTTP/1.1 server: GET /length/N and /chunked/N send N bytes; PUT answers `N SUM` of what came
    bulk.py make N          N bytes on standard output
    bulk.py sum             `N SUM` of standard input
"""

import os
import random
import socket
import sys
import threading
import zlib

PIECE = 1 << 18
PATTERN = random.Random(7).randbytes(PIECE - 13)  # no multiple of anything that a proxy's buffers have


def pieces(size):
    while size > 0:
        piece = PATTERN[:size]
        yield piece
        size -= len(piece)


class Sum:
    def __init__(self):
        self.size = self.crc = 0

    def add(self, data):
        self.size, self.crc = self.size + len(data), zlib.crc32(data, self.crc)

    def __str__(self):
        return f"{self.size} {self.crc:08x}"


def expected(size):
    s = Sum()
    for piece in pieces(size):
        s.add(piece)
    return str(s)


def take(f, size, s):
    while size > 0:
        data = f.read(min(size, PIECE))
        if not data:
            raise EOFError(f"{size} bytes are missing after {s}")
        s.add(data)
        size -= len(data)


def take_body(f, fields):
    s = Sum()
    if fields.get(b"transfer-encoding") == b"chunked":
        while size := int(f.readline(), 16):
            take(f, size, s)
            f.readline()
        f.readline()
    else:
        take(f, int(fields.get(b"content-length", b"0")), s)
    return s


def send_body(s, kind, size):
    if kind == b"length":
        s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for piece in pieces(size):
            s.sendall(piece)
    else:
        s.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in pieces(size):
            s.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        s.sendall(b"0\r\n\r\n")


def serve_one(s):
    with s, s.makefile("rb", 1 << 20) as f:
        while line := f.readline():
            head = iter(f.readline, b"\r\n")
            fields = {name.lower(): value.strip() for name, _, value in (field.partition(b":") for field in head)}
            method, path = line.split()[:2]
            if method == b"GET":
                _, kind, size = path.split(b"/")
                send_body(s, kind, int(size))
            else:
                answer = str(take_body(f, fields)).encode()
                s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)


def serve(port):
    listener = socket.create_server(("", port))
    print("listening", flush=True)
    while True:
        threading.Thread(target=serve_one, args=(listener.accept()[0],), daemon=True).start()


def make(size):
    for piece in pieces(size):
        sys.stdout.buffer.write(piece)


def sum_up():
    s = Sum()
    while data := os.read(0, PIECE):
        s.add(data)
    print(s)


if __name__ == "__main__":
    {"serve": lambda: serve(int(sys.argv[2])), "make": lambda: make(int(sys.argv[2])), "sum": sum_up}[sys.argv[1]]()

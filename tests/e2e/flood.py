#!/usr/bin/python3
"""One end of many connections, with a stream of its own each way on every one of them; each byte is compared.

    flood.py serve PORT CONNECTIONS BYTES
    flood.py connect ADDRESS PORT CONNECTIONS BYTES [slow]

A process with one loop: where a hundred threads share one interpreter, who waits for it waits for the test and not for
the balancer. It ends when every connection has had all its bytes both ways and the end of them, and then prints what it
has seen as one line of JSON, `pause` being the longest time that one connection stood still; or when nothing at all has
moved for half a minute, which it says. `slow`: it rests 20 ms after each of the first 64 reads of a connection.
"""

import json
import random
import select
import socket
import sys
import time

from lab import SLOW
from wire import client_hello, connect

MIB, CHUNK = 1 << 20, 1 << 18
PATTERN = memoryview(random.Random(1).randbytes(MIB) * 2)
PATIENCE = 30 * SLOW  # without a byte on any connection
NUMBER = 2  # bytes behind the hello that say which connection this is
SLOW_READS, REST = 64, 0.02


class Stream:
    """What goes one way: the pattern over and over, from a place that only this stream begins at."""

    def __init__(self, number, from_client, size):
        self.start, self.left, self.done = (2 * number + from_client) * 7919 % MIB, size, 0

    def next(self, most):
        at = (self.start + self.done) % MIB
        return PATTERN[at:at + min(most, self.left)]

    def move(self, n):
        self.done += n
        self.left -= n


class Failure(Exception):
    """What was found, for people."""


class End:
    """Our end of one connection."""

    def __init__(self, s, size, number=None):
        s.setblocking(False)
        self.s, self.size, self.reads, self.wakes = s, size, 0, 0.0
        self.opening = bytearray()  # the server's: what came of the hello and the number
        self.ended = False  # the peer's end was read
        self.moved, self.pause = time.monotonic(), 0.0  # the last byte either way; the longest time without
        if number is not None:
            self.out, self.incoming = Stream(number, True, size), Stream(number, False, size)

    def opened(self, data):
        """The server's: the bytes behind hello and number; None as long as these are not whole."""
        self.opening += data
        end = 5 + int.from_bytes(self.opening[3:5], "big") + NUMBER
        if len(self.opening) < max(5, end):
            return None
        number = int.from_bytes(self.opening[end - NUMBER:end], "big")
        self.out, self.incoming = Stream(number, False, self.size), Stream(number, True, self.size)
        return memoryview(self.opening)[end:]

    def is_open(self):
        return hasattr(self, "out")

    def take(self, data):
        """Compares what came with what was to come."""
        while len(data):
            expected = self.incoming.next(len(data))
            if not len(expected) or data[:len(expected)] != expected:
                raise Failure(f"other bytes than were sent, after {self.incoming.done}")
            self.incoming.move(len(expected))
            data = data[len(expected):]

    def read(self, buffer):
        n = self.s.recv_into(buffer)
        self.reads += 1
        data = memoryview(buffer)[:n]
        if n and not self.is_open():
            data = self.opened(data) or memoryview(b"")
        self.take(data) if self.is_open() else None
        if n == 0:
            self.ended = True
            if not self.is_open() or self.incoming.left:
                raise Failure(f"ended after {self.incoming.done if self.is_open() else 0} bytes")
        return n

    def write(self):
        n = self.s.send(self.out.next(CHUNK))
        self.out.move(n)
        if not self.out.left:
            self.s.shutdown(socket.SHUT_WR)
        return n

    def touch(self, now):
        self.pause, self.moved = max(self.pause, now - self.moved), now

    def wants(self, now):
        reads = select.EPOLLIN if not self.ended and now >= self.wakes else 0
        return reads | (select.EPOLLOUT if self.is_open() and self.out.left else 0)

    def is_done(self):
        return self.ended and not self.out.left


class Flood:
    """All ends of this process."""

    def __init__(self, slow=False):
        self.ends, self.wanted, self.slow = {}, {}, slow
        self.epoll, self.buffer = select.epoll(), bytearray(CHUNK)
        self.done = self.sent = self.received = self.pause = 0
        self.moved = self.started = time.monotonic()

    def add(self, end):
        self.ends[end.s.fileno()] = end
        self.wanted[end.s.fileno()] = None

    def want(self, now):
        """Tells epoll of what has changed."""
        for fd, end in self.ends.items():
            wanted = end.wants(now)
            if wanted != self.wanted[fd]:
                (self.epoll.register if self.wanted[fd] is None else self.epoll.modify)(fd, wanted)
                self.wanted[fd] = wanted

    def serve(self, end, events, now):
        if events & select.EPOLLOUT:
            self.sent += end.write()
        if events & ~select.EPOLLOUT and not end.ended:
            self.received += end.read(self.buffer)
            if self.slow and end.reads <= SLOW_READS:
                end.wakes = now + REST
        end.touch(now)
        if end.is_done():
            self.pause = max(self.pause, end.pause)
            del self.ends[end.s.fileno()]
            end.s.close()
            self.done += 1

    def turn(self, listener=None):
        now = time.monotonic()
        self.want(now)
        for fd, events in self.epoll.poll(REST / 2):
            if listener and fd == listener.fileno():
                self.add(End(listener.accept()[0], self.size))
            else:
                try:
                    self.serve(self.ends[fd], events, now)
                except OSError as error:
                    raise Failure(f"{error}, {self.ends[fd].reads} reads") from error
            self.moved = now
        if now - self.moved > PATIENCE:
            raise Failure(f"nothing moved for {PATIENCE:.0f} s on {len(self.ends)} connections")

    def run(self, connections, listener=None):
        while self.done < connections:
            self.turn(listener)
        print(json.dumps({"connections": self.done, "sent": self.sent, "received": self.received,
                          "seconds": round(time.monotonic() - self.started, 1), "pause": round(self.pause, 2)}), flush=True)


def serve(port, connections, size):
    listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024)
    flood = Flood()
    flood.size = size
    flood.epoll.register(listener, select.EPOLLIN)
    print("listening", flush=True)
    flood.run(connections, listener)


def client(address, port, connections, size, slow):
    flood = Flood(slow)
    for number in range(connections):
        s = connect(address, port)
        s.sendall(client_hello() + number.to_bytes(NUMBER, "big"))
        flood.add(End(s, size, number))
    flood.run(connections)


def main(what, *rest):
    slow = rest[-1] == "slow"
    numbers = [int(word) for word in (rest[1:] if what == "connect" else rest) if word != "slow"]
    try:
        client(rest[0], *numbers, slow) if what == "connect" else serve(*numbers)
    except Failure as failure:
        sys.exit(f"flood: {failure}")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A box between one machine and the switch that gives frames out in another order, and some of them twice."""

import array
import fcntl
import heapq
import random
import select
import socket
import struct
import threading
import time

from lab import inside, ip


def no_offload(machine):
    """Checksums must be in the packets: who takes them from here is no kernel."""
    with inside(machine):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    value = array.array("B", struct.pack("II", 0x17, 0))  # ETHTOOL_STXCSUM, off
    address, _ = value.buffer_info()
    with s:
        fcntl.ioctl(s, 0x8946, struct.pack("16sP16x", b"eth0", address))


class Jumble:
    """Every frame to and from `name` is held back for a moment with `percent` of probability, and as many are sent
    again later; at most `delay` seconds."""

    def __init__(self, network, name, percent=10, delay=1.2, seed=1):
        self.network, self.name, self.percent, self.delay = network, name, percent, delay
        self.random = random.Random(seed)
        self.later, self.count = [], 0
        for machine in network.addresses:
            no_offload(network.machines[machine])
        with inside(network.machines["switch"]):
            ip(f"link set {name} nomaster")
            ip("link add box-in type veth peer name box-out")
            ip("link set box-in up master wire")
            ip("link set box-out up")
            self.ports = [self.open(name), self.open("box-out")]
        self.running = True
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    @staticmethod
    def open(port):
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        s.bind((port, 3))
        s.setblocking(False)
        return s

    def run(self):
        while self.running:
            wait = max(0.0, self.later[0][0] - time.monotonic()) if self.later else 0.05
            for port in select.select(self.ports, [], [], min(wait, 0.05))[0]:
                self.take(port, self.ports[1 - self.ports.index(port)])
            while self.later and self.later[0][0] <= time.monotonic():
                _, _, out, frame = heapq.heappop(self.later)
                self.send(out, frame)

    def take(self, port, out):
        while True:
            try:
                frame, address = port.recvfrom(4096)
            except BlockingIOError:
                return
            if address[2] == 4:  # PACKET_OUTGOING: we sent it
                continue
            if self.random.randrange(100) < self.percent:
                self.hold(out, frame)  # late
            else:
                self.send(out, frame)
                if self.random.randrange(100) < self.percent:
                    self.hold(out, frame)  # and once more

    def hold(self, out, frame):
        self.count += 1
        heapq.heappush(self.later, (time.monotonic() + self.random.uniform(0, self.delay), self.count, out, frame))

    @staticmethod
    def send(out, frame):
        try:
            out.send(frame)
        except OSError:
            pass  # a full queue loses frames, as queues do

    def end(self):
        self.running = False
        self.thread.join()
        for port in self.ports:
            port.close()
        with inside(self.network.machines["switch"]):
            ip("link del box-in")
            ip(f"link set {self.name} master wire")

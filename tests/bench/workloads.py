"""What is measured: the workloads of the benchmark, and the rows of its table with their goals."""

from dataclasses import dataclass, replace

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


@dataclass(frozen=True)
class Workload:
    """A number of connections that each go through one exchange (see exchange.h), a few at once."""
    name: str
    exchange: dict
    connections: int
    parallel: int = 64
    rate: int = 0  # new connections a second; 0: as fast as they end
    split: bool = False  # the hello in two segments
    hold: bool = False  # stay open; what counts is memory
    warm: int = 0  # connections made before the measured ones
    grows: str = "connections"  # what is made smaller for a quick run: connections, or a key of the exchange

    def sized(self, fraction):
        """The same with less work; memory is compared at full size."""
        if self.hold:
            return self
        if self.grows == "connections":
            return replace(self, connections=max(1, int(self.connections * fraction)))
        return replace(self, exchange=self.exchange | {self.grows: max(1, int(self.exchange[self.grows] * fraction))})

    def units(self):
        """How often the thing was done that the table's unit speaks of."""
        x = self.exchange
        if self.grows == "connections":
            return self.connections
        if self.grows == "rounds":
            return self.connections * x["rounds"]
        return self.connections * x[self.grows] / GIB


@dataclass(frozen=True)
class Web:
    """Connections over TLS 1.3 that each ask for a body so many times (see ask.c); a server behind that answers."""
    name: str
    connections: int
    parallel: int = 32
    rounds: int = 1
    size: int = KIB
    certificate: str = "p256"  # or rsa
    resume: bool = False
    streams: int = 0  # of HTTP/2 at once; 0: HTTP/1.1
    warm: int = 0
    grows: str = "connections"  # or rounds, or size
    rate = hold = 0

    def sized(self, fraction):
        return replace(self, **{self.grows: max(1, int(getattr(self, self.grows) * fraction))})

    def units(self):
        if self.grows == "size":
            return self.connections * self.rounds * self.size / GIB
        return self.connections * self.rounds


@dataclass(frozen=True)
class Row:
    """One line of the table: a figure of a workload. Goals are the highest ratios allowed, or an absolute figure."""
    workload: str
    figure: str  # cpu, p50, p99, idle, rest
    label: str
    unit: str
    of_floor: float | None = None
    of_best: float | None = None
    at_most: float | None = None


NEW = {"hello": 517, "first": KIB}
WORKLOADS = [
    Workload("W1", NEW, 16000, warm=500),
    Workload("W1c", NEW | {"server_closes": 1}, 16000, warm=500),
    Workload("W1s", NEW | {"hello": 1800}, 16000, warm=500, split=True),
    Workload("W1r", NEW, 8000, warm=500, rate=4000, parallel=1000),
    Workload("W2down1", {"hello": 517, "first": 4 * GIB}, 1, grows="first"),
    Workload("W2down16", {"hello": 517, "first": GIB // 4}, 16, grows="first"),
    Workload("W2up1", {"hello": 517, "rounds": 1, "message": 4 * GIB, "answer": 1}, 1, grows="message"),
    Workload("W2up16", {"hello": 517, "rounds": 1, "message": GIB // 4, "answer": 1}, 16, grows="message"),
    Workload("W3", {"hello": 517, "rounds": 1000, "message": KIB, "answer": KIB}, 64, grows="rounds"),
    Workload("W4", {"hello": 517, "first": 1}, 5000, warm=500, hold=True),
    Web("W5r", 3000, certificate="rsa", warm=100),
    Web("W5e", 5000, warm=100),
    Web("W5R", 5000, warm=100, resume=True),
    Web("W6", 64, parallel=64, rounds=2000, grows="rounds", warm=64),
    Web("W7", 16, parallel=16, rounds=8000, streams=16, grows="rounds", warm=16),
    Web("W8", 4, parallel=4, size=GIB // 4, grows="size"),
]
QUICK = ["W1", "W1c", "W1s", "W2down1", "W2up16", "W3", "W4"]

ROWS = [
    Row("W1", "cpu", "W1   new connection, client closes", "us", of_floor=1.10, of_best=0.92),
    Row("W1c", "cpu", "W1c  new connection, server closes", "us", of_floor=1.10, of_best=0.95),
    Row("W1s", "cpu", "W1s  1800 B hello in two segments", "us", of_floor=1.10, of_best=1.00),
    Row("W1r", "cpu", "W1r  new connections, 4000 a second", "us", of_floor=1.08, of_best=1.00),
    Row("W1r", "p50", "W1r  added latency, median", "us", of_best=1.00),
    Row("W1r", "p99", "W1r  added latency, 99 %", "us", of_best=1.00),
    Row("W2down1", "cpu", "W2   bulk to the client, 1 stream", "ms/GiB", of_floor=1.05, of_best=1.00),
    Row("W2down16", "cpu", "W2   bulk to the client, 16 streams", "ms/GiB", of_floor=1.05, of_best=1.00),
    Row("W2up1", "cpu", "W2   bulk to the server, 1 stream", "ms/GiB", of_floor=1.05, of_best=1.00),
    Row("W2up16", "cpu", "W2   bulk to the server, 16 streams", "ms/GiB", of_floor=1.05, of_best=1.00),
    Row("W3", "cpu", "W3   1 KiB ping-pong, 64 connections", "us", of_floor=1.05, of_best=0.95),
    Row("W4", "idle", "W4   an idle connection", "bytes", at_most=512),
    Row("W4", "rest", "W4   the process at rest", "KiB", at_most=6000),
    Row("W5r", "cpu", "W5r  TLS handshake, RSA-2048, one GET", "us", of_floor=1.04, of_best=0.95),
    Row("W5e", "cpu", "W5e  TLS handshake, P-256, one GET", "us", of_floor=1.00, of_best=0.90),
    Row("W5R", "cpu", "W5R  TLS handshake resumed, one GET", "us", of_floor=1.04, of_best=0.96),
    Row("W6", "cpu", "W6   HTTP/1.1 GET over TLS, kept alive", "us", of_best=0.80),
    Row("W7", "cpu", "W7   HTTP/2 GET, 16 x 16 streams", "us", of_best=0.85),
    Row("W8", "cpu", "W8   download through TLS, 4 streams", "ms/GiB", of_floor=0.97, of_best=0.85),
]


def is_bulk(workload):
    return workload.name.startswith("W2")


def is_web(workload):
    return isinstance(workload, Web)

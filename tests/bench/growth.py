"""How the cost grows: a new connection (or a request) with little and with much of one thing, in turn; and what a scrape of the
metrics takes. Of aegislb alone."""

import resource
import socket
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

import process
from measure import is_listening
from peers import AEGISLB_WEB, NAME, Peer
from report import aligned, figure_text
from workloads import WORKLOADS

CONFIG = """
node      = "bench";
workers   = {workers};
state_dir = "{folder}/state";
log       = {{ target = "stderr"; level = "error"; access = "{access}"; }};
limits    = {{ connections = 12000; connections_per_source = 12000; }};
status    = {{ socket = "{folder}/aegislb.sock"; {http} }};
listeners = ( {{ name = "https"; mode = "passthrough"; bind = ["127.0.0.1:{port}"]; routes = ( {routes} ); }} );
backends  = ( {{ name = "aegis"; health = {{ type = "none"; }}; servers = ( {servers} ); }} );
"""


@dataclass(frozen=True)
class Setting:
    """What aegislb is given, and how many connections are open already."""
    held: int = 0
    servers: int = 1
    routes: int = 1
    workers: int = 1
    logs: bool = False


@dataclass(frozen=True)
class Growth:
    """One row: a workload under two settings. The goal is the highest ratio allowed."""
    name: str
    label: str
    of: str  # a workload's name
    little: Setting
    much: Setting
    words: tuple  # for the two settings
    goal: float | None
    unit: str = "us"
    scale: float = field(default=1e3)


GROWTHS = [
    # 9500: two descriptors each, and a process has 20,000
    Growth("G1", "G1  a new connection, so many open", "W1", Setting(held=10), Setting(held=9500), ("10", "9,500"), 1.05),
    Growth("G2", "G2  a new connection, so many servers", "W1", Setting(servers=2), Setting(servers=500), ("2", "500"), 1.05),
    Growth("G3", "G3  a new connection, so many routes", "W1", Setting(), Setting(routes=10000), ("1", "10,000"), 1.05),
    Growth("G4", "G4  a new connection, so many workers", "W1", Setting(), Setting(workers=2), ("1", "2"), None),
    Growth("G5", "G5  a new connection, access log", "W1", Setting(), Setting(logs=True), ("off", "on"), 1.05),
    Growth("G6", "G6  HTTP/1.1 GET over TLS, access log", "W6", Setting(), Setting(logs=True), ("off", "on"), 1.05),
    Growth("G7", "G7  a scrape of /metrics, so many servers", "", Setting(servers=2), Setting(servers=500), ("2", "500"), None,
           "ms", 1e6),
    Growth("G8", "G8  p99 at 1000 new connections a second, scraped 20 times", "W1r", Setting(servers=500),
           Setting(servers=500), ("never", "20/s"), None, "us", 1.0),
]
SCRAPE_MS = 5.0  # with 500 servers, at most


class Grown(Peer):
    """aegislb under a setting, as one of the peers."""

    def __init__(self, aegislb, setting):
        super().__init__("aegislb", aegislb, "", None, {})
        self.setting, self.status_port = setting, 0

    def command(self, folder, port, server, **facts):
        s, path = self.setting, Path(folder) / "aegislb.conf"
        access = f"{folder}/access.log" if s.logs else "off"
        if "certificate" in facts:
            text = AEGISLB_WEB.format(folder=folder, port=port, server=server, name=NAME, access=access, workers=s.workers,
                                      certificate=facts["certificate"])
        else:
            text = CONFIG.format(folder=folder, port=port, workers=s.workers, access=access, http=self.http(),
                                 routes=routes(s.routes), servers=servers(s.servers, server))
        path.write_text(text)
        return [self.where(), "-f", str(path)]

    def http(self):
        return f'http = {{ bind = ["127.0.0.1:{self.status_port}"]; }};' if self.status_port else ""


def routes(n):
    """The one that is asked for comes last."""
    others = [f'{{ sni = ["host-{i}.example.org"]; backend = "aegis"; }}' for i in range(1, n)]
    return ", ".join([*others, f'{{ sni = ["{NAME}"]; backend = "aegis"; }}'])


def servers(n, port):
    return ", ".join(f'{{ name = "aegis-{i}"; address = "127.0.0.1:{port}"; }}' for i in range(1, n + 1))


def allow_descriptors(n):
    """For all that is started from here on, where that is permitted."""
    try:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, max(n, hard)))
    except (OSError, ValueError):
        return
    process.DESCRIPTORS = max(n, process.DESCRIPTORS)


def scrape(port):
    """How long it took, in ns, by a client that does nothing else; a Failure if it was not whole."""
    begun, parts = time.monotonic_ns(), []
    with socket.create_connection(("127.0.0.1", port), 10) as s:
        s.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        while part := s.recv(1 << 20):
            parts.append(part)
    took, text = time.monotonic_ns() - begun, b"".join(parts)
    if b" 200 " not in text[:20] or not text.endswith(b"\n"):
        raise process.Failure(f"/metrics answered {len(text)} bytes that are no metrics")
    return took


class Growing:
    """Measures the rows, in a Bench."""

    def __init__(self, bench, aegislb, size):
        self.bench, self.aegislb, self.size = bench, aegislb, size
        allow_descriptors(30000)

    def workload(self, name):
        found = next(w for w in WORKLOADS if w.name == name)
        if name == "W1r":
            return replace(found, rate=1000).sized(0.5 * self.size)
        return found.sized(self.size)

    def measure(self, row, is_much):
        """One figure, of the row's setting."""
        setting = row.much if is_much else row.little
        peer = Grown(self.aegislb, setting)
        if row.name in ("G7", "G8"):
            peer.status_port = self.bench.ports.free()
        if row.name == "G7":
            return self.scrapes(peer)
        if row.name == "G8":
            return self.latency(peer, self.workload(row.of), 20 if is_much else 0)
        with self.bench.on_cores(row.name == "G4"):
            if row.of == "W6":
                return self.bench.measure_web(peer, self.workload(row.of))["cpu"]
            return self.bench.measure(peer, self.workload(row.of), held=setting.held)["cpu"]

    def scrapes(self, peer):
        with self.bench.start(peer, 9):  # nobody asks the servers anything
            process.wait_until(lambda: is_listening(peer.status_port), "the status over HTTP")
            return median(scrape(peer.status_port) for _ in range(50))

    def latency(self, peer, workload, rate):
        with self.bench.on_cores(True), self.bench.beside(lambda: scrape(peer.status_port), rate):
            return self.bench.measure(peer, workload)["p99"]


def growth_table(samples):
    """Aligned lines; samples are lists by row and by setting's words."""
    lines = [["", "unit", "little", "", "much", "", "ratio", "goal: at most", ""]]
    for row in GROWTHS:
        of = samples.get(row.name, {})
        if not all(of.get(word) for word in row.words):
            continue
        little, much = (median(of[word]) / row.scale for word in row.words)
        goal = f"{row.goal:.2f}" if row.goal else f"{SCRAPE_MS:.0f} ms" if row.name == "G7" else ""
        met = much / little <= row.goal if row.goal else much <= SCRAPE_MS if row.name == "G7" else None
        lines.append([row.label, row.unit, row.words[0], precise(little), row.words[1], precise(much), f"{much / little:.2f}",
                      goal, "" if met is None else "met" if met else "MISSED"])
    return aligned(lines, left=(0, 1, -2, -1)) if len(lines) > 1 else ""


def precise(value):
    return f"{value:.2f}" if value < 10 else figure_text(value)

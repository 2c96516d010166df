"""Several balancers on one wire: their cluster, the virtual address, and how the town looks from outside.

A Town is a lab.Network with balancers lb-01 …, backend nodes aegis-01 …, a gateway, and the client on which the test
stands. Every balancer is a process of aegislb with a configuration like etc/balancer.conf, whose differences a test
names; the backend nodes are nginx (see actors.py)."""

import contextlib
import datetime
import json
import os
import re
import signal
import socket
import struct
import subprocess
import time
from string import Template

import lab
from actors import AEGISLB, Nginx
from lab import Machine, Network, Process, inside, ip, wait_until
from weather import Weather
from wire import read_all

KNOCK = os.environ.get("KNOCK", "knock")
# What a machine that does other things at the same time may add to any time that is measured here. These tests are about
# what happens, in which order, and who notices; how long it takes on a quiet machine is measured by `make bench-cluster`.
LATE_MS = 2000 * lab.SLOW
# How long the long tests of loss and of a capture take; the faults as the goals have them are those of an hour.
LONG_S = float(os.environ.get("AEGISLB_LONG_S", "300"))
# Connections whose handshake is under way as the client's machine learns of the new owner, see doc/failover.md: of one move,
# at most, from a client that comes every millisecond and is not let run for some of them.
UNDER_WAY = 10
VIP, VIP6 = "10.10.10.100", "2001:db8:10::64"
GATEWAY = "10.10.10.1"

CONF = Template("""
node      = "$name";
workers   = 1;
state_dir = "$dir/state";
log       = { target = "stderr"; level = "info"; format = "text"; };
limits    = { graceful_stop = "$graceful_stop"; };
status    = { socket = "$dir/aegislb.sock"; socket_mode = "0660"; $http };
listeners = (
    { name = "https"; mode = "passthrough"; bind = ["*:443"];
      timeouts = { $timeouts }; routes = ( { sni = ["aegisagent.ai", "*.aegisagent.ai", "*.rbnk.uk"]; backend = "aegis"; } ); }
);
backends = ( { name = "aegis"; proxy_protocol = "$proxy"; health = { $health }; servers = ( $servers ); } );
cluster = {
    name = "$cluster"; bind = "$address:7946"; peers = [ $peers ]; keys = "$keys";
    profile = "$profile"; quorum = "$quorum"; $vips $cluster_more
};
$more
""")
BALANCER = dict(
    cluster="aegis", proxy="v2", profile="fast", quorum="majority", cluster_more="", more="", http="", graceful_stop="1s", timeouts="",
    vips='vips = ( { address = "10.10.10.100/24"; interface = "eth0"; } );',
    health='type = "https"; path = "/health"; host = "aegisagent.ai"; interval = "1s"; timeout = "2s";',
)


class Knocking:
    """Clients that come every millisecond from one machine: who was not answered, and for how long."""

    def __init__(self, machine, address=VIP, port=443, interval_us=1000, timeout_ms=5000):
        with inside(machine):
            self.popen = subprocess.Popen(
                [KNOCK, address, str(port), str(interval_us), str(timeout_ms)], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, preexec_fn=lab.die_with_parent)
        self.result = None

    def end(self):
        """What it saw; microseconds by CLOCK_MONOTONIC, as time.monotonic() has it."""
        if self.result is None:
            out, _ = self.popen.communicate()
            self.result = json.loads(out)
        return self.result

    def longest_ms(self, after=0.0, within=float("inf")):
        """The longest time without an answer that ended after that moment, and began no later than `within` seconds
        after it; 2 where all were shorter."""
        gaps = [us for us, end in self.end()["gaps"] if end / 1e6 >= after and (end - us) / 1e6 <= after + within]
        return max(gaps, default=2000) / 1000


class Node(Process):
    """One balancer. Stopping, killing and starting again keeps its folder, and so its state."""

    def __init__(self, town, name, number, **changes):
        self.town, self.name, self.number = town, name, number
        self.address = f"10.10.10.{number}"
        self.folder = town.folder / name
        self.folder.mkdir(exist_ok=True)
        self.socket = str(self.folder / "aegislb.sock")
        self.conf = self.folder / "aegislb.conf"
        self.keys = self.folder / "cluster.key"
        self.changes = changes
        self.popen = None

    def write(self, **changes):
        self.changes.update(changes)
        if not self.keys.exists():
            self.write_keys(self.town.keys)
        values = {**BALANCER, **self.town.changes, **self.changes}
        peers = values.pop("peers", None) or [f"{n.address}:7946" for n in self.town.nodes.values() if n is not self][:3]
        backends = {n: a for n, a in self.town.network.addresses.items() if n.startswith("aegis-")}
        if not backends:  # servers that nobody asks for
            backends, values["health"] = {"aegis-01": 103, "aegis-02": 104}, 'type = "none";'
        servers = values.pop("servers", None) or ",".join(
            f'{{ name = "{name}"; address = "10.10.10.{number}:443"; }}' for name, number in backends.items())
        self.conf.write_text(CONF.substitute(
            values, name=self.name, dir=self.folder, address=self.address, keys=self.keys, servers=servers,
            peers=", ".join(f'"{p}"' for p in peers)))

    def write_keys(self, text):
        self.keys.write_text(text)
        self.keys.chmod(0o600)

    def start(self, wait=True, prefix=(), **changes):
        self.write(**changes)
        super().__init__(self.town.network.machines[self.name], self.folder, *prefix, AEGISLB, "-f", str(self.conf))
        if wait:
            wait_until(lambda: not self.running() or self.answers(), what=f"the status socket of {self.name}")
            assert self.running(), f"{self.name} ended with {self.popen.returncode}:\n{self.log()[-3000:]}"
        return self

    def running(self):
        return self.popen is not None and super().running()

    def ask(self, command, timeout=10):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(timeout * lab.SLOW)
            s.connect(self.socket)
            s.sendall(command.encode() + b"\n")
            return read_all(s).decode()

    def move(self, vip, to):
        """Has the address handed over, as soon as that can be: a node that has just joined is no heir yet."""
        wait_until(lambda: self.ask(f"move vip {vip} to {to}").startswith(f"{vip} is on {to}"), what=f"{to} to take {vip}")

    def answers(self):
        with contextlib.suppress(OSError):
            return self.ask("show info").startswith("Name:")

    def cluster(self):
        return json.loads(self.ask("show cluster json"))

    def states(self):
        """The state of every member as this node sees it."""
        return {m["name"]: m["state"] for m in self.cluster()["members"]}

    def owner(self):
        """Who has the address, as this node knows it; None: nobody."""
        return next((v["owner"] for v in self.cluster()["vips"]), None)

    def addresses(self):
        """The addresses on its interface, by the kernel."""
        with inside(self.town.network.machines[self.name]):
            shown = subprocess.run(["ip", "-br", "address", "show", "dev", "eth0"], capture_output=True, text=True,
                                   check=True)
        return {word.split("/")[0] for word in shown.stdout.split()[2:]}

    def holds(self, vip=VIP):
        return vip in self.addresses()

    def lines(self, pattern):
        """(when, line) of the log's lines that match; when as time.time()."""
        return [(log_time(line), line) for line in self.log().splitlines() if re.search(pattern, line)]

    def wait_line(self, pattern, after=0.0, seconds=10):
        """The first such line of after that moment (time.time()): when."""
        found = wait_until(lambda: [at for at, _ in self.lines(pattern) if at >= after - 0.001], seconds,
                           f"/{pattern}/ in the log of {self.name}")
        return max(found[0], after)  # the log has milliseconds

    def end(self):
        """Asked to stop, it must, with status 0."""
        if self.running():
            self.send(signal.SIGTERM)
            assert self.exit_status() == 0, f"{self.name} ended with {self.popen.returncode}:\n{self.log()[-3000:]}"

    def resident_bytes(self):
        status = open(f"/proc/{self.pid}/status").read()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


def log_time(line):
    """The time at the beginning of a log line, as time.time(); 0 where there is none."""
    try:
        return datetime.datetime.strptime(line[:24], "%Y-%m-%dT%H:%M:%S.%fZ").replace(
            tzinfo=datetime.timezone.utc).timestamp()
    except ValueError:
        return 0.0


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def genkey():
    return subprocess.run([AEGISLB, "--genkey"], check=True, capture_output=True, text=True).stdout


class Town:
    """The machines, and what runs on them. At the end every balancer must stop when asked, without a finding of a
    sanitizer."""

    def __init__(self, folder, balancers=3, backends=0, authority=None, **changes):
        self.folder, self.authority, self.changes = folder, authority, changes
        addresses = {"client": 50, "gateway": 1}
        addresses.update({f"lb-{i:02}": 9 + i if i <= 40 else 111 + i for i in range(1, balancers + 1)})
        addresses.update({f"aegis-{i:02}": 102 + i for i in range(1, backends + 1)})
        self.network = Network(addresses)
        self.names = [n for n in addresses if n.startswith("lb-")]
        self.nodes, self.backends, self.others = {}, {}, []

    def __enter__(self):
        self.neighbours = Neighbours(len(self.names))
        self.network.__enter__()
        self.weather = Weather(self.network)
        self.keys = genkey()
        for name in self.names:
            self.nodes[name] = Node(self, name, self.network.addresses[name])
            with inside(self.network.machines[name]):
                ip(f"route add default via {GATEWAY}")
        for name in self.network.addresses:
            if name.startswith("aegis-") and self.authority:
                self.start_backend(name)
        return self

    def machine(self, name):
        return self.network.machines[name]

    def start_backend(self, name, **options):
        self.backends[name] = Nginx(self, name, **options)
        return self.backends[name]

    def start(self, *names, **changes):
        """These balancers, or all, and waits until each sees all of them alive."""
        started = [self.nodes[name] for name in names or self.names]
        for node in started:
            node.start(wait=False, **changes)
        for node in started:
            wait_until(lambda: not node.running() or node.answers(), 20, f"the status socket of {node.name}")
            assert node.running(), f"{node.name} ended with {node.popen.returncode}:\n{node.log()[-3000:]}"
        self.wait_together(*(node.name for node in started))
        return started

    def wait_together(self, *names, seconds=20):
        """Until each of them sees all of them alive, and nobody else so."""
        names = set(names or self.names)

        def together():
            return all({n for n, s in self.nodes[name].states().items() if s == "alive"} == names for name in names)
        wait_until(together, seconds, f"{', '.join(sorted(names))} to see each other")

    def wait_state(self, of, state, *among, seconds=10):
        for name in among or [n for n in self.names if n != of and self.nodes[n].running()]:
            wait_until(lambda: self.nodes[name].states().get(of) == state, seconds, f"{name} to see {of} {state}")

    def running(self):
        return [node for node in self.nodes.values() if node.running()]

    def owners(self, vip=VIP):
        """Those on whose interface the address is, by their kernels."""
        return [name for name in self.names if self.nodes[name].holds(vip)]

    def wait_owner(self, vip=VIP, seconds=20, but=None):
        """Until one machine alone has the address, other than `but`: its node."""
        def one():
            owners = self.owners(vip)
            return owners[0] if len(owners) == 1 and owners[0] != but else None
        return self.nodes[wait_until(one, seconds, f"one owner of {vip}" + (f" other than {but}" if but else ""))]

    def others_than(self, node):
        return [n for n in self.nodes.values() if n is not node]

    def knock(self, **options):
        """Clients come from now on, once the address answers."""
        self.wait_answer(options.get("address", VIP))
        return Knocking(self.machine("client"), **options)

    def answers(self, address=VIP, port=443, timeout=1):
        """Whether a client gets an answer."""
        with contextlib.suppress(OSError), inside(self.machine("client")):
            with socket.create_connection((address, port), timeout) as s:
                s.settimeout(timeout)
                s.sendall(b"knock, knock\r\n")
                return len(s.recv(1)) == 1
        return False

    def wait_answer(self, address=VIP, seconds=20):
        wait_until(lambda: self.answers(address), seconds, f"{address} to answer")

    def arp_answerers(self, address=VIP, wait=0.3):
        """The hardware addresses of all that answer an ARP request of the client for that address."""
        with inside(self.machine("client")):
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
        s.bind(("eth0", 0x0806))
        own = s.getsockname()[4]
        question = b"\xff" * 6 + own + struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, 1)
        question += own + socket.inet_aton("10.10.10.50") + b"\0" * 6 + socket.inet_aton(address)
        heard, deadline = set(), time.monotonic() + wait
        with s:
            s.send(question)
            while (left := deadline - time.monotonic()) > 0:
                s.settimeout(left)
                with contextlib.suppress(TimeoutError):
                    frame = s.recv(100)
                    if frame[20:22] == b"\0\2" and frame[28:32] == socket.inet_aton(address):
                        heard.add(frame[22:28].hex(":"))
        return heard

    def drop_address(self, name, address=VIP):
        """Takes the address off that machine, whoever put it there."""
        with inside(self.machine(name)):
            for length in (24, 32):
                subprocess.run(["ip", "address", "del", f"{address}/{length}", "dev", "eth0"], check=False,
                               stderr=subprocess.DEVNULL)

    def catch_datagrams(self, name, seconds, port=7946):
        """What that machine sends and receives on this port: (when, source, target, payload)."""
        with inside(self.machine(name)):
            s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
        s.bind(("eth0", 3))
        caught, deadline = [], time.monotonic() + seconds
        with s:
            while (left := deadline - time.monotonic()) > 0:
                s.settimeout(left)
                with contextlib.suppress(TimeoutError):
                    packet, address = s.recvfrom(2048)
                    header = (packet[0] & 15) * 4
                    if address[1] != 0x0800 or packet[9] != socket.IPPROTO_UDP:
                        continue
                    if struct.unpack("!H", packet[header + 2:header + 4])[0] == port:
                        source, target = (socket.inet_ntoa(packet[i:i + 4]) for i in (12, 16))
                        caught.append((time.monotonic(), source, target, packet[header + 8:]))
        return caught

    def logs(self):
        running = [*self.nodes.items(), *self.backends.items()]
        return [(f"output of {name}", p.log()[-20000:]) for name, p in running if p.popen]

    def __exit__(self, *_):
        try:
            self.end_nodes()
        finally:
            for process in [*self.backends.values(), *self.others]:
                process.kill()
            self.network.__exit__()
            self.neighbours.end()

    def end_nodes(self):
        nodes = [node for node in self.nodes.values() if node.popen]
        try:
            for node in nodes:
                if node.running():
                    node.send(signal.SIGCONT)
                    node.send(signal.SIGTERM)
            for node in nodes:
                if node.running() and node.exit_status(20) != 0:
                    raise AssertionError(f"{node.name} ended with {node.popen.returncode}:\n{node.log()[-3000:]}")
        finally:
            for node in nodes:
                node.kill()
        for node in nodes:
            finding = re.search(r".*(Sanitizer:|runtime error:|BUG at).*", node.log())
            assert not finding, f"{node.name}: {finding[0]}"


class Neighbours:
    """Room for many nodes' neighbours: all namespaces of a machine share one table, of 1024 unless it is told otherwise,
    and those that find no room reach nobody."""

    FILES = [f"/proc/sys/net/ipv4/neigh/default/gc_thresh{i}" for i in (1, 2, 3)]

    def __init__(self, nodes):
        self.before = {}
        if nodes * nodes < 800:
            return
        with contextlib.suppress(OSError):
            for name in reversed(self.FILES):
                with open(name, "r+") as file:
                    self.before[name] = file.read()
                    file.seek(0)
                    file.write("20000")

    def end(self):
        for name, text in reversed(self.before.items()):
            with open(name, "w") as file:
                file.write(text)


class Towns:
    """The towns of one test, ended with it."""

    def __init__(self, authority, folder):
        self.authority, self.folder = authority, folder
        self.stack, self.made = contextlib.ExitStack(), []

    def __enter__(self):
        return self

    def make(self, balancers=3, backends=0, **changes):
        folder = self.folder / f"town{len(self.made)}"
        folder.mkdir()
        self.made.append(self.stack.enter_context(Town(folder, balancers, backends, self.authority, **changes)))
        return self.made[-1]

    def logs(self):
        return [section for town in self.made for section in town.logs()]

    def __exit__(self, *exception):
        return self.stack.__exit__(*exception)

"""Much data, both ways, fast and slow: all of it arrives, and memory stays bounded."""

import contextlib
import json
import os
import resource
import sys
import time
from pathlib import Path

import pytest

from lab import BALANCER, SANITIZED, Process, wait_until
from wire import client_hello, connect, read_exactly

HELLO = client_hello()
BLOCK = os.urandom(1 << 20)
ONE_SERVER = dict(proxy_protocol="off", health='type = "none";', servers='{ name = "aegis-01"; address = "10.10.10.103:443"; }')
MIB = 1 << 20


class Flood(Process):
    """One end of the streams, see flood.py and holder.py."""

    def __init__(self, site, name, *arguments, program="flood.py"):
        super().__init__(site.machine(name), site.folder / f"flood-{name}", sys.executable, "-B",
                         str(Path(__file__).with_name(program)), *map(str, arguments))
        site.backends[f"flood-{name}"] = self

    def result(self, seconds=60):
        """What it has seen; it has ended, or ends now."""
        status = self.exit_status(seconds)
        assert status == 0, f"{self.log()} (status {status})"
        return json.loads(self.log().splitlines()[-1])


def exchange(site, mib, connections=1, slow=False):
    """So much both ways at once on each connection, every byte compared at both ends; how much the balancer grew."""
    size, total = mib * MIB, mib * MIB * connections
    server = Flood(site, "aegis-01", "serve", 443, connections, size)
    wait_until(lambda: "listening" in server.log(), what="the flood's server")
    balancer = site.start_balancer(**ONE_SERVER)
    before, grown, used = balancer.resident_bytes(), 0, balancer.cpu_seconds()
    client = Flood(site, "client", "connect", BALANCER, 443, connections, size, *["slow"] * slow)
    while client.running():
        grown = max(grown, balancer.resident_bytes() - before)
        time.sleep(0.05)
    at_client, at_server = client.result(), server.result()
    assert at_client["sent"] == at_server["sent"] == at_client["received"] == total
    assert at_client["connections"] == at_server["connections"] == connections
    print(f"{connections} connections, {total / (1 << 30):.2f} GiB each way in {at_client['seconds']} s; the balancer "
          f"used {balancer.cpu_seconds() - used:.1f} s and grew by {grown / MIB:.1f} MiB; "
          f"no connection stood still for more than {max(at_client['pause'], at_server['pause'])} s")
    return grown


MIB_IN_CHECK = 32 if SANITIZED else 256


@pytest.mark.parametrize("slow", [False, True], ids=["fast", "slow reader"])
def test_one_connection_with_much_each_way(site, slow):
    grown = exchange(site, MIB_IN_CHECK, slow=slow)
    assert SANITIZED or grown < 16 * MIB


def test_64_connections_with_4_mib_each_way(site):
    grown = exchange(site, 4, connections=64)
    assert SANITIZED or grown < 64 * MIB


@pytest.mark.long
def test_10_gib_each_way_through_one_connection(site):
    grown = exchange(site, 10240, slow=True)
    assert SANITIZED or grown < 16 * MIB


@pytest.mark.long
def test_10_gib_each_way_through_64_connections(site):
    grown = exchange(site, 160, connections=64, slow=True)
    assert SANITIZED or grown < 64 * MIB


def test_a_reader_that_never_reads_stops_the_writer(site):
    """Backpressure: the balancer takes no more than the kernel's buffers and its own bounded ones."""
    sent = []

    def serve(s):
        with s:
            s.settimeout(1)
            read_exactly(s, len(HELLO))
            try:
                while True:
                    sent.append(s.send(BLOCK))
            except TimeoutError:
                pass

    site.start_recorder(serve=serve)
    balancer = site.start_balancer(**ONE_SERVER)
    before = balancer.resident_bytes()
    with connect() as s:
        s.sendall(HELLO)
        site.others[0].wait_served(1)
        assert sum(sent) < 64 * MIB
        assert SANITIZED or balancer.resident_bytes() - before < 8 * MIB


@pytest.fixture
def descriptors():
    """More than ten thousand, for the clients' ends; and for the balancer, which inherits the limit, as many as ten
    thousand connections with both ends take, or as many as there may be."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (24_000, before[1]):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, before[1])))
            break
    yield resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


COUNT, SPARE = 10_000, 400  # pipes, checks and the status socket take some


@pytest.mark.long
def test_ten_thousand_idle_connections(site, descriptors):
    """A connection takes two descriptors. Where there are too few, as many as need be rest before the end of their hello,
    which takes one."""
    server = Flood(site, "aegis-01", 443, program="holder.py")
    wait_until(lambda: "listening" in server.log(), what="the server")
    balancer = site.start_balancer(limits="connections_per_source = 20000;", timeouts='hello = "1h";', **ONE_SERVER)
    before, own = balancer.resident_bytes(), len(os.listdir(f"/proc/{balancer.pid}/fd"))
    whole = min(COUNT, descriptors - own - SPARE - COUNT)
    with contextlib.ExitStack() as stack:
        def opened(sent):
            s = stack.enter_context(connect())
            s.sendall(sent)
            return s

        assert all(read_exactly(opened(HELLO), 1) == b"!" for _ in range(whole))
        each = (balancer.resident_bytes() - before) / whole
        for _ in range(COUNT - whole):
            opened(HELLO[:100])
        wait_until(lambda: balancer.stat("FRONTEND", "scur", "https") == str(COUNT), what="all to be held")
        assert balancer.stat("aegis-01", "scur") == str(whole)
        after = balancer.resident_bytes()
        print(f"{each:.0f} bytes for each of {whole} connections with a server; {after / MIB:.1f} MiB with {COUNT} in all")
    wait_until(lambda: balancer.stat("FRONTEND", "scur", "https") == "0", what="all to be gone")
    assert SANITIZED or after < 40 * MIB
    assert SANITIZED or each <= 512

"""Much data, both ways, fast and slow: all of it arrives, and memory stays bounded."""

import hashlib
import os
import resource
import socket
import threading
import time

import pytest

from lab import SANITIZED
from wire import client_hello, connect, read_exactly

HELLO = client_hello()
BLOCK = os.urandom(1 << 20)
ONE_SERVER = dict(proxy_protocol="off", health='type = "none";', servers='{ name = "aegis-01"; address = "10.10.10.103:443"; }')
MIB = 1 << 20


def send_blocks(s, blocks):
    for _ in range(blocks):
        s.sendall(BLOCK)
    s.shutdown(socket.SHUT_WR)


def receive(s, slow=False):
    """(bytes, digest) of everything that comes; slow: with a pause in the first 64 reads."""
    digest, count, reads = hashlib.sha1(), 0, 0
    while data := s.recv(MIB):
        digest.update(data)
        count += len(data)
        reads += 1
        if slow and reads <= 64:
            time.sleep(0.02)  # the reader is slow: this is what is tested
    return count, digest.digest()


def expected(blocks):
    digest = hashlib.sha1()
    for _ in range(blocks):
        digest.update(BLOCK)
    return blocks * MIB, digest.digest()


def exchange(site, blocks, connections=1, slow=False):
    """Both ways at once on each connection; what each end received, and how much the balancer grew."""
    at_server, at_client = [], []

    def serve(s):
        with s:
            read_exactly(s, len(HELLO))
            sender = threading.Thread(target=send_blocks, args=(s, blocks))
            sender.start()
            at_server.append(receive(s))
            sender.join()

    def client():
        with connect() as s:
            s.sendall(HELLO)
            sender = threading.Thread(target=send_blocks, args=(s, blocks))
            sender.start()
            at_client.append(receive(s, slow))
            sender.join()

    site.start_recorder(serve=serve)
    balancer = site.start_balancer(**ONE_SERVER)
    before, grown = balancer.resident_bytes(), 0
    threads = [threading.Thread(target=client) for _ in range(connections)]
    [t.start() for t in threads]
    while any(t.is_alive() for t in threads):
        grown = max(grown, balancer.resident_bytes() - before)
        threads[0].join(0.05)
        [t.join(0.01) for t in threads]
    site.others[0].wait_served(connections)
    return at_server, at_client, grown


MIB_IN_CHECK = 32 if SANITIZED else 256


@pytest.mark.parametrize("slow", [False, True], ids=["fast", "slow reader"])
def test_one_connection_with_much_each_way(site, slow):
    at_server, at_client, grown = exchange(site, MIB_IN_CHECK, slow=slow)
    assert at_server == at_client == [expected(MIB_IN_CHECK)]
    assert SANITIZED or grown < 16 * MIB


def test_64_connections_with_4_mib_each_way(site):
    at_server, at_client, grown = exchange(site, 4, connections=64)
    assert at_server == at_client == [expected(4)] * 64
    assert SANITIZED or grown < 64 * MIB


@pytest.mark.long
def test_10_gib_each_way_through_one_connection(site):
    at_server, at_client, grown = exchange(site, 10240, slow=True)
    assert at_server == at_client == [expected(10240)]
    assert SANITIZED or grown < 16 * MIB


@pytest.mark.long
def test_10_gib_each_way_through_64_connections(site):
    at_server, at_client, grown = exchange(site, 160, connections=64, slow=True)
    assert at_server == at_client == [expected(160)] * 64
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


@pytest.mark.long
def test_ten_thousand_idle_connections(site):
    """Or as many as the hard limit of descriptors allows, at two each and with some to spare."""
    count = min(10_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1] // 2 - 600)
    held = []

    def serve(s):
        read_exactly(s, len(HELLO))
        s.sendall(b"!")  # until a server answers, its client's hello is kept for another one
        held.append(s)

    site.start_recorder(serve=serve)
    balancer = site.start_balancer(limits="connections_per_source = 20000;", **ONE_SERVER)
    before = balancer.resident_bytes()
    clients = []
    for _ in range(count):
        s = connect()
        s.sendall(HELLO)
        assert read_exactly(s, 1) == b"!"
        clients.append(s)
    after = balancer.resident_bytes()
    for s in clients + held:
        s.close()
    print(f"{(after - before) / count:.0f} bytes for each of {count} connections, {after >> 20} MiB in all")
    assert after < 40 * MIB
    assert after - before < count * 1024

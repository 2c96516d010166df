"""Attacks by tools that are made for them: others are served meanwhile, and what an attack costs is bounded."""

import shutil
import subprocess
import time

import pytest

import frames
from frames import Client, frame, request
from lab import BALANCER, SANITIZED, SLOW, die_with_parent, wait_until
from test_http import Web, url
from test_http import start as start_plain
from test_http2 import URL, curl, start  # noqa: F401, a fixture

MIB = 1 << 20
SLOW_TESTS = {"headers": ("-H", "-i", "1"), "body": ("-B", "-i", "1", "-s", "100000"), "read": ("-X", "-w", "10", "-y", "20", "-n", "1", "-z", "32", "-k", "3")}


class Cost:
    """What the balancer uses from here on, CPU and memory."""

    def __init__(self, balancer):
        self.balancer, self.cpu, self.began = balancer, balancer.cpu_seconds(), time.monotonic()
        self.before = self.most = balancer.resident_bytes()

    def look(self):
        self.most = max(self.most, self.balancer.resident_bytes())

    def end(self, what):
        self.look()
        seconds, cpu = time.monotonic() - self.began, self.balancer.cpu_seconds() - self.cpu
        print(f"{what}: {cpu:.2f} s of CPU in {seconds:.1f} s, memory grew by {(self.most - self.before) / MIB:.1f} MiB")
        return cpu, self.most - self.before


def slow_attack(site, kind, connections, seconds):
    web = Web(site, "aegis-01")
    (web.files / "data").write_bytes(bytes(2_000_000))
    balancer = start_plain(site)
    cost, served = Cost(balancer), 0
    attack = subprocess.Popen(
        ["slowhttptest", *SLOW_TESTS[kind], "-c", str(connections), "-r", "400", "-l", str(seconds), "-u", url("/files/data"), "-v", "0"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
    try:
        while attack.poll() is None:
            assert time.monotonic() - cost.began < (seconds + 60) * SLOW
            assert site.curl(url("/whoami")).startswith("aegis-01")
            served += 1
            cost.look()
    finally:
        attack.kill()
        attack.wait()
    cpu, grown = cost.end(f"{connections} connections of slow {kind}, {served} others served")
    assert served > 1, "others are served while it goes on"
    wait_until(lambda: sum("client=10.10.10.50" in line for line in balancer.access_log()) > served, 30, "what the attack leaves in the log")
    assert SANITIZED or grown < connections * 128 * 1024 + 8 * MIB  # of answers of 2 MB


needs_slowhttptest = pytest.mark.skipif(not shutil.which("slowhttptest"), reason="slowhttptest is not installed")


@needs_slowhttptest
@pytest.mark.parametrize("kind", SLOW_TESTS)
def test_slow_clients_leave_others_served(site, kind):
    slow_attack(site, kind, 400, 4)


@pytest.mark.long
@needs_slowhttptest
@pytest.mark.parametrize("kind", SLOW_TESTS)
def test_thousands_of_slow_clients_leave_others_served(site, kind):
    slow_attack(site, kind, 4000, 30)


ENDLESS = 100_000  # more than fits between two sockets: who could send so much was not cut off


def rapid_reset(client):
    """Streams opened and reset until the other end has had enough: how many."""
    for n in range(ENDLESS):
        if not client.send(frame(frames.HEADERS, 5, 2 * n + 1, request()) + frame(frames.RST_STREAM, 0, 2 * n + 1, b"\0\0\0\x08")):
            return n
    return ENDLESS


def continuations(client):
    """A head that never ends: how many frames of it."""
    client.send(frame(frames.HEADERS, frames.END_STREAM, 1, request()))
    for n in range(ENDLESS):
        if not client.send(frame(frames.CONTINUATION, 0, 1, frames.block((b"x", b"y" * 1000)) * 10)):
            return n
    return ENDLESS


@pytest.mark.parametrize("attack", [rapid_reset, continuations])
def test_floods_of_http2_cost_little(site, start, attack):  # noqa: F811
    site.start_recorder(port=80)
    balancer = start()
    cost, frames_sent = Cost(balancer), 0
    for _ in range(20):
        with Client(site) as client:
            sent = attack(client)
            assert sent < ENDLESS, "it went on and on"
            frames_sent += sent
        assert curl(site, f"{URL}/robots.txt") == "nobody\n"
        cost.look()
    cpu, grown = cost.end(f"{attack.__name__}: 20 connections, {frames_sent} frames or streams taken")
    assert SANITIZED or (cpu < 4 and grown < 16 * MIB)

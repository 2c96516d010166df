"""What a network, an enemy and a wrong clock can do to the datagrams of a cluster: nothing that changes a verdict."""

import os
import random
import re
import signal
import socket
import struct
import subprocess
import threading
import time
import urllib.request

import pytest

import lab
from jumble import Jumble
from lab import inside, wait_until
from town import LATE_MS, LONG_S

HTTP = 'http = { bind = ["127.0.0.1:8081"]; };'
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


def refused(node, cause):
    """How many datagrams the node refused for that cause."""
    with inside(node.town.network.machines[node.name]):
        with urllib.request.urlopen("http://127.0.0.1:8081/metrics", timeout=5 * lab.SLOW) as answer:
            text = answer.read().decode()
    found = re.search(rf'^aegislb_gossip_refused_total{{cause="{cause}"}} (\S+)$', text, re.M)
    return float(found[1])


def no_verdict_since(town, mark):
    for node in town.running():
        assert not [line for at, line in node.lines(r"\) is dead|is taken|is let go|digest differs") if at >= mark], node.name


def admin_state(node, server="aegis-01"):
    line = next(line for line in node.ask("show servers state").splitlines() if f" {server} " in line)
    return int(line.split()[6])


def send_raw(town, datagrams):
    """From the client's machine, with the source that each names: (source, target, payload)."""
    with inside(town.machine("client")):
        s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    with s:
        for source, target, payload in datagrams:
            udp = struct.pack("!HHHH", 7946, 7946, 8 + len(payload), 0) + payload
            ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0,
                             socket.inet_aton(source), socket.inet_aton(target))
            s.sendto(ip + udp, (target, 0))


@pytest.mark.timing
def test_frames_that_come_twice_and_in_another_order_change_nothing(towns):
    town = towns.make(3)
    town.start(http=HTTP)
    owner = town.wait_owner()
    mark = time.time()
    town.weather.duplicate(10, *town.names)
    box = Jumble(town.network, "lb-02")
    try:
        for i, node in enumerate(town.nodes.values()):
            node.ask(f"set server aegis/aegis-01 state {'drain' if i % 2 else 'maint'}")
            time.sleep(1)
    finally:
        box.end()
    town.weather.heal()
    no_verdict_since(town, mark)
    assert town.owners() == [owner.name]
    wait_until(lambda: len({admin_state(n) for n in town.nodes.values()}) == 1, what="all to agree")
    assert admin_state(owner) == 1  # the last word: maint
    assert refused(town.nodes["lb-02"], "replay") > 5


def test_who_hear_each_other_need_no_answers_of_arp(towns):
    """What has just arrived is proof enough that the hardware address is right. Were the kernel to ask again, it would lose
    everything that is sent to a neighbour whose few answers get lost, for a second and more."""
    town = towns.make(3)
    for name in town.names:
        with inside(town.machine(name)):
            for setting, value in (("base_reachable_time_ms", 1000), ("delay_first_probe_time", 2), ("retrans_time_ms", 100)):
                with open(f"/proc/sys/net/ipv4/neigh/eth0/{setting}", "w") as file:
                    file.write(str(value))
    town.start()
    town.weather.no_arp(*town.names)
    time.sleep(6)
    for name in town.names:
        with inside(town.machine(name)):
            known = subprocess.run(["ip", "neighbour", "show", "dev", "eth0"], check=True, capture_output=True, text=True).stdout
        for other in town.others_than(town.nodes[name]):
            assert re.search(rf"^{other.address} .*lladdr", known, re.M), known
    town.wait_together()


def capture(town, seconds, meanwhile):
    caught = {}

    def listen(name):
        caught[name] = town.catch_datagrams(name, seconds)
    threads = [threading.Thread(target=listen, args=(name,)) for name in town.names]
    for thread in threads:
        thread.start()
    meanwhile()
    for thread in threads:
        thread.join()
    return [(source, target, payload) for packets in caught.values() for _, source, target, payload in packets]


def replayed(towns, seconds):
    town = towns.make(3)

    def work():
        """Joins, a death, a takeover, a change: all that could be told again."""
        town.start(http=HTTP)
        owner = town.wait_owner()
        owner.ask("set server aegis/aegis-01 state maint")
        time.sleep(0.5)
        owner.kill()
        heir = town.wait_owner(but=owner.name)
        time.sleep(0.5)
        owner.start(http=HTTP)
        town.wait_together()
        heir.ask("set server aegis/aegis-01 state ready")

    tape = capture(town, seconds, work)
    assert len(tape) > 500
    owner = town.wait_owner()
    mark, incarnations = time.time(), {m["name"]: m["incarnation"] for m in owner.cluster()["members"]}
    addresses = [node.address for node in town.nodes.values()]
    elsewhere = [(source, target, payload) for source, _, payload in tape for target in addresses]
    send_raw(town, tape)
    send_raw(town, random.Random(1).sample(elsewhere, max(3000, len(elsewhere) // 10)))
    time.sleep(1)
    for node in town.nodes.values():
        assert admin_state(node) == 0, "an old word came back"
        assert refused(node, "replay") > 0
        assert refused(node, "forged") > 0
    no_verdict_since(town, mark)
    assert town.owners() == [owner.name]
    assert {m["name"]: m["incarnation"] for m in owner.cluster()["members"]} == incarnations
    # a node that starts anew has no memory of what it heard
    again = town.others_than(owner)[0]
    again.end()
    again.start()
    town.wait_together()
    mark = time.time()
    send_raw(town, [(source, again.address, payload) for source, target, payload in tape if target == again.address])
    time.sleep(1)
    no_verdict_since(town, mark)
    assert admin_state(again) == 0
    town.wait_together()


@pytest.mark.timing
def test_what_was_captured_can_be_replayed_and_nothing_changes(towns):
    replayed(towns, 6)


@pytest.mark.long
def test_what_was_captured_for_long_can_be_replayed_and_nothing_changes(towns):
    replayed(towns, LONG_S)


def mutated(tape, number, seed):
    """Captured datagrams with one to sixteen bits changed."""
    rng = random.Random(seed)
    for _ in range(number):
        source, target, payload = rng.choice(tape)
        changed = bytearray(payload)
        for _ in range(rng.randint(1, 16)):
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        yield source, target, bytes(changed)


def flooded(towns, number):
    town = towns.make(3)
    town.start(http=HTTP)
    owner = town.wait_owner()
    tape = capture(town, 1, lambda: None)
    mark = time.time()
    memory = owner.resident_bytes()
    send_raw(town, mutated(tape, number, 7))
    time.sleep(0.5)
    no_verdict_since(town, mark)
    assert town.owners() == [owner.name]
    town.wait_together()
    assert sum(refused(owner, cause) for cause in ("length", "magic", "version", "cluster", "unknown_key", "forged")) > number / 10
    if not lab.SANITIZED:
        assert owner.resident_bytes() < memory + (4 << 20)


@pytest.mark.timing
def test_changed_datagrams_are_refused_and_cost_no_memory(towns):
    flooded(towns, 30000)


@pytest.mark.long
def test_millions_of_changed_datagrams_are_refused(towns):
    flooded(towns, 3000000)


# --- clocks ---

needs_faketime = pytest.mark.skipif(not os.path.exists(FAKETIME) or lab.SANITIZED,
                                    reason="libfaketime is not here, or does not go with sanitizers")


class Clock:
    """The wall clock of one process, which can be set; the monotonic one goes on as always."""

    def __init__(self, folder):
        self.file = folder / "clock"
        self.set("+0")

    def set(self, offset):
        self.file.write_text(offset + "\n")

    def prefix(self):
        return ("env", f"LD_PRELOAD={FAKETIME}", "FAKETIME_DONT_FAKE_MONOTONIC=1", f"FAKETIME_TIMESTAMP_FILE={self.file}",
                "FAKETIME_NO_CACHE=1", "DONT_FAKE_MONOTONIC=1")


@pytest.mark.timing
@needs_faketime
def test_a_clock_that_jumps_a_day_changes_no_verdict(towns):
    town = towns.make(3)
    odd, *others = town.nodes.values()
    clock = Clock(town.folder)
    town.start(*[n.name for n in others])
    odd.start(prefix=clock.prefix())
    town.wait_together()
    owner = town.wait_owner()
    for offset in ("+1d", "-1d", "+0"):
        mark = time.time()
        clock.set(offset)
        time.sleep(1)
        for node in others:
            assert not [line for at, line in node.lines(r"\) is dead|is taken over") if at >= mark], (offset, node.name)
        assert not odd.lines(r"\) is dead|is let go"), offset
        assert town.owners() == [owner.name]
        assert odd.cluster()["quorum"]["met"]
        town.wait_together()


@needs_faketime
@pytest.mark.parametrize("offset", ["+1d", "-1d"])
def test_a_node_that_boots_with_a_wrong_clock_and_no_state_is_back(towns, offset):
    town = towns.make(3)
    town.start()
    odd = town.wait_owner()
    odd.kill()
    town.wait_state(odd.name, "dead")
    subprocess.run(["rm", "-r", str(odd.folder / "state")], check=True)
    clock = Clock(town.folder)
    clock.set(offset)
    odd.start(prefix=clock.prefix())
    town.wait_together()
    assert abs(odd.lines("listens on")[-1][0] - time.time()) > 80000, "the clock is not wrong"
    heir = town.wait_owner()
    heir.ask("set server aegis/aegis-01 state maint")
    wait_until(lambda: admin_state(odd) == 1, what="the odd node to hear")
    odd.ask("set server aegis/aegis-01 state ready")
    wait_until(lambda: all(admin_state(n) == 0 for n in town.nodes.values()), 
               what="the word of the node with the odd clock to win, for it came last")


# --- many restarts ---

@pytest.mark.timing
def test_a_rolling_restart_in_bad_weather_and_then_all_at_once(towns):
    town = towns.make(5)
    town.start()
    town.wait_owner()
    town.weather.lose(20, *town.names)
    knocking = town.knock()
    at = time.monotonic()
    for node in town.nodes.values():
        node.end()
        node.start()
        town.wait_together()
        town.wait_owner()
    assert knocking.longest_ms(after=at) <= 350 + LATE_MS, "the address did not answer throughout"
    for node in town.nodes.values():
        node.send(signal.SIGKILL)
    for node in town.nodes.values():
        node.exit_status()
    started = time.monotonic()
    for node in town.nodes.values():
        node.start(wait=False)
    wait_until(lambda: all(n.answers() for n in town.nodes.values()), what="all to run")
    town.wait_together()
    town.wait_owner()
    time.sleep(max(0.0, started + 5 - time.monotonic()))
    for node in town.nodes.values():
        assert set(node.states().values()) == {"alive"}, f"a stale death at {node.name}"

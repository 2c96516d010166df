"""What goes wrong with nodes and cables, and what clients see of it: the address moves in time, has one owner, and comes
back from nobody who should not have it. Times hold for the `fast` profile (25 ms beats, dead after 300 ms). Which test
is of which of the cluster's twenty faults stands in doc/cluster-performance.md."""

import random
import signal
import statistics
import time

import pytest

from lab import SANITIZED, inside, wait_until
from town import LATE_MS, LONG_S, UNDER_WAY, VIP

T = 0.3  # silence after which a node of the fast profile is dead
LEASE = 2.0
# How much longer the kernel may take for it on a machine that does other things at the same time.
ROOM = 4.0 if not SANITIZED else 10.0


def kill_once(town, limit_ms):
    """Kills the owner; the gap in ms. The address answers from somebody else, and one host alone answers ARP for it soon."""
    owner = town.wait_owner()
    knocking = town.knock()
    time.sleep(random.uniform(0.1, 0.2))
    at = time.monotonic()
    owner.kill()
    heir = wait_until(lambda: next((n for n in town.running() if n.holds()), None), what="an heir")
    town.wait_answer()
    time.sleep(0.3)
    gap = knocking.longest_ms(after=at)
    assert gap <= limit_ms, f"nobody answered for {gap:.0f} ms after the owner was killed"
    return owner, heir, gap, at


@pytest.mark.timing
def test_an_owner_that_is_killed_is_replaced_at_once(towns):
    town = towns.make(3)
    town.start()
    owner, heir, _, _ = kill_once(town, 120 + LATE_MS)
    wait_until(lambda: len(town.arp_answerers()) == 1, 2.5 * ROOM, "one host alone to answer ARP")
    assert town.owners() == [heir.name]
    heir.wait_line(rf"{VIP}.*{owner.name}")  # a takeover names address, old owner and cause
    owner.start()
    town.wait_together()
    time.sleep(0.5)
    assert town.owners() == [heir.name]  # without `prefer` it stays where it is


@pytest.mark.long
def test_twenty_kills_leave_small_gaps(towns):
    town = towns.make(3)
    town.start()
    gaps = []
    for _ in range(20):
        owner, _, gap, _ = kill_once(town, 120 + LATE_MS)
        gaps.append(gap)
        wait_until(lambda: len(town.arp_answerers()) == 1, 2.5 * ROOM, "one host alone to answer ARP")
        owner.start()
        town.wait_together()
    assert statistics.median(gaps) <= 60 + LATE_MS / 3, gaps


@pytest.mark.timing
@pytest.mark.parametrize("pause", [1, pytest.param(10, marks=pytest.mark.long)])
def test_a_stopped_owner_loses_the_address_and_asks_before_it_claims(towns, pause):
    town = towns.make(3)
    town.start()
    owner = town.wait_owner()
    knocking = town.knock()
    at = time.monotonic()
    owner.send(signal.SIGSTOP)
    heir = wait_until(lambda: next((n for n in town.others_than(owner) if n.holds()), None), what="an heir")
    wait_until(lambda: not owner.holds(), 2.5 * ROOM, "the stopped host's kernel to let go of the address")
    assert knocking.longest_ms(after=at) <= 350 + LATE_MS
    time.sleep(pause)
    owner.send(signal.SIGCONT)
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        assert town.owners() == [heir.name], "the one that was stopped took the address back"
        time.sleep(0.02)
    town.wait_together()


def test_a_pause_shorter_than_the_lease_ends_with_one_owner(towns):
    """The address is still on the paused host's interface when it goes on: it must let go by itself, at once."""
    town = towns.make(3)
    town.start()
    owner = town.wait_owner()
    owner.send(signal.SIGSTOP)
    heir = wait_until(lambda: next((n for n in town.others_than(owner) if n.holds()), None), what="an heir")
    assert owner.holds()
    owner.send(signal.SIGCONT)
    owner.wait_line("this process did not run for")
    owner.wait_line(rf"{VIP} is let go of")
    wait_until(lambda: not owner.holds(), what="the one that was paused to let go")
    town.wait_together()
    assert town.owners() == [heir.name]


def test_a_pulled_cable_moves_the_address_and_healing_leaves_one_owner(towns):
    town = towns.make(3)
    town.start()
    owner = town.wait_owner()
    knocking = town.knock()
    at = time.monotonic()
    town.weather.pull(owner.name)
    heir = wait_until(lambda: next((n for n in town.others_than(owner) if n.holds()), None), what="an heir")
    town.wait_answer()
    time.sleep(0.5)
    assert knocking.longest_ms(after=at) <= 350 + LATE_MS
    knocking = town.knock()
    at = time.monotonic()
    town.weather.heal()
    town.wait_together()
    time.sleep(1)
    gap = knocking.longest_ms(after=at)
    assert gap <= 25 + LATE_MS, f"healing cost clients {gap:.0f} ms"
    assert town.owners() == [heir.name]
    assert len(town.arp_answerers()) == 1


def test_a_silent_cut_that_heals_within_the_lease_leaves_one_owner(towns):
    """The old owner still holds the address when it hears of the new one."""
    town = towns.make(3)
    town.start()
    owner = town.wait_owner()
    town.weather.cut((owner.name, "*"), ("*", owner.name))
    wait_until(lambda: next((n for n in town.others_than(owner) if n.holds()), None), what="an heir")
    knocking = town.knock()
    at = time.monotonic()
    town.weather.heal()
    town.wait_owner(seconds=3)
    time.sleep(1)
    assert len(town.owners()) == 1
    assert len(town.arp_answerers()) == 1
    gap = knocking.longest_ms(after=at)
    assert gap <= 25 + LATE_MS, f"healing cost clients {gap:.0f} ms"


def test_a_stop_under_load_refuses_nobody(towns):
    town = towns.make(3)
    town.start()
    for _ in range(3):
        owner = town.wait_owner()
        knocking = town.knock()
        time.sleep(0.2)
        at = time.monotonic()
        owner.send(signal.SIGTERM)
        assert owner.exit_status() == 0
        time.sleep(0.3)
        gap, seen = knocking.longest_ms(after=at), knocking.end()
        assert (seen["refused"], seen["failed"]) == (0, 0), seen
        # The one whose handshake is under way as the client's machine learns of the new owner: see doc/failover.md.
        assert seen["timed_out"] == 0 and seen["closed"] <= UNDER_WAY, seen
        assert gap <= LATE_MS, f"nobody answered for {gap:.0f} ms"
        owner.start()
        town.wait_together()


def test_one_that_sends_but_does_not_receive_is_replaced(towns):
    town = towns.make(3)
    town.start()
    owner = town.wait_owner()
    at = time.monotonic()
    town.weather.cut(("*", owner.name))
    wait_until(lambda: next((n for n in town.others_than(owner) if n.holds()), None), what="an heir")
    wait_until(lambda: not owner.holds(), (T + LEASE) * ROOM, "the deaf one to release the address")
    town.weather.heal()
    town.wait_together()
    assert len(town.owners()) == 1


def test_one_that_is_heard_by_nobody_is_replaced(towns):
    town = towns.make(3)
    town.start()
    owner = town.wait_owner()
    town.weather.cut((owner.name, "*"))
    heir = wait_until(lambda: next((n for n in town.others_than(owner) if n.holds()), None), what="an heir")
    wait_until(lambda: not owner.holds(), (T + LEASE) * ROOM, "the mute one to release the address")
    assert town.owners() == [heir.name]


def one_link_cut(towns, seconds):
    town = towns.make(3)
    town.start()
    owner = town.wait_owner()
    other, third = town.others_than(owner)
    mark = time.time()
    town.weather.cut((owner.name, other.name), (other.name, owner.name))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert town.owners() == [owner.name]
        time.sleep(0.05)
    for node in town.nodes.values():
        assert not [line for at, line in node.lines(r"is dead") if at >= mark]
        assert {n: s for n, s in node.states().items() if s in ("dead", "left")} == {}


@pytest.mark.timing
def test_one_link_of_three_is_cut_and_nothing_moves(towns):
    one_link_cut(towns, 4)


@pytest.mark.long
def test_one_link_of_three_is_cut_for_a_minute_and_nothing_moves(towns):
    one_link_cut(towns, 60)


def test_three_against_two(towns):
    town = towns.make(5)
    town.start()
    owner = town.wait_owner()
    minority = {owner.name, town.others_than(owner)[0].name}
    majority = set(town.names) - minority
    at = time.monotonic()
    town.weather.split(minority, majority)
    heir = wait_until(lambda: next((n for n in town.owners() if n in majority), None), what="an heir among three")
    wait_until(lambda: town.owners() == [heir], (T + LEASE) * ROOM, "the minority to release the address")
    for name in minority:
        assert not town.nodes[name].cluster()["quorum"]["met"]
    town.weather.heal()
    town.wait_together()
    time.sleep(0.5)
    assert town.owners() == [heir]
    assert len(town.arp_answerers()) == 1


@pytest.mark.timing
def test_of_two_the_one_that_reaches_the_gateway_owns(towns):
    town = towns.make(2)
    town.start()
    owner = town.wait_owner()
    other = town.others_than(owner)[0]
    town.weather.split({owner.name}, {other.name, "gateway", "client"})
    wait_until(lambda: town.owners() == [other.name], (T + LEASE + 1) * ROOM, "the one with the gateway to own it alone")
    end = time.monotonic() + 1
    while time.monotonic() < end:
        assert town.owners() == [other.name]
        time.sleep(0.05)
    town.weather.heal()
    town.wait_together()
    assert town.owners() == [other.name]


@pytest.mark.timing
def test_of_two_the_owner_keeps_it_when_the_other_loses_everything(towns):
    town = towns.make(2)
    town.start()
    owner = town.wait_owner()
    other = town.others_than(owner)[0]
    town.weather.cut((other.name, "*"), ("*", other.name))
    end = time.monotonic() + 2
    while time.monotonic() < end:
        assert town.owners() == [owner.name]
        time.sleep(0.02)
    assert owner.cluster()["quorum"]["met"]
    assert not other.cluster()["quorum"]["met"]


def test_of_two_one_that_is_killed_is_replaced(towns):
    town = towns.make(2)
    town.start()
    kill_once(town, 120 + LATE_MS)


def test_both_of_two_are_awaited_at_boot(towns):
    town = towns.make(2)
    first, second = town.nodes.values()
    town.nodes["lb-01"].start()
    time.sleep(1.5)
    assert town.owners() == []
    assert not first.cluster()["quorum"]["met"]
    second.start()
    town.wait_together()
    town.wait_owner()


def losing(towns, balancers, seconds):
    town = towns.make(balancers)
    town.start()
    owner = town.wait_owner()
    mark = time.time()
    town.weather.lose(20, *town.names)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert town.owners() == [owner.name]
        time.sleep(0.2)
    for node in town.nodes.values():
        assert not [line for at, line in node.lines("is dead") if at >= mark], node.name
    kill_once(town, 350 + LATE_MS)


@pytest.mark.timing
@pytest.mark.parametrize("balancers", [2, 3])
def test_a_fifth_of_the_packets_is_lost_and_nothing_moves(towns, balancers):
    losing(towns, balancers, 8)


@pytest.mark.long
@pytest.mark.parametrize("balancers", [2, 3, 5])
def test_a_fifth_of_the_packets_is_lost_for_long(towns, balancers):
    losing(towns, balancers, LONG_S)


def test_an_address_taken_away_by_hand_comes_back(towns):
    town = towns.make(3)
    town.start()
    owner = town.wait_owner()
    knocking = town.knock()
    at = time.monotonic()
    town.drop_address(owner.name)
    wait_until(owner.holds, what="the owner to put its address back")
    time.sleep(0.3)
    assert knocking.longest_ms(after=at) <= 50 + LATE_MS
    assert town.owners() == [owner.name]


def test_what_a_former_run_left_is_swept(towns):
    """Killed and started again within the lease: the address it still has is somebody else's by now."""
    town = towns.make(3)
    town.start()
    owner, heir, _, _ = kill_once(town, 120 + LATE_MS)
    owner.start()
    assert not owner.holds()
    town.wait_together()
    assert town.owners() == [heir.name]

"""Virtual addresses as an operator has to do with them: moving, preferring, several at once and IPv6, what else stands on the
interface, and which address connections to servers come from. What faults do is in test_cluster_faults.py."""

import re
import socket
import subprocess
import time

import pytest

import lab
from actors import Recorder
from lab import inside, ip, wait_until
from test_crash import held, worker_threads
from town import LATE_MS, UNDER_WAY, VIP, VIP6
from wire import client_hello

FIRST, SECOND = "10.10.10.100", "10.10.10.101"


def vips(*addresses, **options):
    """The `vips` of a configuration."""
    more = "".join(f" {key} = {value};" for key, value in options.items())
    return "vips = ( " + ", ".join(f'{{ address = "{a}"; interface = "eth0";{more} }}' for a in addresses) + " );"


def owner_as_seen(node, vip=VIP):
    return next(v["owner"] for v in node.cluster()["vips"] if v["address"] == vip)


def wait_seen(town, owner, vip=VIP):
    for node in town.running():
        wait_until(lambda: owner_as_seen(node, vip) == owner, what=f"{node.name} to see {vip} on {owner}")


# --- moving by hand ---

def test_an_address_is_moved_by_a_command_on_any_node(towns):
    town = towns.make(3)
    town.start()
    for at in town.nodes.values():
        owner = town.wait_owner()
        to = town.others_than(owner)[0]
        assert at.ask(f"move vip {VIP} to {to.name}") == f"{VIP} is on {to.name}.\n\n"
        assert town.wait_owner(but=owner.name) is to
        wait_seen(town, to.name)
        owner.wait_line(rf"vip: {VIP} is handed over to {to.name}")
        to.wait_line(rf"vip: {VIP} is taken over from {owner.name}: handed over")
    assert at.ask(f"move vip {VIP}/24 to {to.name}") == f"{VIP}/24 is on {to.name} already.\n\n"


@pytest.mark.timing
def test_no_client_is_refused_while_an_address_moves(towns):
    town = towns.make(3)
    town.start()
    owner = town.wait_owner()
    knocking = town.knock()
    for _ in range(4):
        owner, to = town.wait_owner(), town.others_than(town.wait_owner())[0]
        owner.move(VIP, to.name)
        time.sleep(0.2)
    seen = knocking.end()
    assert seen["refused"] == 0 and seen["failed"] == 0
    assert seen["timed_out"] == 0 and seen["closed"] <= 4 * UNDER_WAY, seen


def test_a_move_that_cannot_be_says_why(towns):
    town = towns.make(2)
    town.start()
    owner = town.wait_owner()
    assert owner.ask(f"move vip {VIP} to lb-09") == "No such balancer, or it is not alive: lb-09.\n\n"
    assert owner.ask("move vip 10.10.10.99 to lb-01") == "No such virtual address: 10.10.10.99.\n\n"
    assert owner.ask(f"move vip {VIP}").startswith("Expects an address and a node")
    other = town.others_than(owner)[0]
    # A command that changes something stands in the log with who gave it.
    owner.ask(f"move vip {VIP} to {other.name}")
    owner.wait_line(rf'admin: "move vip {VIP} to {other.name}" by uid \d+ pid \d+')


# --- prefer ---

def test_the_preferred_node_gets_it_back_after_preempt_delay(towns):
    town = towns.make(3, vips=vips("10.10.10.100/24", prefer='"lb-02"', preempt_delay='"1s"'))
    preferred = town.start()[1]
    assert town.wait_owner() is preferred
    preferred.kill()
    heir = town.wait_owner(but="lb-02")
    back = time.monotonic()
    preferred.start()
    assert town.wait_owner(but=heir.name) is preferred
    assert time.monotonic() - back > 1
    heir.wait_line(rf"{VIP} is handed over to lb-02")


def test_what_was_moved_by_hand_stays_although_another_node_is_preferred(towns):
    town = towns.make(3, vips=vips("10.10.10.100/24", prefer='"lb-02"', preempt_delay='"300ms"'))
    town.start()
    assert town.wait_owner().name == "lb-02"
    town.nodes["lb-01"].move(VIP, "lb-03")
    town.wait_owner(but="lb-02")
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        assert town.owners() == ["lb-03"]
        time.sleep(0.05)


# --- several, and IPv6 ---

def test_several_addresses_of_both_families_are_taken_over(towns):
    town = towns.make(3, vips=vips("10.10.10.100/24", "10.10.10.101/24", f"{VIP6}/64"))
    town.start()
    owners = {vip: town.wait_owner(vip).name for vip in (FIRST, SECOND, VIP6)}
    for vip in owners:
        wait_until(lambda: town.answers(vip), what=f"{vip} to answer")
    victim = town.nodes[owners[VIP6]]
    victim.kill()
    for vip in owners:
        heir = town.wait_owner(vip, but=victim.name if owners[vip] == victim.name else None)
        assert owners[vip] == victim.name or heir.name == owners[vip], "what another one owned stays there"
        town.wait_answer(vip)


@pytest.mark.timing
def test_an_ipv6_address_moves_at_once(towns):
    """Its clients learn of the new owner by an unsolicited advertisement, not by asking again."""
    town = towns.make(2, vips=vips(f"{VIP6}/64"))
    town.start()
    owner = town.wait_owner(VIP6)
    other = town.others_than(owner)[0]
    knocking = town.knock(address=VIP6)
    at = time.monotonic()
    owner.move(VIP6, other.name)
    time.sleep(0.5)
    assert knocking.longest_ms(after=at) <= LATE_MS
    assert knocking.end()["refused"] == 0
    assert town.owners(VIP6) == [other.name]


def test_listeners_on_the_address_itself_serve_wherever_it_is(towns):
    """They listen before the address is there, IPv6 too."""
    bind = f'bind = ["{VIP}:443", "[{VIP6}]:443"]'
    town = towns.make(2, vips=vips("10.10.10.100/24", f"{VIP6}/64"))
    for node in town.nodes.values():
        node.write()
        node.conf.write_text(node.conf.read_text().replace('bind = ["*:443"]', bind))
        node.write = lambda **_: None
    town.start()
    for vip in (VIP, VIP6):
        owner = town.wait_owner(vip)
        other = town.others_than(owner)[0]
        town.wait_answer(vip)
        owner.move(vip, other.name)
        assert town.wait_owner(vip, but=owner.name) is other
        town.wait_answer(vip)


# --- what else stands on the interface ---

def lifetime(town, node, vip=VIP):
    with inside(town.machine(node.name)):
        shown = subprocess.run(["ip", "address", "show", "dev", "eth0", "to", vip], capture_output=True, text=True)
    return shown.stdout


def test_the_kernel_takes_the_address_from_who_does_not_renew_it(towns):
    """As /32 with two seconds to live."""
    town = towns.make(1, peers="")
    town.start()
    owner = town.wait_owner()
    assert f"{VIP}/32" in lifetime(town, owner)
    assert re.search(r"valid_lft [0-2]sec", lifetime(town, owner)), lifetime(town, owner)
    owner.kill()
    wait_until(lambda: not owner.holds(), what="the kernel to take the address away")


def test_what_the_machine_had_before_is_never_taken_away(towns):
    town = towns.make(2, vips=vips("10.10.10.100/24", prefer='"lb-01"', preempt_delay='"100ms"'))
    with inside(town.machine("lb-01")):
        ip("address add 10.10.10.100/24 dev eth0")
    town.start()
    first, second = town.nodes.values()
    wait_seen(town, "lb-01")
    first.wait_line(rf"warning vip: {VIP} is configured on this machine by others")
    shown = lifetime(town, first)
    assert f"{VIP}/24" in shown and "forever" in shown, shown
    first.move(VIP, "lb-02")
    wait_seen(town, "lb-02")
    wait_until(second.holds, what="lb-02 to hold it")
    assert first.holds(), "the operator's own address is gone"
    first.end()
    assert f"{VIP}/24" in lifetime(town, first)


def test_an_owner_whose_interface_goes_down_lets_go(towns):
    town = towns.make(3)
    town.start()
    owner = town.wait_owner()
    town.weather.pull(owner.name)
    owner.wait_line(rf"{VIP} lost its interface: eth0 is down")
    assert town.wait_owner(but=owner.name) is not owner
    town.weather.plug(owner.name)
    town.wait_together()


# --- from where servers are reached ---

@pytest.mark.parametrize("server", ["10.10.10.103", "2001:db8:10::103"])
def test_connections_to_servers_never_leave_from_a_virtual_address(towns, server):
    """It comes before the machine's own address in every order: it is the lower one, and the later one."""
    town = towns.make(1, backends=1, peers="", vips=vips("10.10.10.2/24", "2001:db8:10::2/64"),
                      servers=f'{{ name = "aegis-01"; address = "{f"[{server}]" if ":" in server else server}:8443"; }}',
                      health='type = "none";')
    sources = []

    def note(s):
        sources.append(s.getpeername()[0].removeprefix("::ffff:"))
        s.close()

    recorder = Recorder(town, "aegis-01", port=8443, serve=note)
    node = town.start()[0]
    for vip in ("10.10.10.2", "2001:db8:10::2"):
        wait_until(lambda: node.holds(vip), what=f"{vip} on the interface")
    for vip in ("10.10.10.2", "2001:db8:10::2", node.address):
        for _ in range(5):
            before = len(sources)
            with socket.create_connection((vip, 443), 5) as s:
                s.sendall(client_hello("aegisagent.ai"))
                wait_until(lambda: len(sources) > before, what="the server to be reached")
    assert set(sources) == {"2001:db8:10::10" if ":" in server else node.address}
    recorder.end()


# --- a worker that hangs ---

def test_an_owner_with_a_stuck_worker_lets_go(towns):
    town = towns.make(3)
    town.start()
    owner = town.wait_owner()
    worker = worker_threads(owner)[0]
    with held(worker):
        owner.wait_line(r"worker 0 has not passed through its loop")
        assert town.wait_owner(but=owner.name) is not owner
        owner.wait_line(rf"{VIP} is let go of.*: the loops that serve clients are stuck")
    owner.wait_line(r"worker 0 goes on")


# --- asked of a node that has none ---

def test_a_backend_node_knows_the_addresses_and_their_owners(towns):
    town = towns.make(3, vips=vips("10.10.10.100/24", f"{VIP6}/64"))
    first, second, third = town.nodes.values()
    third.changes["vips"] = ""
    town.start()
    town.wait_owner()

    def same():
        keys = ("address", "interface", "owner", "term", "since")
        seen = [sorted([v[k] for k in keys] for v in n.cluster()["vips"]) for n in (first, third)]
        return len(seen[1]) == 2 and [v[:4] for v in seen[0]] == [v[:4] for v in seen[1]] and seen[1][0][4]
    wait_until(same, what="the backend node to see what a balancer sees")
    owner = town.wait_owner()
    owner.kill()
    heir = town.wait_owner(but=owner.name)
    wait_until(lambda: owner_as_seen(third) == heir.name, what="the backend node to see the new owner")
    assert f"address {VIP} on eth0: owner {heir.name} since" in third.ask("show cluster")


# --- quorum in words ---

def test_who_waits_for_a_peer_that_never_comes_can_forget_it(towns):
    town = towns.make(2)
    node = town.nodes["lb-01"].start()
    quorum = node.cluster()["quorum"]
    assert quorum["voters"] == 2 and quorum["alive"] == 1 and not quorum["met"]
    assert "waiting for 10.10.10.11:7946" in quorum["reason"]
    assert "10.10.10.11:7946" in node.ask("forget 10.10.10.11:7946")
    assert town.wait_owner() is node
    assert node.cluster()["quorum"] == {**quorum, "voters": 1, "needed": 1, "met": True, "reason": "the only voter",
                                        "in_sync": True}
    node.kill()
    node.start()  # it stays forgotten
    assert town.wait_owner() is node


def test_a_survivor_that_is_started_anew_does_not_wait_for_the_dead(towns):
    """The machine was not booted since it served alone."""
    town = towns.make(2)
    town.start()
    victim = town.wait_owner()
    victim.kill()
    survivor = town.wait_owner(but=victim.name)
    wait_until((survivor.folder / "state" / "alone").exists, what="the note that it serves alone")
    time.sleep(0.3)
    survivor.kill()
    wait_until(lambda: not survivor.holds(), what="the kernel to take the address away")
    survivor.start()
    assert town.wait_owner() is survivor


def test_rule_none_permits_two_owners_and_says_so(towns):
    town = towns.make(2, quorum="none")
    first, second = town.start()
    town.wait_owner()
    town.weather.split({"lb-01"}, {"lb-02"})
    wait_until(lambda: town.owners() == ["lb-01", "lb-02"], what="both to own it")
    assert 'quorum = "none"' in first.cluster()["quorum"]["reason"]
    town.weather.heal()
    town.wait_together()
    town.wait_owner()

"""Addresses that are moved on purpose, preferred, several at once, of IPv6, or in somebody's way."""

import subprocess
import time

import pytest

from lab import inside, wait_until
from town import LATE_MS, UNDER_WAY, VIP, VIP6


def vips(*more, prefer=""):
    listed = [f'{{ address = "10.10.10.100/24"; interface = "eth0"; {prefer} }}', *more]
    return f"vips = ( {', '.join(listed)} );"


def test_move_vip_answers_when_it_is_done_and_nobody_is_refused(towns):
    town = towns.make(3)
    town.start()
    owner = town.wait_owner()
    knocking = town.knock()
    time.sleep(0.2)
    at = time.monotonic()
    targets = [n.name for n in town.others_than(owner)] + [owner.name]
    for target in targets:
        assert f"is on {target}" in owner.ask(f"move vip {VIP} to {target}")
        wait_until(lambda: town.owners() == [target], what="the old owner to let go")
        time.sleep(0.2)
    gap, seen = knocking.longest_ms(after=at), knocking.end()
    assert (seen["refused"], seen["timed_out"], seen["failed"]) == (0, 0, 0), seen
    assert seen["closed"] <= UNDER_WAY * len(targets), seen
    assert gap <= LATE_MS
    assert sum(len(n.lines(rf"{VIP} is taken over from .*: handed over")) for n in town.nodes.values()) == len(targets)


def test_move_vip_says_what_is_wrong(towns):
    town = towns.make(3)
    town.start()
    owner = town.wait_owner()
    assert "lb-99" in owner.ask(f"move vip {VIP} to lb-99")
    assert "10.10.10.77" in owner.ask("move vip 10.10.10.77 to lb-01")
    dead = town.others_than(owner)[0]
    dead.kill()
    town.wait_state(dead.name, "dead")
    answer = owner.ask(f"move vip {VIP} to {dead.name}")
    assert dead.name in answer and "not alive" in answer
    assert town.owners() == [owner.name]


def test_the_preferred_node_takes_it_back_when_it_is_healthy(towns):
    town = towns.make(3, vips=vips(prefer='prefer = "lb-02"; preempt_delay = "1s";'))
    town.start()
    wait_until(lambda: town.owners() == ["lb-02"], what="the preferred node to own it")
    preferred = town.nodes["lb-02"]
    preferred.kill()
    town.wait_owner(but="lb-02")
    knocking = town.knock()
    started = time.time()
    preferred.start()
    wait_until(lambda: town.owners() == ["lb-02"], 20, "it to be handed back")
    assert preferred.wait_line(rf"{VIP} is taken over from .*: handed over", started) - started >= 1, "preempt_delay"
    time.sleep(0.2)
    gap, seen = knocking.longest_ms(), knocking.end()
    assert (seen["refused"], seen["timed_out"], seen["failed"]) == (0, 0, 0), seen
    assert seen["closed"] <= UNDER_WAY, seen
    assert gap <= LATE_MS


def test_preempt_off_leaves_it_where_it_is(towns):
    town = towns.make(3, vips=vips(prefer='prefer = "lb-02"; preempt_delay = "off";'))
    town.start()
    wait_until(lambda: town.owners() == ["lb-02"], what="the preferred node to own it first")
    town.nodes["lb-02"].kill()
    heir = town.wait_owner(but="lb-02")
    town.nodes["lb-02"].start()
    town.wait_together()
    time.sleep(2)
    assert town.owners() == [heir.name]


def test_an_ipv6_address_moves_as_well(towns):
    town = towns.make(3, vips=vips(f'{{ address = "{VIP6}/64"; interface = "eth0"; }}'))
    town.start()
    owner = town.wait_owner(VIP6)
    assert town.wait_owner(VIP)
    knocking = town.knock(address=VIP6)
    time.sleep(0.2)
    at = time.monotonic()
    owner.kill()
    town.wait_answer(VIP6)
    time.sleep(0.3)
    assert knocking.longest_ms(after=at) <= 120 + LATE_MS
    wait_until(lambda: len(town.owners(VIP6)) == 1 and town.owners(VIP6) != [owner.name], what="one owner")


def test_several_addresses_are_spread_and_all_survive(towns):
    more = [f'{{ address = "10.10.10.{100 + i}/24"; interface = "eth0"; }}' for i in range(1, 8)]
    town = towns.make(3, vips=vips(*more))
    town.start()
    addresses = [f"10.10.10.{100 + i}" for i in range(8)]
    owners = {town.wait_owner(address).name for address in addresses}
    assert len(owners) > 1, "one node has them all"
    victim = town.nodes[sorted(owners)[0]]
    victim.kill()
    for address in addresses:
        assert town.wait_owner(address, but=victim.name)
        town.wait_answer(address)


ON_ETH1 = 'vips = ( { address = "10.10.10.100/24"; interface = "eth1"; } );'


def lay_second_cable(town, *names):
    """For the address alone, so that the others still hear a node whose cable has a fault."""
    for name in names or town.names:
        with inside(town.machine("switch")):
            subprocess.run(f"ip link add v-{name} type veth peer name eth1 netns {town.machine(name).holder.pid} && "
                           f"ip link set v-{name} up master wire", shell=True, check=True)
        with inside(town.machine(name)):
            for setting, value in (("arp_ignore", "1"), ("arp_announce", "2")):  # each address is its own cable's alone
                with open(f"/proc/sys/net/ipv4/conf/all/{setting}", "w") as file:
                    file.write(value)
            subprocess.run("ip link set eth1 up", shell=True, check=True)


def owners_on_eth1(town):
    found = []
    for name in town.names:
        with inside(town.machine(name)):
            shown = subprocess.run(["ip", "-br", "address", "show", "dev", "eth1"], capture_output=True, text=True, check=False)
        found += [name] if f"{VIP}/" in shown.stdout else []
    return found


def start_on_second_cable(towns):
    town = towns.make(3)
    lay_second_cable(town)
    town.start(vips=ON_ETH1)
    owner = wait_until(lambda: owners_on_eth1(town)[0] if len(owners_on_eth1(town)) == 1 else None, what="an owner")
    town.wait_answer()
    return town, owner


def test_a_node_whose_interface_goes_down_lets_go_at_once(towns):
    town, owner = start_on_second_cable(towns)
    knocking = town.knock()
    time.sleep(0.2)
    at = time.monotonic()
    with inside(town.machine("switch")):
        subprocess.run(["ip", "link", "set", f"v-{owner}", "down"], check=True)
    wait_until(lambda: len(owners_on_eth1(town)) == 1 and owners_on_eth1(town) != [owner], what="another owner")
    town.wait_answer()
    time.sleep(0.2)
    assert knocking.longest_ms(after=at) <= 100 + LATE_MS


def test_an_interface_that_is_made_anew_is_used_again(towns):
    town, owner = start_on_second_cable(towns)
    with inside(town.machine("switch")):
        subprocess.run(["ip", "link", "del", f"v-{owner}"], check=True)
    town.nodes[owner].wait_line(rf"vip: {VIP} lost its interface: eth1 is down")
    wait_until(lambda: len(owners_on_eth1(town)) == 1 and owners_on_eth1(town) != [owner], what="another owner")
    lay_second_cable(town, owner)
    wait_until(lambda: f"{VIP} is on {owner}" in town.nodes[owner].ask(f"move vip {VIP} to {owner}"), what="it to be moved back")
    wait_until(lambda: owners_on_eth1(town) == [owner], what="one owner")
    town.wait_answer()


def test_a_new_hardware_address_is_announced_at_once(towns):
    """As when a bond fails over: the neighbours would send to the old one for half a minute."""
    town, owner = start_on_second_cable(towns)
    with inside(town.machine(owner)):
        subprocess.run(["ip", "link", "set", "eth1", "address", "02:00:00:00:77:01"], check=True)

    def believed():
        with inside(town.machine("client")):
            return subprocess.run(["ip", "neighbour", "show", "to", VIP], capture_output=True, text=True, check=True).stdout
    wait_until(lambda: "02:00:00:00:77:01" in believed(), what="the client to know the new hardware address")
    town.nodes[owner].wait_line(rf"vip: {VIP}: eth1 has changed: the neighbours are told")
    assert owners_on_eth1(town) == [owner]


def test_one_that_is_taken_away_again_and_again_is_put_back_without_haste(towns):
    town = towns.make(2)
    town.start()
    owner = town.wait_owner()
    at = time.monotonic()
    while time.monotonic() < at + 2:
        town.drop_address(owner.name)
    wait_until(owner.holds, what="it to be put back")
    assert town.owners() == [owner.name] and owner.running()
    assert len(owner.lines("was taken from eth0 by somebody else")) == 1, "said once in ten seconds"


def test_with_quorum_none_both_sides_own_it_and_one_does_after_healing(towns):
    town = towns.make(3, quorum="none")
    town.start()
    owner = town.wait_owner()
    town.weather.split({owner.name}, {n.name for n in town.others_than(owner)})
    wait_until(lambda: len(town.owners()) == 2, what="an owner on each side")
    town.weather.heal()
    town.wait_together()
    wait_until(lambda: len(town.owners()) == 1, what="one owner")
    assert len(town.arp_answerers()) == 1


def test_connections_to_servers_never_leave_from_the_address(towns):
    town = towns.make(2, backends=1)
    town.start()
    owner = town.wait_owner()
    with inside(town.machine("client")):
        answer = subprocess.run(
            ["curl", "--silent", "--max-time", "10", "--cacert", town.authority.pem, "--connect-to", f"::{VIP}:",
             "https://aegisagent.ai/"], capture_output=True, text=True, check=True).stdout
    assert answer.split()[:2] == ["aegis-01", "aegisagent.ai"]
    with inside(town.machine("aegis-01")):
        seen = subprocess.run(["ip", "neighbour", "show", "dev", "eth0"], capture_output=True, text=True, check=True).stdout
    assert VIP not in seen and owner.address in seen

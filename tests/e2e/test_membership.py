"""Who is in the cluster: joining, leaving, dying, being forgotten; keys that change while it runs; what is told of it."""

import json
import pathlib
import re
import socket
import subprocess
import tempfile
import time
import urllib.request

import pytest

import lab
from actors import AEGISCTL
from lab import inside, wait_until
from town import Town, genkey

BACKEND_NODE = dict(vips="")  # no addresses of its own, no vote
HTTP = 'http = { bind = ["127.0.0.1:8081"]; };'


@pytest.fixture
def town(tmp_path):
    with Town(tmp_path, balancers=3) as town:
        yield town


def log_of(node, pattern):
    return [line for _, line in node.lines(pattern)]


def get(node, path):
    """What the node's status over HTTP answers."""
    with inside(node.town.network.machines[node.name]):
        with urllib.request.urlopen(f"http://127.0.0.1:8081{path}", timeout=10 * lab.SLOW) as answer:
            return answer.read().decode()


def metric(node, name):
    found = re.search(rf"^{re.escape(name)} (\S+)$", get(node, "/metrics"), re.M)
    return float(found[1]) if found else None


def test_any_one_peer_that_answers_is_enough(town):
    first, second, third = (town.nodes[name] for name in town.names)
    first.start(peers=["10.10.10.99:7946"])  # nobody is there
    second.start(peers=["10.10.10.99:7946", f"{first.address}:7946"])
    third.start(peers=[f"{second.address}:7946"], **BACKEND_NODE)
    town.wait_together()
    for node in town.nodes.values():
        roles = {m["name"]: m["role"] for m in node.cluster()["members"]}
        assert roles == {"lb-01": "balancer", "lb-02": "balancer", "lb-03": "backend"}


def test_a_peer_that_a_reload_names_is_joined(town):
    first, second = (town.nodes[name] for name in town.names[:2])
    nobody = "10.10.10.99:7946"
    for node in (first, second):
        node.start(peers=[nobody])
        assert node.states() == {node.name: "alive"}
    first.write(peers=[f"{second.address}:7946"])
    assert first.ask("reload").strip() == ""
    town.wait_together("lb-01", "lb-02")
    wait_until(lambda: first.cluster()["quorum"]["voters"] == 2, what="the voters to be the two")
    first.write(peers=[nobody])
    assert first.ask("reload").strip() == ""
    assert first.states() == {"lb-01": "alive", "lb-02": "alive"}  # who is a member stays one
    assert first.cluster()["quorum"]["voters"] == 3  # as after a restart: a peer counts until more is known of it


def test_what_show_cluster_says_has_the_shape_that_tools_read(town):
    town.start("lb-01", "lb-02")
    shown = town.nodes["lb-01"].cluster()
    assert set(shown) == {"node", "cluster", "members", "vips", "quorum", "warnings"}
    assert shown["node"] == "lb-01" and shown["cluster"] == "aegis"
    assert not [w for w in shown["warnings"] if "comes late" not in w]  # a busy machine
    one = next(m for m in shown["members"] if m["name"] == "lb-02")
    assert set(one) == {"name", "address", "role", "state", "incarnation", "since", "rtt_ms", "version", "config_digest"}
    assert one["address"] == "10.10.10.11:7946" and one["state"] == "alive"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", one["since"])
    wait_until(lambda: isinstance(town.nodes["lb-01"].cluster()["members"][1]["rtt_ms"], float), what="a round trip")
    assert {"address", "interface", "owner", "term", "since"} <= set(shown["vips"][0])
    assert {"rule", "voters", "alive", "met"} <= set(shown["quorum"])
    assert len({m["config_digest"] for m in shown["members"]}) == 1
    text = town.nodes["lb-01"].ask("show cluster")
    assert "quorum met" in text and re.search(r"^lb-02 +10\.10\.10\.11:7946 +balancer +alive ", text, re.M)


@pytest.mark.timing
def test_who_is_killed_is_dead_soon_and_alive_when_it_is_back(town):
    town.start(http=HTTP)
    wait_until(lambda: metric(town.nodes["lb-01"], 'aegislb_cluster_lifelines{state="open"}') == 2, what="lifelines")
    town.nodes["lb-02"].kill()
    town.wait_state("lb-02", "dead")
    assert "its connection has ended" in log_of(town.nodes["lb-01"], "lb-02.*is dead")[0], "no pings had to be missed"
    town.nodes["lb-02"].start()
    town.wait_together()


def test_who_is_stopped_has_left_and_comes_back(town):
    town.start()
    town.nodes["lb-02"].end()
    town.wait_state("lb-02", "left")
    assert not log_of(town.nodes["lb-01"], "lb-02.*is dead")
    assert town.nodes["lb-01"].cluster()["quorum"]["voters"] == 3, "its place as a voter stays"
    town.nodes["lb-02"].start()
    town.wait_together()


@pytest.mark.timing
def test_leaving_gives_up_the_vote_and_forgetting_strikes_off(town):
    town.start()
    town.wait_owner()
    leaver = town.nodes["lb-03"]
    assert "has left the cluster" in leaver.ask("leave")
    assert "already" in leaver.ask("leave")
    town.wait_state("lb-03", "left", "lb-01", "lb-02")
    wait_until(lambda: town.nodes["lb-01"].cluster()["quorum"]["voters"] == 2, what="two voters")
    asked = time.monotonic()
    leaver.end()
    assert time.monotonic() - asked < 0.7 * lab.SLOW, "nothing is left to wait for"
    assert "is alive" in town.nodes["lb-01"].ask("forget lb-02")
    assert "this node" in town.nodes["lb-01"].ask("forget lb-01")
    assert "No such node" in town.nodes["lb-01"].ask("forget lb-99")
    assert "lb-03 is forgotten" in town.nodes["lb-01"].ask("forget lb-03")
    for name in ("lb-01", "lb-02"):
        wait_until(lambda: "lb-03" not in town.nodes[name].states(), what=f"{name} to forget lb-03")
    leaver.start()
    town.wait_together()
    wait_until(lambda: town.nodes["lb-01"].cluster()["quorum"]["voters"] == 3, what="three voters again")


def test_a_dead_voter_that_is_forgotten_counts_no_more(town):
    town.start()
    town.nodes["lb-02"].kill()
    town.nodes["lb-03"].kill()
    town.wait_state("lb-02", "dead", "lb-01")
    wait_until(lambda: not town.nodes["lb-01"].cluster()["quorum"]["met"], what="the majority to be lost")
    assert "is forgotten" in town.nodes["lb-01"].ask("forget lb-02")
    assert "is forgotten" in town.nodes["lb-01"].ask("forget lb-03")
    wait_until(lambda: town.nodes["lb-01"].cluster()["quorum"]["voters"] == 1, what="one voter")
    town.nodes["lb-01"].kill()
    town.nodes["lb-01"].start()
    assert town.nodes["lb-01"].cluster()["quorum"]["voters"] == 1, "it was on disk when it was answered"


def test_a_way_that_is_too_narrow_is_said(town):
    """Beats get through it; what is shared in one go does not."""
    first, second = town.nodes["lb-01"], town.nodes["lb-02"]
    first.start()
    for net in range(40):
        first.ask("; ".join(f"ban 192.0.{net}.{i} for 1h a reason that takes room" for i in range(50)))
    with inside(town.machine("lb-01")):
        subprocess.run(["ip", "link", "set", "eth0", "mtu", "1300"], check=True)
    second.start()
    first.wait_line(r"a packet of \d+ bytes does not fit the MTU of the way to 10\.10\.10\.11:7946.* needs an MTU of 1428", seconds=20)
    with inside(town.machine("lb-01")):
        subprocess.run(["ip", "link", "set", "eth0", "mtu", "1500"], check=True)
    wait_until(lambda: second.ask("show bans").count("192.0.") == 2000, 20, "all bans to arrive after all")


def test_commands_of_a_cluster_are_refused_where_there_is_none(site):
    balancer = site.start()
    assert "No cluster is configured" in balancer.ask("leave")
    assert "No cluster is configured" in balancer.ask("forget lb-02")
    alone = json.loads(balancer.ask("show cluster json"))
    assert alone["cluster"] is None and alone["quorum"]["met"] and len(alone["members"]) == 1
    assert alone["members"][0]["role"] == "balancer" and alone["members"][0]["address"] is None


def test_a_crash_is_known_without_tcp_too_and_its_lack_is_told(town):
    for name in ("lb-01", "lb-02"):
        with inside(town.machine(name)):
            subprocess.run(["nft", "-f", "-"], input="table inet f {\nchain i {\ntype filter hook input priority 0;\n"
                           "tcp dport 7946 drop\n}\n}\n", text=True, check=True)
    first, second = town.start("lb-01", "lb-02", http=HTTP)
    wait_until(lambda: metric(first, 'aegislb_cluster_lifelines{state="missing"}') == 1, 20, "the lack to be counted")
    assert any("no TCP connection to lb-02 (10.10.10.11:7946)" in w for w in first.cluster()["warnings"])
    second.kill()
    town.wait_state("lb-02", "dead", "lb-01")


@pytest.mark.long
def test_a_lifeline_whose_keepalives_are_not_answered_says_nothing(town):
    """It is given up after two minutes, here and there, and is no death: the datagrams still come."""
    first, second = town.start("lb-01", "lb-02", http=HTTP)
    wait_until(lambda: metric(first, 'aegislb_cluster_lifelines{state="open"}') == 1, what="a lifeline")
    with inside(town.machine("lb-02")):
        subprocess.run(["nft", "-f", "-"], input="table inet f {\nchain i {\ntype filter hook input priority 0;\n"
                       "tcp sport 7946 drop\ntcp dport 7946 drop\n}\nchain o {\ntype filter hook output priority 0;\n"
                       "tcp sport 7946 drop\ntcp dport 7946 drop\n}\n}\n", text=True, check=True)
    for node in (first, second):
        wait_until(lambda: metric(node, 'aegislb_cluster_lifelines{state="missing"}') == 1, 200, "the lack to be counted")
        assert not node.lines("its connection has ended")
    town.wait_together("lb-01", "lb-02")
    with inside(town.machine("lb-02")):
        subprocess.run(["nft", "flush", "ruleset"], check=True)
    for node in (first, second):
        wait_until(lambda: metric(node, 'aegislb_cluster_lifelines{state="open"}') == 1, 30, "the lifeline again")


def test_a_cluster_speaks_ipv6_as_well(town):
    for node in town.nodes.values():
        node.address = f"[2001:db8:10::{node.number}]"
    town.start()
    assert town.nodes["lb-01"].cluster()["members"][1]["address"] == "[2001:db8:10::11]:7946"
    town.nodes["lb-02"].kill()
    town.wait_state("lb-02", "dead")


# --- keys ---

def standby(line):
    return line.replace(" active", " standby")


def key_id(line):
    return line.split()[0]


def test_keys_change_while_the_cluster_runs_and_nobody_is_lost(town):
    old, new = town.keys, genkey()
    nodes = town.start()
    for node in nodes:
        node.write_keys(old + standby(new))
    for node in nodes:
        node.wait_line(f"key {key_id(new)} is accepted")
    for node in nodes:
        node.write_keys(standby(old) + new)
    for node in nodes:
        node.wait_line(f"key {key_id(new)} is active")
    for node in nodes:
        node.write_keys(new)
    for node in nodes:
        node.wait_line(f"key {key_id(old)} is removed")
        assert f"keys: {key_id(new)} active" in node.ask("show cluster")
    assert not any(log_of(node, "is dead|is suspect|refused") for node in nodes)
    town.wait_together()


def test_a_key_that_a_member_lacks_is_not_activated_and_the_member_is_named(town):
    old, new = town.keys, genkey()
    first, second, third = town.start()
    first.write_keys(standby(old) + new)
    second.write_keys(old + standby(new))
    first.wait_line(f"key {key_id(new)} is not activated yet: node lb-03 does not hold it")
    assert any("lb-03" in w for w in first.cluster()["warnings"])
    assert first.states() == {"lb-01": "alive", "lb-02": "alive", "lb-03": "alive"}
    third.write_keys(old + standby(new))
    first.wait_line(f"key {key_id(new)} is active")
    first.write_keys(new)
    first.wait_line(f"key {key_id(old)} is not removed yet: node lb-0[23] still sends with it")
    town.wait_together()
    second.write_keys(standby(old) + new)
    third.write_keys(standby(old) + new)
    first.wait_line(f"key {key_id(old)} is removed")
    town.wait_together()


def test_a_node_that_was_away_comes_back_once_it_has_the_new_key(town):
    old, new = town.keys, genkey()
    first, second, third = town.start()
    third.kill()
    town.wait_state("lb-03", "dead", "lb-01", "lb-02")
    for node in (first, second):
        node.write_keys(new)
    for node in (first, second):
        node.wait_line(f"key {key_id(old)} is removed")
    third.start()
    third.wait_line(f"a datagram from .* is refused: it is sealed with key {key_id(new)}")
    assert first.states()["lb-03"] == "dead"
    third.write_keys(old + standby(new))
    third.wait_line(f"key {key_id(new)} is accepted")
    third.write_keys(new)
    town.wait_together()


def test_a_torn_file_of_keys_changes_nothing(town):
    first, second = town.start("lb-01", "lb-02")
    first.write_keys("nonsense\n")
    first.wait_line("cluster.key:1: .*the old keys stay")
    town.wait_together("lb-01", "lb-02")


def test_wrong_keys_and_other_clusters_never_become_members(town):
    town.keys = genkey()
    first = town.nodes["lb-01"]
    first.start(http=HTTP)
    stranger, other = town.nodes["lb-02"], town.nodes["lb-03"]
    stranger.write_keys(genkey())
    stranger.start(peers=[f"{first.address}:7946"])
    other.start(cluster="another", peers=[f"{first.address}:7946"])
    first.wait_line(f"a datagram from {stranger.address}:7946 is refused: it is sealed with key")
    first.wait_line(f"a datagram from {other.address}:7946 is refused: it is of another cluster")
    wait_until(lambda: metric(first, 'aegislb_gossip_refused_total{cause="unknown_key"}') >= 2, what="more of them")
    wait_until(lambda: metric(first, 'aegislb_gossip_refused_total{cause="cluster"}') >= 2, what="more of those")
    assert len(log_of(first, "it is sealed with key")) == 1 and len(log_of(first, "of another cluster")) == 1
    assert set(first.states()) == {"lb-01"} and set(stranger.states()) == {"lb-02"} and set(other.states()) == {"lb-03"}


# --- what is told ---

def test_unequal_configurations_are_told_and_equal_ones_too(town):
    first, second = town.nodes["lb-01"], town.nodes["lb-02"]
    first.start(http=HTTP)
    second.start(servers='{ name = "other"; address = "10.10.10.105:443"; }')
    first.wait_line("digest differs: the configurations of the balancers are not equal: lb-01 has .*lb-02 has")
    assert any("digest differs" in w for w in first.cluster()["warnings"])
    assert metric(first, "aegislb_cluster_config_digest_differs") == 1
    second.end()
    first.wait_line("the configurations of the balancers are equal again")
    assert metric(first, "aegislb_cluster_config_digest_differs") == 0


def test_metrics_tell_of_members_datagrams_and_keys(town):
    first = town.nodes["lb-01"]
    first.start(http=HTTP)
    town.nodes["lb-02"].start(http=HTTP)
    town.wait_together("lb-01", "lb-02")
    assert metric(first, 'aegislb_cluster_members{state="alive"}') == 2
    assert metric(first, 'aegislb_cluster_members{state="dead"}') == 0
    assert metric(first, 'aegislb_gossip_packets_total{direction="in"}') > 0
    assert metric(first, 'aegislb_gossip_bytes_total{direction="out"}') > 0
    assert metric(first, f'aegislb_cluster_key_info{{id="{key_id(town.keys)}",state="active"}}') == 1
    town.nodes["lb-02"].kill()
    wait_until(lambda: metric(first, 'aegislb_cluster_members{state="dead"}') == 1, 2, "the death to be counted")
    assert json.loads(get(first, "/api/v1/cluster"))["node"] == "lb-01"


def test_a_program_is_told_of_members_and_servers(town):
    first, told = town.nodes["lb-01"], town.folder / "told"
    program = town.folder / "notify"
    program.write_text(f"#!/bin/sh\nenv | grep ^AEGISLB_ | sort | tr '\\n' ' ' >> {told}\necho >> {told}\n")
    program.chmod(0o755)
    first.start(cluster_more=f'notify = "{program}";')
    town.nodes["lb-02"].start()
    town.wait_together("lb-01", "lb-02")

    def line(*words):
        lines = told.read_text().splitlines() if told.exists() else []
        return any(all(w in text.split(" ") for w in words) for text in lines)

    of_member = ("AEGISLB_EVENT=member", "AEGISLB_NODE=lb-01", "AEGISLB_CLUSTER=aegis", "AEGISLB_MEMBER=lb-02")
    wait_until(lambda: line(*of_member, "AEGISLB_STATE=alive"), what="the program to be told of the join")
    town.nodes["lb-02"].kill()
    wait_until(lambda: line(*of_member, "AEGISLB_STATE=dead"), what="the program to be told of the death")
    first.ask("set server aegis/aegis-01 state maint")
    wait_until(lambda: line("AEGISLB_EVENT=server", "AEGISLB_BACKEND=aegis", "AEGISLB_SERVER=aegis-01",
                            "AEGISLB_STATE=MAINT"), what="the program to be told of the server")


def test_aegisctl_shows_the_cluster_first(town):
    first, _ = town.start("lb-01", "lb-02")
    town.wait_owner()
    shown = subprocess.run([AEGISCTL, "-s", first.socket, "status"], capture_output=True, text=True, check=True).stdout
    lines = shown.splitlines()
    assert lines[0].startswith("cluster aegis  quorum")
    assert any(re.match(r"lb-01 +10\.10\.10\.10:7946 +balancer +alive ", line) for line in lines)
    assert any(re.match(r"lb-0[12] .* 10\.10\.10\.100$", line) for line in lines), "the address stands behind its owner"
    assert not any(len(line.rstrip()) > 100 for line in lines)
    refusal = subprocess.run([AEGISCTL, "-s", first.socket, "forget", "lb-99"], capture_output=True, text=True)
    assert refusal.returncode != 0 and "No such node" in refusal.stderr


def test_of_many_members_those_stand_out_that_need_a_look(tmp_path):
    """Eleven do not fit above what else is on the screen: `status` shows some, `show cluster` counts and lists all."""
    with Town(tmp_path, balancers=11, profile="default") as town:
        first, *_, dead = town.start()
        owner = town.wait_owner()
        gone = dead if owner is not dead else town.nodes["lb-10"]
        gone.kill()
        town.wait_state(gone.name, "dead", "lb-01", seconds=20)
        rows = {"lb-01": "alive", owner.name: "alive", gone.name: "dead"}
        rest = f"and {11 - len(rows)} more, all alive; `show cluster` lists them"

        def stand_out():
            shown = subprocess.run([AEGISCTL, "-s", first.socket, "status"], capture_output=True, text=True, check=True).stdout
            return rest in shown and rows == dict(re.findall(r"^(lb-\d\d) .*:7946 +balancer +(\w+)", shown, re.M))

        def counted():
            text = first.ask("show cluster")
            return "\n11 members: 10 alive, 1 dead\nquorum met, rule majority: 10 of 11 voters alive, 6 needed\n" in text \
                and len(re.findall(r"^lb-\d\d ", text, re.M)) == 11
        wait_until(stand_out, what=f"a screen of {rows}")
        wait_until(counted, what="ten of eleven")


# --- starting ---

def refused(node, status, **changes):
    """The one line of a start that is refused."""
    node.start(wait=False, **changes)
    assert node.exit_status() == status
    lines = [line for line in node.log().splitlines() if line.startswith("aegislb: ")]
    return lines[-1]


def test_a_port_that_is_in_use_is_named(town):
    node = town.nodes["lb-01"]
    with inside(town.machine("lb-01")):
        taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taken.bind((node.address, 7946))
    with taken:
        assert "10.10.10.10:7946 (cluster.bind): bind: Address already in use" in refused(node, 71)


def test_keys_that_others_may_read_are_refused(town):
    node = town.nodes["lb-01"]
    node.write_keys(town.keys)
    node.keys.chmod(0o644)
    assert "mode 0644 lets others at the keys" in refused(node, 78)


@pytest.fixture
def open_town():
    """In a folder that other users can enter."""
    with tempfile.TemporaryDirectory(prefix="aegislb-") as folder:
        pathlib.Path(folder).chmod(0o755)
        with Town(pathlib.Path(folder), balancers=2) as town:
            yield town


def test_after_the_start_the_cluster_needs_no_root(open_town):
    town = open_town
    first = town.nodes["lb-01"]
    first.folder.chmod(0o777)
    first.start(more='user = "nobody"; group = "nogroup";')
    town.nodes["lb-02"].start()
    town.wait_together("lb-01", "lb-02")
    owner = town.wait_owner()
    caps = re.search(r"CapEff:\s+(\w+)", open(f"/proc/{first.pid}/status").read())[1]
    assert int(caps, 16) == 1 << 10 | 1 << 12 | 1 << 13, "NET_BIND_SERVICE, NET_ADMIN, NET_RAW"
    assert first.lines("cannot be read by the user") or not first.lines("old keys stay")
    town.nodes["lb-02"].kill() if owner.name == "lb-02" else None
    wait_until(lambda: first.holds(), what="the unprivileged node to hold the address")


def test_the_epoch_grows_with_every_start(town):
    node = town.nodes["lb-01"]
    node.start()
    before = int((node.folder / "state" / "epoch").read_text())
    node.end()
    (node.folder / "state" / "epoch").write_text(f"{before + 10**10}\n")
    node.start()
    assert int((node.folder / "state" / "epoch").read_text()) == before + 10**10 + 1

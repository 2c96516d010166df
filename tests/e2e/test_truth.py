"""One truth, asked anywhere: what an operator says on one balancer holds on all, outlives restarts and partitions, and
does not come back from the dead. So do bans."""

import json
import pathlib
import shutil
import socket
import subprocess
import time

import pytest

import lab
from actors import AEGISCTL
from lab import inside, wait_until
from town import Town

CLIENT = "10.10.10.50"
FAIL2BAN = shutil.which("fail2ban-server")
ACTION = pathlib.Path(__file__).parents[2] / "contrib" / "fail2ban" / "aegislb.conf"


@pytest.fixture
def town(tmp_path):
    with Town(tmp_path, balancers=3) as town:
        yield town


def servers(node):
    """Admin state of each server, as this node has it."""
    return {h["server"]: h["admin"] for h in json.loads(node.ask("show health json"))}


def weight(node, server="aegis-01"):
    return node.ask(f"get weight aegis/{server}").split()[0]


def wait_everywhere(town, condition, what, seconds=10):
    for node in town.running():
        wait_until(lambda: condition(node), seconds, f"{what} on {node.name}")


def restart_all(town):
    for node in town.nodes.values():
        node.kill()
    town.start()


@pytest.mark.timing
def test_a_drain_on_one_node_drains_on_all_within_50_ms(town):
    first, *others = town.start()
    for round in range(5):
        word, seen = [("drain", "is draining"), ("ready", "is ready")][round % 2]
        started = time.time()
        assert first.ask(f"set server aegis/aegis-01 state {word}") == "\n"
        said = first.wait_line(f"aegis/aegis-01 {seen}: set by uid", after=started - 0.001)
        for node in others:
            heard = node.wait_line(f"aegis/aegis-01 {seen}: set by node lb-01", after=started - 0.001)
            assert heard - said < 0.05 * lab.SLOW, f"{node.name} heard it after {heard - said:.3f} s"


def test_what_was_set_survives_the_restart_of_one_and_of_all(town):
    first, second, third = town.start()
    assert first.ask("set server aegis/aegis-01 state drain") == "\n"
    assert second.ask("set weight aegis/aegis-02 7") == "\n"
    wait_everywhere(town, lambda n: servers(n)["aegis-01"] == "drain" and weight(n, "aegis-02") == "7", "both words")
    wait_until(lambda: all(f"aegis/aegis-0{i}" in (third.folder / "state" / "state.json").read_text() for i in (1, 2)), what="them on its disk")
    third.kill()
    third.start()
    assert servers(third)["aegis-01"] == "drain" and weight(third, "aegis-02") == "7", "it has them before it hears anybody"
    restart_all(town)
    for node in town.nodes.values():
        assert servers(node)["aegis-01"] == "drain" and weight(node, "aegis-02") == "7"


def test_a_node_that_was_away_learns_what_was_said(town):
    first, second, third = town.start()
    third.kill()
    first.ask("set server aegis/aegis-01 state maint")
    first.ask("set maxconn server aegis/aegis-02 44")
    third.start()
    wait_until(lambda: servers(third)["aegis-01"] == "maint", what="the news")
    third.wait_line("max_connections 44: set by node lb-01")


def test_a_node_without_its_state_gets_it_back_from_the_others(town):
    first, second, third = town.start()
    first.ask("set server aegis/aegis-01 state drain")
    wait_everywhere(town, lambda n: servers(n)["aegis-01"] == "drain", "the drain")
    third.kill()
    (third.folder / "state" / "state.json").write_text('{"version": 2, "items": [{"kind"')
    third.start()
    wait_until(lambda: servers(third)["aegis-01"] == "drain", what="the drain on lb-03")
    assert third.lines("set aside as .*state.json.bad")


def test_a_server_added_on_one_node_is_there_on_all_and_goes_on_all(town):
    first, second, third = town.start()
    assert "registered" in first.ask("add server aegis/new 10.10.10.105:443 weight 3")
    wait_everywhere(town, lambda n: servers(n).get("new") == "maint", "the new server")
    second.ask("enable server aegis/new")
    wait_everywhere(town, lambda n: servers(n)["new"] == "ready" and weight(n, "new") == "3", "it ready")
    restart_all(town)
    assert all(servers(n)["new"] == "ready" for n in town.nodes.values())
    third.ask("disable server aegis/new")
    wait_everywhere(town, lambda n: servers(n)["new"] == "maint", "its maintenance")
    assert "deleted" in third.ask("del server aegis/new")
    wait_everywhere(town, lambda n: "new" not in servers(n), "its end")
    restart_all(town)
    assert all("new" not in servers(n) for n in town.nodes.values())


def test_a_word_for_one_node_stays_there_until_the_next(town):
    first, second, third = town.start()
    first.ask("set server aegis/aegis-01 state drain local")
    time.sleep(0.3)
    assert servers(first)["aegis-01"] == "drain" and servers(second)["aegis-01"] == "ready"
    first.kill()
    first.start()
    assert servers(first)["aegis-01"] == "drain"
    town.wait_together()
    third.ask("set server aegis/aegis-01 state maint")
    wait_everywhere(town, lambda n: servers(n)["aegis-01"] == "maint", "the next word")


@pytest.mark.timing
def test_after_a_partition_all_agree_on_the_last_word(town):
    town.start()
    first, third = town.nodes["lb-01"], town.nodes["lb-03"]
    town.weather.split(["lb-01"], ["lb-02", "lb-03"])
    wait_until(lambda: third.states()["lb-01"] == "dead", what="the partition to be seen")
    first.ask("set server aegis/aegis-01 state drain")
    time.sleep(0.005)  # stamps are of milliseconds: this is the later one for sure
    third.ask("set server aegis/aegis-01 state ready")
    third.ask("set server aegis/aegis-02 state drain")
    first.ask("set weight aegis/aegis-02 9")
    town.weather.heal()
    town.wait_together()
    healed = time.monotonic()
    wait_everywhere(town, lambda n: servers(n) == {"aegis-01": "ready", "aegis-02": "drain"} and
                    weight(n, "aegis-02") == "9", "the same on all")
    assert time.monotonic() - healed < 1 * lab.SLOW


def test_drain_against_ready_at_once_is_the_same_on_all_soon(town):
    nodes = town.start()
    for _ in range(10):
        with socket.socket(socket.AF_UNIX) as a, socket.socket(socket.AF_UNIX) as b:
            a.connect(nodes[0].socket)
            b.connect(nodes[1].socket)
            a.sendall(b"set server aegis/aegis-01 state drain\n")
            b.sendall(b"set server aegis/aegis-01 state ready\n")
            a.recv(10), b.recv(10)
        wait_until(lambda: len({servers(n)["aegis-01"] for n in nodes}) == 1, what="all to agree")


# --- bans ---

def answers(town, node):
    return town.answers(node.address)


def banned(node):
    return [b["address"] for b in json.loads(node.ask("show bans json"))]


@pytest.mark.timing  # a ban of 3 s is looked at on all nodes before it ends
def test_a_ban_on_one_node_refuses_on_all_and_is_lifted_when_due(town):
    first, second, third = town.start()
    wait_everywhere(town, lambda n: answers(town, n), "an answer")
    with inside(town.machine("client")):
        held = socket.create_connection((third.address, 443))
    wait_until(lambda: " fe" in third.ask("show sess") or CLIENT in third.ask("show sess"), what="the connection")
    at = time.monotonic()
    assert second.ask(f"ban {CLIENT} for 3s by the test") == "\n"
    wait_everywhere(town, lambda n: banned(n) == [f"{CLIENT}/32"], "the ban")
    assert not any(answers(town, n) for n in town.nodes.values())
    held.settimeout(10 * lab.SLOW)
    with held:
        try:
            assert held.recv(1) == b"", "the open connection ends too"
        except ConnectionResetError:
            pass
    assert "by the test" in first.ask("show bans") and "by lb-02" in first.ask("show bans")
    wait_everywhere(town, lambda n: answers(town, n), "an answer again", seconds=20)
    assert time.monotonic() - at >= 2.9
    assert not any(banned(n) for n in town.nodes.values())
    assert third.lines("is banned no longer: its time is over")


@pytest.mark.timing  # a ban of 4 s is looked at on all nodes before it ends
def test_bans_survive_the_restart_of_all_and_their_time_goes_on(town):
    first, second, third = town.start()
    at = time.monotonic()
    first.ask(f"ban {CLIENT} for 4s")
    first.ask("ban 192.0.2.0/24 for 2h scanner")
    wait_everywhere(town, lambda n: len(banned(n)) == 2, "the bans")
    time.sleep(0.2)  # what came from others is on disk a little later
    restart_all(town)
    if time.monotonic() - at < 3:
        assert not any(answers(town, n) for n in town.nodes.values())
    wait_everywhere(town, lambda n: answers(town, n), "an answer again", seconds=20)
    assert time.monotonic() - at >= 3.9
    assert all(banned(n) == ["192.0.2.0/24"] for n in town.nodes.values())


def test_a_ban_that_was_lifted_does_not_come_back_with_a_node_that_was_away(town):
    first, second, third = town.start()
    first.ask(f"ban {CLIENT}")
    wait_everywhere(town, lambda n: banned(n), "the ban")
    time.sleep(0.2)
    third.kill()
    second.ask(f"unban {CLIENT}")
    wait_everywhere(town, lambda n: not banned(n), "its end")
    third.start()
    town.wait_together()
    wait_everywhere(town, lambda n: not banned(n), "its end on all")
    restart_all(town)
    assert not any(banned(n) for n in town.nodes.values())


@pytest.mark.skipif(not FAIL2BAN, reason="fail2ban is not installed")
def test_fail2ban_bans_on_every_node(town, tmp_path):
    first, second, third = town.start()
    conf = tmp_path / "fail2ban"
    for name in ("action.d", "filter.d"):
        (conf / name).mkdir(parents=True)
    shutil.copy(ACTION, conf / "action.d")
    for name in ("fail2ban.conf", "paths-common.conf", "paths-debian.conf"):
        shutil.copy(f"/etc/fail2ban/{name}", conf)
    (conf / "fail2ban.local").write_text("[DEFAULT]\ndbfile = None\n")
    (conf / "jail.conf").write_text("[DEFAULT]\nbackend = polling\nusedns = no\n")
    (conf / "filter.d" / "login.conf").write_text("[Definition]\nfailregex = ^\\s*failed login of <HOST>$\ndatepattern = ^%%Y-%%m-%%d %%H:%%M:%%S\n")
    log = tmp_path / "login.log"
    log.touch()
    (conf / "jail.local").write_text(
        f"[login]\nenabled = true\nfilter = login\nlogpath = {log}\nmaxretry = 3\nbantime = 7200\nfindtime = 600\n"
        f'action = aegislb[aegisctl="{shutil.which(AEGISCTL) or AEGISCTL} -s {first.socket}"]\n')
    call = ["-c", str(conf), "-s", str(tmp_path / "f2b.sock"), "-p", str(tmp_path / "f2b.pid"),
            "--logtarget", str(tmp_path / "f2b.log")]
    server = subprocess.Popen([FAIL2BAN, *call, "-f", "start"], preexec_fn=lab.die_with_parent)

    def client(*words):
        return subprocess.run(["fail2ban-client", *call, *words], capture_output=True, text=True)

    try:
        wait_until(lambda: client("ping").returncode == 0, what="fail2ban")
        now = time.strftime("%Y-%m-%d %H:%M:%S")
        with open(log, "a") as f:
            f.write(f"{now} failed login of 192.0.2.77\n" * 3)
        wait_until(lambda: banned(third) == ["192.0.2.77/32"], 20, "the ban on lb-03")
        assert "fail2ban login" in third.ask("show bans") and "1h59m" in third.ask("show bans")
        # to fail2ban a ban is one when its command has ended, which is after the cluster has it
        wait_until(lambda: not any(t.read_text() for t in pathlib.Path(f"/proc/{server.pid}/task").glob("*/children")), what="the command")
        time.sleep(0.2)
        assert client("set", "login", "unbanip", "192.0.2.77").returncode == 0
        wait_until(lambda: banned(third) == [], 20, "its end on lb-03")
    finally:
        server.terminate()
        server.wait()

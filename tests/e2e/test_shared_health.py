"""What several balancers see of one server: a death that one of them sees is known to all at once, a server that only one
of them cannot reach stays in service on the others, and who starts goes by what the others know."""

import contextlib
import json
import re
import signal
import socket
import ssl
import threading
import time

import pytest

import lab
from lab import inside, wait_until
from town import Town
from wire import read_all

QUICKLY = 'type = "https"; path = "/health"; host = "aegisagent.ai"; interval = "300ms"; timeout = "2s";'
SLOWLY = 'type = "https"; path = "/health"; host = "aegisagent.ai"; interval = "2s"; timeout = "2s";'
SLOWLY_PATIENCE = 2 + 2  # interval and timeout: as long as another node's check may take
RARELY = 'type = "https"; path = "/health"; host = "aegisagent.ai"; interval = "60s"; timeout = "2s";'


@pytest.fixture
def town(tmp_path, authority):
    with Town(tmp_path, balancers=3, backends=2, authority=authority, health=QUICKLY) as town:
        yield town


def health(node, server="aegis-01"):
    return next(h for h in json.loads(node.ask("show health json")) if h["server"] == server)


def views(node, server="aegis-01"):
    return {v["node"]: v["state"] for v in health(node, server)["views"]}


def wait_seen(town, states, server="aegis-01", seconds=10):
    """Until every node shows these views of all nodes."""
    for node in town.running():
        wait_until(lambda: views(node, server) == states, seconds, f"{node.name} to show {states}")


def wait_all_up(town):
    for server in ("aegis-01", "aegis-02"):
        wait_seen(town, {name: "UP" for name in town.names}, server)


def get(town, node, timeout=10):
    """Which backend answers a new TLS connection through that balancer; "" where none does."""
    with contextlib.suppress(OSError), inside(town.machine("client")):
        with socket.create_connection((node.address, 443), timeout * lab.SLOW) as s:
            with town.authority.trust.wrap_socket(s, server_hostname="aegisagent.ai") as t:
                t.sendall(b"GET / HTTP/1.0\r\nHost: aegisagent.ai\r\n\r\n")
                return read_all(t).partition(b"\r\n\r\n")[2].decode().split(" ")[0]
    return ""


def downs(town, after, server="aegis-01"):
    return {n.name: n.wait_line(f"aegis/{server} is DOWN", after, 20) for n in town.running()}


@pytest.mark.timing
def test_a_death_that_one_sees_is_known_to_all_within_a_second(town):
    town.start(health=SLOWLY)
    wait_all_up(town)
    town.backends["aegis-01"].kill()
    at = downs(town, time.time() - 0.001)
    assert max(at.values()) - min(at.values()) < 1 * lab.SLOW, at
    wait_seen(town, {name: "DOWN" for name in town.names})
    shown = health(town.nodes["lb-02"])
    assert set(shown) == {"backend", "server", "address", "state", "admin", "cluster", "views"}
    assert shown["cluster"] == shown["state"] == "DOWN" and shown["views"][0]["node"] == "lb-02"
    assert set(shown["views"][1]) == {"node", "state", "checked", "status", "last"}
    assert shown["views"][1]["status"] == "L4CON" and shown["views"][1]["last"] == "connect refused"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", shown["views"][1]["checked"])
    assert "cluster DOWN (0 up, 3 down)" in town.nodes["lb-02"].ask("show health")
    time.sleep(max(0, max(at.values()) + SLOWLY_PATIENCE + 0.5 - time.time()))
    assert not any(node.lines("from here only") for node in town.running()), "who sees a death first has no bad way"
    town.start_backend("aegis-01")
    up = {n.name: n.wait_line("aegis/aegis-01 is UP", max(at.values()), 15) for n in town.running()}
    assert max(up.values()) - min(up.values()) < 1 * lab.SLOW, "who is back is known at once, too"


@pytest.mark.timing
def test_a_silent_death_is_known_to_all_within_a_second_of_the_first(town):
    town.start(health=SLOWLY)
    wait_all_up(town)
    town.weather.pull("aegis-01")
    at = downs(town, time.time() - 0.001)
    assert max(at.values()) - min(at.values()) < 1 * lab.SLOW, at


def test_a_server_that_one_node_cannot_reach_goes_on_to_serve_on_the_others(town):
    first, second, third = town.start()
    wait_all_up(town)
    town.weather.cut(("lb-01", "aegis-01"), ("aegis-01", "lb-01"))
    down = first.wait_line("aegis/aegis-01 is DOWN", seconds=20)
    said = first.wait_line("aegis/aegis-01 is unreachable from here only: lb-0[23] and 1 more can reach it", seconds=20)
    assert said - down >= 2.9, "the others are given time to see the same"
    shown = health(first)
    assert shown["state"] == "DOWN" and shown["cluster"] == "UP"
    wait_seen(town, {"lb-01": "DOWN", "lb-02": "UP", "lb-03": "UP"})
    assert "unreachable from here only" in first.ask("show health")
    assert {get(town, first) for _ in range(4)} == {"aegis-02"}
    assert {get(town, second) for _ in range(4)} == {"aegis-01", "aegis-02"}
    time.sleep(1.5)
    assert not second.lines("aegis/aegis-01 is DOWN") and not third.lines("aegis/aegis-01 is DOWN")
    town.weather.heal()
    first.wait_line("aegis/aegis-01 is reachable from here again", seconds=20)
    wait_seen(town, {name: "UP" for name in town.names})


def test_a_server_that_is_down_when_a_node_starts_is_sent_nothing(town):
    first, second, third = town.start()
    wait_all_up(town)
    town.backends["aegis-01"].be_sick()  # it goes on to accept
    downs(town, 0)
    wait_seen(town, {name: "DOWN" for name in town.names})
    requests = town.backends["aegis-01"].folder / "access.log"
    before = sum(" / " in line + " " for line in requests.read_text().splitlines())
    answered, stop = [], threading.Event()

    def hurry():
        while not stop.is_set():
            with contextlib.suppress(ssl.SSLError):
                answered.append(get(town, third, timeout=2))

    third.kill()
    clients = [threading.Thread(target=hurry) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        third.start()
        wait_until(lambda: answered.count("aegis-02") > 50, what="clients to be served")
    finally:
        stop.set()
        for client in clients:
            client.join()
    assert "aegis-01" not in answered
    assert sum(" / " in line + " " for line in requests.read_text().splitlines()) == before
    assert views(third)["lb-03"] == "DOWN"


@pytest.mark.timing
def test_a_silent_server_is_known_to_be_down_before_a_node_has_checked_it(town):
    first, second, third = town.start()
    wait_all_up(town)
    town.weather.pull("aegis-01")
    downs(town, 0)
    third.kill()
    started = time.time()
    third.start()
    at = third.wait_line("aegis/aegis-01 is DOWN: as lb-0[12]( and 1 more)? sees? it, until it is checked here", started - 0.001)
    assert at - started < 1 * lab.SLOW, "the check itself takes two seconds"
    assert get(town, third) == "aegis-02"


def test_a_connect_that_fails_on_one_node_counts_on_all_at_once(tmp_path, authority):
    with Town(tmp_path, balancers=3, backends=2, authority=authority, health=RARELY) as town:
        nodes = town.start()
        wait_all_up(town)
        town.backends["aegis-01"].kill()
        at = time.time()
        with_clients = nodes[0]
        wait_until(lambda: get(town, with_clients) and with_clients.lines("aegis-01 is DOWN"), 20, "a connect to fail")
        told = downs(town, at - 0.001)
        assert max(told.values()) - at < 30, "long before anyone's next check"
        assert {get(town, n) for n in nodes} == {"aegis-02"}


def test_where_nothing_is_up_here_what_others_reach_is_tried_first(town):
    first, second, third = town.start()
    wait_all_up(town)
    town.weather.cut(("lb-01", "aegis-01"), ("aegis-01", "lb-01"))
    first.wait_line("aegis-01 is unreachable from here only", seconds=20)
    town.backends["aegis-02"].kill()
    first.wait_line("aegis has no server left", seconds=20)
    town.weather.heal()
    assert get(town, first) == "aegis-01", "it is tried although the last check here failed"


def test_unequal_configurations_agree_on_the_servers_they_share(town):
    first, second = town.nodes["lb-01"], town.nodes["lb-02"]
    first.start()
    second.start(servers='{ name = "other"; address = "10.10.10.109:443"; },'
                         '{ name = "aegis-02"; address = "10.10.10.104:443"; }')
    town.wait_together("lb-01", "lb-02")
    wait_until(lambda: views(first, "aegis-02") == {"lb-01": "UP", "lb-02": "UP"}, what="both views")
    assert views(first, "aegis-01") == {"lb-01": "UP"}
    assert list(views(second, "other")) == ["lb-02"]


def test_a_node_that_is_stopped_counts_for_nothing(town):
    first, second, third = town.start()
    wait_all_up(town)
    third.send(signal.SIGSTOP)
    town.wait_state("lb-03", "dead", "lb-01", "lb-02")
    assert views(first)["lb-03"] == "UNKNOWN"
    assert "its view counts for nothing" in first.ask("show health")

"""A graceful stop: how far it has come can be seen, and clients of HTTP are told to go."""

import re
import signal
import socket

import frames
from frames import Client, request
from lab import inside, wait_until
from test_http2 import start  # noqa: F401, a fixture
from test_process import ONE_SERVER, echo
from town import VIP
from wire import client_hello, connect, read_exactly

PLAIN = """, { name = "web"; mode = "http"; bind = ["*:8080"];
    timeouts = { request = "20s"; idle = "20s"; };
    routes = ( { respond = { body = "here\\n"; }; } ); }"""


def opened():
    s = connect()
    s.sendall(client_hello())
    read_exactly(s, 1)
    return s


def test_how_far_a_stop_has_come_is_told(site):
    site.start_recorder(serve=echo)
    balancer = site.start_balancer(graceful_stop="50s", **ONE_SERVER)
    first, second = opened(), opened()
    balancer.send(signal.SIGTERM)
    balancer.wait_log("accepting no more, 2 connections may go on for 50 s")
    info = balancer.ask("show info")
    assert re.search(r"^Stopping: 1$", info, re.M) and re.search(r"^CurrConns: 2$", info, re.M)
    first.close()
    balancer.wait_log(r"connections still open: 1, closed in \d+ s at the latest")
    second.close()
    assert balancer.exit_status(20) == 0
    assert "no connection is left" in balancer.log()


def refuses(port):
    try:
        connect(port=port).close()
    except ConnectionRefusedError:
        return True


def answer(s):
    head = b""
    while b"\r\n\r\n" not in head:
        head += read_exactly(s, 1)
    head = head.decode().lower()
    read_exactly(s, int(re.search(r"content-length: (\d+)", head)[1]))
    return head


def test_a_stop_says_close_with_the_next_answer_of_http_1(site):
    balancer = site.start_balancer(graceful_stop="50s", listeners=PLAIN, **ONE_SERVER)
    get = b"GET / HTTP/1.1\r\nHost: one.example\r\n\r\n"
    with connect(port=8080) as s:
        s.sendall(get)
        assert "connection: close" not in answer(s)
        s.sendall(get[:-2])  # under way
        wait_until(lambda: "CurrConns: 1" in balancer.ask("show info"), what="the connection")
        balancer.send(signal.SIGTERM)
        wait_until(lambda: refuses(8080), what="the listener to close")
        s.sendall(get[-2:])
        assert "connection: close" in answer(s)
        assert s.recv(1) == b""
    assert balancer.exit_status(20) == 0


def test_a_stop_says_goaway_and_finishes_the_streams_of_http_2(site, start):  # noqa: F811
    balancer = start(graceful_stop="50s")
    with Client(site) as client:
        client.send(frames.frame(frames.HEADERS, 5, 1, request(path=b"/robots.txt")))
        balancer.send(signal.SIGTERM)
        assert client.goaway() == 0
    assert balancer.exit_status(20) == 0


def test_a_stop_hands_addresses_over_first_then_leaves_the_cluster_and_then_waits_for_who_is_connected(towns):
    town = towns.make(2)
    town.start(graceful_stop="50s", timeouts='hello = "60s";')
    owner = town.wait_owner()
    heir = town.others_than(owner)[0]
    with inside(town.machine("client")), socket.create_connection((owner.address, 443), 10) as s:
        wait_until(lambda: "CurrConns: 1" in owner.ask("show info"), what="the connection")
        owner.send(signal.SIGTERM)
        town.wait_state(owner.name, "left")
        assert heir.holds() and not owner.holds()
        info = owner.ask("show info")
        assert "Stopping: 1" in info and "CurrConns: 1" in info
        s.close()
    assert owner.exit_status(30) == 0
    order = [heir.wait_line(pattern) for pattern in (rf"{VIP} is taken over from {owner.name}", rf"{owner.name} .* has left")]
    assert order == sorted(order)
    assert not owner.lines(f"{heir.name} .* is dead")  # it is not spoken to any more, which says nothing of the others
    assert re.search(rf"{VIP} is handed over", owner.log()) and "no connection is left" in owner.log()

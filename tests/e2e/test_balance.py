"""Which server is chosen: algorithms, weights, backups, places."""

import collections
import contextlib

import pytest

from lab import SLOW
from wire import client_hello, connect, read_exactly

HELLO = client_hello()
UNCHECKED = dict(proxy_protocol="off", health='type = "none";')


def named(name):
    def serve(s):
        with s:
            read_exactly(s, len(HELLO))
            s.sendall(name.encode())
            s.recv(1)
    return serve


def servers(first="", second=""):
    return (f'{{ name = "aegis-01"; address = "10.10.10.103:443"; {first} }},'
            f'{{ name = "aegis-02"; address = "10.10.10.104:443"; {second} }}')


def start(site, **changes):
    for name in ("aegis-01", "aegis-02"):
        site.start_recorder(name, serve=named(name))
    return site.start_balancer(**UNCHECKED, **changes)


def open_one(stack=None, **where):
    """The server that a new connection gets; kept open by the stack, if there is one."""
    s = connect(**where)
    s.settimeout(10 * SLOW)
    with contextlib.nullcontext() if stack else s:
        if stack:
            stack.enter_context(s)
        s.sendall(HELLO)
        return read_exactly(s, 8).decode()


def choices(number, **where):
    return collections.Counter(open_one(**where) for _ in range(number))


def test_weights_are_exact_and_smooth(site):
    start(site, servers=servers("weight = 3;", "weight = 1;"))
    order = [open_one() for _ in range(40)]
    for at in range(0, 40, 4):
        assert sorted(order[at:at + 4]) == ["aegis-01"] * 3 + ["aegis-02"]


def test_weight_0_takes_no_new_connections(site):
    start(site, servers=servers("weight = 0;"))
    assert choices(6) == {"aegis-02": 6}


def test_leastconn_evens_out(site):
    start(site, balance="leastconn")
    with contextlib.ExitStack() as stack:
        held = collections.Counter(open_one(stack) for _ in range(20))
        assert held == {"aegis-01": 10, "aegis-02": 10}


def test_leastconn_gives_to_whom_has_least(site):
    balancer = start(site, balance="leastconn", servers=servers("weight = 1;", "weight = 4;"))
    with contextlib.ExitStack() as stack:
        held = collections.Counter(open_one(stack) for _ in range(20))
        assert held == {"aegis-01": 4, "aegis-02": 16}
        assert balancer.stat("aegis-02", "scur") == "16"


def test_source_keeps_a_client_at_its_server(site):
    start(site, balance="source")
    assert len(choices(10)) == 1
    assert len(choices(10, address="2001:db8:10::10")) == 1


def test_random2_uses_both(site):
    start(site, balance="random2")
    assert set(choices(40)) == {"aegis-01", "aegis-02"}


def test_a_backup_waits_for_the_others_to_fail(site):
    balancer = start(site, servers=servers("", "backup = true;"))
    assert choices(5) == {"aegis-01": 5}
    balancer.ask("set server aegis/aegis-01 state maint")
    assert choices(5) == {"aegis-02": 5}
    balancer.ask("set server aegis/aegis-01 state ready")
    assert choices(5) == {"aegis-01": 5}


def test_a_full_server_is_passed_over(site):
    start(site, servers=servers("max_connections = 2;"))
    with contextlib.ExitStack() as stack:
        held = collections.Counter(open_one(stack) for _ in range(8))
        assert held == {"aegis-01": 2, "aegis-02": 6}


def test_when_all_are_full_a_client_waits_for_a_place(site):
    start(site, timeouts='connect = "30s";', servers=servers("max_connections = 1;", "max_connections = 1;"))
    with contextlib.ExitStack() as stack, contextlib.ExitStack() as first:
        open_one(first)
        open_one(stack)
        with connect() as waiting:
            waiting.sendall(HELLO)
            waiting.settimeout(0.3)
            with pytest.raises(TimeoutError):
                waiting.recv(8)
            first.close()
            waiting.settimeout(10 * SLOW)
            assert read_exactly(waiting, 8) in (b"aegis-01", b"aegis-02")


def test_when_all_stay_full_a_client_is_told_in_time(site):
    start(site, timeouts='connect = "400ms";', servers=servers("max_connections = 1;", "max_connections = 1;"))
    with contextlib.ExitStack() as stack:
        open_one(stack)
        open_one(stack)
        with connect() as waiting:
            waiting.settimeout(10 * SLOW)
            waiting.sendall(HELLO)
            assert len(waiting.recv(8)) in (0, 7)


def test_drain_keeps_what_is_open(site):
    balancer = start(site)
    with contextlib.ExitStack() as stack:
        assert {open_one(stack), open_one(stack)} == {"aegis-01", "aegis-02"}
        balancer.ask("set server aegis/aegis-01 state drain")
        assert choices(4) == {"aegis-02": 4}
        assert balancer.stat("aegis-01", "scur") == "1"

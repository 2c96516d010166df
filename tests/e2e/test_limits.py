"""Limits hold exactly, lose nothing, and cost next to nothing."""

import contextlib
import time

from lab import BALANCER6, SLOW, inside, ip, wait_until
from wire import Closed, client_hello, connect, read_all, read_exactly

HELLO = client_hello()


def echo(s):
    with s:
        while data := s.recv(65536):
            s.sendall(data)


def start(site, **changes):
    site.start_recorder(serve=echo)
    return site.start_balancer(**{
        "proxy_protocol": "off", "health": 'type = "none";',
        "servers": '{ name = "aegis-01"; address = "10.10.10.103:443"; }', **changes})


def is_served(s, seconds=0.5):
    """Whether the hello comes back within that time."""
    s.settimeout(seconds * SLOW)
    with contextlib.suppress(OSError, Closed):
        return read_exactly(s, len(HELLO)) == HELLO


def opened(stack, number, **where):
    """That many connections, each with its hello sent, unless it was refused before."""
    connections = [stack.enter_context(connect(**where)) for _ in range(number)]
    for s in connections:
        with contextlib.suppress(ConnectionError):
            s.sendall(HELLO)
    return connections


def is_refused(s):
    s.settimeout(10 * SLOW)
    try:
        return len(read_all(s)) <= 7
    except ConnectionResetError:
        return True


def test_beyond_the_limit_of_all_connections_one_waits_and_none_is_lost(site):
    balancer = start(site, limits="connections = 10;")
    with contextlib.ExitStack() as stack:
        first = opened(stack, 10)
        assert all(is_served(s, 10) for s in first)
        late = opened(stack, 3)
        assert not any(is_served(s) for s in late)
        for s in first[:3]:
            s.close()
        assert all(is_served(s, 10) for s in late)
        assert all(s.send(b"x") and read_exactly(s, 1) == b"x" for s in first[3:])
    balancer.wait_log("limits?: .*10")


def test_the_limit_per_source(site):
    start(site, limits="connections_per_source = 5;")
    with contextlib.ExitStack() as stack:
        first = opened(stack, 5)
        assert all(is_served(s, 10) for s in first)
        assert is_refused(opened(stack, 1)[0])
        assert is_served(opened(stack, 1, address=BALANCER6)[0], 10), "another source"
        first[0].close()
        wait_until(lambda: is_served(opened(stack, 1)[0]), what="a place for that source")


def test_an_ipv6_network_of_64_bits_is_one_source(site):
    start(site, limits="connections_per_source = 4;")
    sources = [f"2001:db8:10::{number:x}" for number in range(0x60, 0x66)]
    with inside(site.machine("client")):
        for source in sources:
            ip(f"address replace {source}/64 dev eth0 nodad preferred_lft 0")  # only for who asks for it
    with contextlib.ExitStack() as stack:
        for source in sources[:4]:
            assert is_served(opened(stack, 1, address=BALANCER6, source=source)[0], 10)
        for source in sources[4:]:
            assert is_refused(opened(stack, 1, address=BALANCER6, source=source)[0])


def test_the_rate_per_source(site):
    start(site, listener='rate_limit = { connections = 10; per = "1s"; burst = 20; by = "source"; };')
    with contextlib.ExitStack() as stack:
        begun = time.monotonic()
        served = sum(bool(is_served(s, 10)) for s in opened(stack, 60))  # one that is refused is closed, and not waited for
        refilled = 10 * (time.monotonic() - begun) + 1
        assert 20 <= served <= 20 + refilled
        wait_until(lambda: is_served(opened(stack, 1)[0]), what="the bucket to fill again")


def test_out_of_descriptors_it_pauses_and_goes_on(site):
    """One line says so, no processor time is burnt, what is open goes on, what waited is served."""
    balancer = start(site, workers=1, prefix=("prlimit", "--nofile=64:64"))
    with contextlib.ExitStack() as stack:
        connections = opened(stack, 60)
        balancer.wait_log("(?i)descriptors")
        served = [s for s in connections if is_served(s, 0.1)]
        assert 8 <= len(served) < 60
        before = balancer.cpu_seconds()
        time.sleep(1)  # the span that is measured
        assert balancer.cpu_seconds() - before < 0.2
        for s in served:
            s.settimeout(10 * SLOW)
            s.sendall(b"x")
            assert read_exactly(s, 1) == b"x"
        assert balancer.running()
        waiting = [s for s in connections if s not in served]
        while served:
            served.pop().close()
        for s in waiting[:10]:
            assert is_served(s, 10)
    with connect() as s:
        s.sendall(HELLO)
        assert is_served(s, 10)


def test_out_of_descriptors_the_operator_and_the_checks_still_get_theirs(site):
    balancer = start(site, workers=1, prefix=("prlimit", "--nofile=64:64"), health='type = "tcp"; interval = "200ms";')
    with contextlib.ExitStack() as stack:
        opened(stack, 60)
        balancer.wait_log("(?i)descriptors|too many open files")
        for _ in range(20):
            assert balancer.answers()
            time.sleep(0.05)  # a second in all, in which clients knock at every tick
        assert "checks cannot be made" not in balancer.log()


def test_a_refused_connection_is_closed_not_left(site):
    """Over the rate, the balancer holds nothing for it."""
    balancer = start(site, listener='rate_limit = { connections = 1; per = "60s"; burst = 1; by = "source"; };')
    with contextlib.ExitStack() as stack:
        assert is_served(opened(stack, 1)[0], 10)
        for s in opened(stack, 50):
            assert is_refused(s)
        assert int(balancer.stat("FRONTEND", "scur", "https")) == 1
        assert int(balancer.stat("FRONTEND", "dcon", "https")) == 50

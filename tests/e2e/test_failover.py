"""A dying backend costs no client its connection; health says what happened, and when."""

import threading
import time

import pytest

from lab import wait_until
from wire import alert_in, client_hello, connect, read_all, read_exactly

SLOW_CHECKS = 'type = "https"; path = "/health"; host = "aegisagent.ai"; interval = "1s"; timeout = "1s";'


def test_no_connection_fails_when_a_backend_is_killed(site):
    """2,000 new connections one after the other; aegis-01 dies after 500 and is back after 1,500."""
    balancer = site.start()
    answers = []
    for number in range(2000):
        if number == 500:
            site.backends["aegis-01"].kill()
        if number == 1500:
            balancer.wait_status("aegis-01", "DOWN")
            site.start_backend("aegis-01")
            balancer.wait_status("aegis-01", "UP")
        answers.append(site.get().split()[0])
    assert answers[:500] == ["aegis-01", "aegis-02"] * 250
    assert set(answers[500:1500]) == {"aegis-02"}
    assert sorted(answers[1500:]) == ["aegis-01"] * 250 + ["aegis-02"] * 250
    balancer.wait_log(r"aegis/aegis-01 is DOWN: .*refused.* \(3/3\), 1 server left")
    balancer.wait_log(r"aegis/aegis-01 is UP")


def test_no_new_connection_fails_of_64_at_a_time(site):
    """What was open to the killed backend dies with it; what begins after that is served."""
    site.start()
    done, failed_since = [], []

    def client():
        for _ in range(12):
            started = time.monotonic()
            try:
                done.append((started, site.get().split()[0]))
            except (OSError, IndexError):
                failed_since.append(started)

    threads = [threading.Thread(target=client) for _ in range(64)]
    [t.start() for t in threads]
    wait_until(lambda: len(done) > 100)
    site.backends["aegis-01"].kill()
    killed = time.monotonic()
    [t.join() for t in threads]
    assert not [started - killed for started in failed_since if started > killed]
    assert len(done) + len(failed_since) == 64 * 12
    assert {name for started, name in done if started > killed} == {"aegis-02"}


@pytest.mark.timing  # its checks are told apart by a second
def test_out_after_three_failures_back_after_two_successes(site):
    """Told by nginx's own log: three 503 in a row, then two 200."""
    balancer = site.start(health=SLOW_CHECKS)
    nginx = site.backends["aegis-01"]
    wait_until(lambda: nginx.checks(), what="a first check")
    nginx.be_sick()
    balancer.wait_status("aegis-01", "DOWN", 15)
    assert [status for _, status in nginx.checks()][-3:] == [503] * 3
    balancer.wait_log(r"aegis/aegis-01 is DOWN: .*503.* \(3/3\), 1 server left")
    nginx.be_sick(False)
    balancer.wait_status("aegis-01", "UP", 15)
    assert [status for _, status in nginx.checks()][-3:] == [503, 200, 200]


@pytest.mark.timing  # its checks are told apart by a second
def test_an_opposite_result_starts_the_count_again(site):
    balancer = site.start(health=SLOW_CHECKS)
    nginx = site.backends["aegis-01"]
    wait_until(lambda: nginx.checks(), what="a first check")
    for _ in range(2):
        nginx.be_sick()
        start = len(nginx.checks())
        wait_until(lambda: [s for _, s in nginx.checks()[start:]].count(503) == 2, what="two failed checks")
        nginx.be_sick(False)
        wait_until(lambda: nginx.checks()[-1][1] == 200, what="a good check")
    assert "DOWN" not in balancer.log()


@pytest.mark.long
def test_the_real_intervals(site):
    """5 s, fall 3, rise 2, timed by nginx's log."""
    balancer = site.start(health='type = "https"; path = "/health"; host = "aegisagent.ai"; interval = "5s"; '
                                 'timeout = "2s"; fall = 3; rise = 2;')
    nginx = site.backends["aegis-01"]
    wait_until(lambda: nginx.checks(), what="a first check")
    nginx.be_sick()
    balancer.wait_status("aegis-01", "DOWN", 30)
    nginx.be_sick(False)
    balancer.wait_status("aegis-01", "UP", 30)
    assert [status for _, status in nginx.checks()] == [200, 503, 503, 503, 200, 200]
    times = [at for at, _ in nginx.checks()]
    for earlier, later in zip(times, times[1:]):
        assert 4.5 <= later - earlier <= 5.5, times


def test_the_first_failed_check_takes_a_server_down_at_once(site):
    site.start_backend("aegis-02")
    balancer = site.start_balancer(health=SLOW_CHECKS)
    balancer.wait_status("aegis-01", "DOWN")
    assert site.get().startswith("aegis-02")


CHECKS = {
    "refused": (None, "https", r"refused"),
    "timeout": (lambda s: time.sleep(3600), "https", r"time"),
    "reset": (lambda s: (s.recv(1), s.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0"), s.close()), "http", r"reset"),
    "no tls": (lambda s: (s.recv(9), s.sendall(b"220 hello\r\n"), read_all(s)), "tls", r"(TLS|tls)"),
    "wrong status": (lambda s: (s.recv(9), s.sendall(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"), read_all(s)),
                     "http", r"500"),
    "malformed": (lambda s: (s.recv(9), s.sendall(b"220 hello\r\n\r\n"), read_all(s)), "http", r"malformed|invalid"),
    "endless": (lambda s: [s.sendall(b"HTTP/1.1 200 OK\r\n" if i == 0 else b"x: %d\r\n" % i) for i in range(1 << 20)],
                "http", r"too large|endless|time"),
}


@pytest.mark.parametrize("kind", CHECKS)
def test_failed_checks_are_told_apart(site, kind):
    serve, check, cause = CHECKS[kind]
    if serve:
        site.start_recorder("aegis-01", serve=serve)
    site.start_recorder("aegis-02", serve=serve)
    balancer = site.start_balancer(
        proxy_protocol="off", health=f'type = "{check}"; path = "/health"; host = "aegisagent.ai"; timeout = "500ms";')
    balancer.wait_log(rf"aegis/aegis-01 is DOWN: .*{cause}")


def test_a_server_that_does_not_answer_is_passed_over(site):
    """Its address is nobody's: the connect times out, and another server takes the client."""
    site.start_backend("aegis-02")
    site.start_balancer(
        timeouts='connect = "300ms";',
        health='type = "none";',
        servers='{ name = "gone"; address = "10.10.10.199:443"; }, { name = "aegis-02"; address = "10.10.10.104:443"; }')
    assert [site.get().split()[0] for _ in range(4)] == ["aegis-02"] * 4
    assert int(site.balancer.stat("gone", "econ")) > 0


def test_with_no_server_at_all_the_client_is_told(site):
    site.start_balancer(health='type = "none";', timeouts='connect = "500ms";')
    with connect() as s:
        s.sendall(client_hello())
        assert alert_in(read_all(s)) is not None


def test_failed_connects_of_clients_count_as_failed_checks(site):
    """Long before the next check."""
    balancer = site.start(health='type = "https"; path = "/health"; host = "aegisagent.ai"; interval = "60s";')
    wait_until(lambda: all(b.checks() for b in site.backends.values()), what="the first checks")
    site.backends["aegis-01"].kill()
    for _ in range(6):
        assert site.get().startswith("aegis-02")
    balancer.wait_status("aegis-01", "DOWN", 20)


@pytest.mark.parametrize("on_down", ["keep", "close"])
def test_open_connections_of_a_server_that_goes_down(site, on_down):
    def serve(s):
        with s:
            while data := s.recv(4096):
                s.sendall(data)

    site.start_recorder("aegis-01", serve=serve)
    checked = site.start_recorder("aegis-01", port=8080)
    balancer = site.start_balancer(
        proxy_protocol="off", backend=f'on_down = "{on_down}";',
        health='type = "tcp"; port = 8080; interval = "100ms";', servers='{ name = "aegis-01"; address = "10.10.10.103:443"; }')
    with connect() as s:
        hello = client_hello()
        s.sendall(hello)
        assert read_exactly(s, len(hello)) == hello
        checked.end()
        balancer.wait_status("aegis-01", "DOWN")
        if on_down == "close":
            s.settimeout(20)
            try:
                assert s.recv(1) == b""
            except ConnectionResetError:
                pass
        else:
            s.sendall(b"still here")
            assert read_exactly(s, 10) == b"still here"

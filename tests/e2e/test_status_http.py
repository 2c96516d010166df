"""The node's status over HTTP: pages, who may see them, and what Prometheus makes of the metrics."""

import json
import pathlib
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from lab import BALANCER, SLOW, wait_until
from wire import client_hello, connect, read_all

DOCUMENT = pathlib.Path(__file__).parent.parent.parent / "doc" / "metrics.md"
HTTP = 'http = { bind = ["*:8081"]; allow = ["10.10.10.0/24"]; };'


def ask(path, method="GET", body=None, **headers):
    """Status, headers and text of an answer, whatever its status."""
    request = urllib.request.Request(f"http://{BALANCER}:8081{path}", method=method, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10 * SLOW) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.headers, refusal.read().decode()


def test_every_page_is_there(site):
    site.start(status=HTTP)
    for path in ("/", "/metrics", "/;csv", "/health", "/ready"):
        assert ask(path)[0] == 200, path
    for name in ("info", "stat", "cluster", "health", "events", "bans"):
        status, headers, text = ask(f"/api/v1/{name}")
        assert (status, headers["Content-Type"]) == (200, "application/json")
        assert isinstance(json.loads(text), (list, dict))


def test_the_table_is_that_of_the_socket(site):
    balancer = site.start(status=HTTP)
    wait_until(lambda: balancer.stat("aegis-01", "status") == "UP")
    over_http, on_socket = (text.splitlines()[0] for text in (ask("/;csv")[2], balancer.ask("show stat")))
    assert over_http == on_socket


def test_other_sources_are_refused(site):
    site.start(status='http = { bind = ["*:8081"]; allow = ["127.0.0.0/8"]; };')
    assert ask("/metrics")[0] == ask("/nothing")[0] == 403


def test_it_is_read_only(site):
    site.start(status=HTTP)
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
        status, headers, _ = ask("/metrics", method, b"x=1" if method in ("POST", "PUT") else None)
        assert (status, headers["Allow"]) == (405, "GET, HEAD"), method
    assert ask("/metrics", "HEAD")[0] == 200
    assert ask("/nothing")[0] == ask("/api/v1/nothing")[0] == 404


def test_ready_says_whether_traffic_should_come(site):
    balancer = site.start(status=HTTP)
    assert ask("/ready")[0] == 200
    balancer.ask("set server aegis/aegis-01 state maint; set server aegis/aegis-02 state maint")
    assert ask("/ready")[0] == 503
    assert ask("/health")[0] == 200
    balancer.ask("set server aegis/aegis-02 state ready")
    assert ask("/ready")[0] == 200


def test_health_ends_with_the_stop(site):
    site.start_recorder(serve=lambda s: (s.sendall(b"x"), read_all(s)))
    balancer = site.start_balancer(
        status=HTTP, health='type = "none";', graceful_stop="20s",
        servers='{ name = "aegis-01"; address = "10.10.10.103:443"; }')
    with connect() as s:
        s.sendall(client_hello())
        assert s.recv(1) == b"x"
        balancer.send(signal.SIGTERM)
        wait_until(lambda: ask("/health")[0] == 503, what="/health to say that it stops")
        assert ask("/ready")[0] == 503
        assert "aegislb_stopping 1" in ask("/metrics")[2]
        balancer.send(signal.SIGTERM)
        assert balancer.exit_status() == 0


def test_promtool_has_nothing_to_say(site):
    site.start(status=HTTP)
    site.get()
    metrics = ask("/metrics")[2]
    check = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True, text=True, timeout=60)
    assert (check.returncode, check.stdout + check.stderr) == (0, "")


def test_openmetrics_where_it_is_asked_for(site):
    site.start(status=HTTP)
    _, headers, text = ask("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith("# EOF\n")
    _, headers, text = ask("/metrics")
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "# EOF" not in text


def test_each_metric_is_documented_and_each_documented_one_is_there(site):
    site.start(status=HTTP)
    wait_until(lambda: "aegislb_server_checks_total{" in ask("/metrics")[2])
    exposed = set(re.findall(r"^# TYPE (\S+)", ask("/metrics")[2], re.M))
    assert exposed == set(re.findall(r"^\| `(aegislb_\w+)`", DOCUMENT.read_text(), re.M))


def test_metrics_tell_causes_apart(site):
    site.start_backend("aegis-01")
    balancer = site.start_balancer(status=HTTP)
    balancer.wait_status("aegis-02", "DOWN")
    with connect() as s:
        s.sendall(client_hello("nowhere.example"))
        read_all(s)

    def value(sample):
        found = re.search(rf"^{re.escape(sample)} (\S+)$", ask("/metrics")[2], re.M)
        return float(found[1]) if found else None

    wait_until(lambda: value('aegislb_connections_ended_total{cause="no_route"}') == 1)
    assert value('aegislb_server_up{backend="aegis",server="aegis-02"}') == 0
    assert value('aegislb_server_checks_total{backend="aegis",server="aegis-02",outcome="refused"}') >= 1
    good = 'aegislb_server_checks_total{backend="aegis",server="aegis-01",outcome="http_ok"}'
    wait_until(lambda: value(good), what="a good check of aegis-01")


def test_the_dashboard_needs_nothing_but_its_node(site):
    site.start(status=HTTP)
    _, headers, page = ask("/")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!data:)|url\(|@import""", page)
    asked = set(re.findall(r'"(/[^"]*)"', page))
    assert asked and all(ask(path)[0] == 200 for path in asked)


def test_a_silent_client_keeps_nobody_waiting(site):
    site.start(status=HTTP)
    silent = [socket.create_connection((BALANCER, 8081)) for _ in range(50)]
    for s in silent:
        s.sendall(b"GET /metrics HT")
    assert ask("/health")[0] == 200
    assert site.get().split()[0] == "aegis-01"
    for s in silent:
        s.close()


def test_many_silent_clients_give_way(site):
    site.start(status=HTTP)
    silent = [socket.create_connection((BALANCER, 8081)) for _ in range(300)]
    assert ask("/health")[0] == 200
    for s in silent:
        s.close()


def test_who_may_not_ask_is_told_before_he_asks(site):
    site.start(status='http = { bind = ["*:8081"]; allow = ["127.0.0.0/8"]; };')
    with socket.create_connection((BALANCER, 8081), 5 * SLOW) as s:
        assert read_all(s).startswith(b"HTTP/1.1 403 ")


def test_a_head_that_is_no_http_is_refused_with_its_reason(site):
    site.start(status=HTTP)
    for head, code in ((b"nonsense\r\n\r\n", b"400"), (b"GET / HTTP/1.1\r\n\r\n", b"400"),
                       (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 9000, b"431")):
        with socket.create_connection((BALANCER, 8081), 5 * SLOW) as s:
            s.sendall(head)
            assert read_all(s).startswith(b"HTTP/1.1 " + code), head[:40]


@pytest.mark.long
def test_a_client_that_dribbles_is_left_all_the_same(site):
    site.start(status=HTTP)
    begun = time.monotonic()
    with socket.create_connection((BALANCER, 8081), 30 * SLOW) as s:
        with pytest.raises(OSError):
            for byte in b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 100:
                s.sendall(bytes([byte]))
                time.sleep(0.2)
    assert 9 < time.monotonic() - begun < 13 * SLOW


@pytest.mark.long
def test_a_silent_client_is_left_after_a_while(site):
    site.start(status=HTTP)
    with socket.create_connection((BALANCER, 8081), 30 * SLOW) as s:
        s.sendall(b"GET /metrics HT")
        assert b"200" not in read_all(s)

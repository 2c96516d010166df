"""Sticky sessions: a client stays with its server, by a cookie that curl keeps in a jar."""

import subprocess

import pytest

from actors import AEGISLB, Process
from lab import BALANCER, wait_until
from test_http import PORT, TWO, Web, start, url

STICKY = 'sticky = { cookie = "sid"; };'


@pytest.fixture
def pair(site):
    Web(site, "aegis-01")
    Web(site, "aegis-02")
    return start(site, servers=TWO, backend=STICKY)


class Client:
    """A browser, as far as its cookies go."""

    def __init__(self, site, name):
        self.site, self.jar = site, str(site.folder / f"{name}.jar")

    def server(self, port=PORT):
        return self.site.curl("-b", self.jar, "-c", self.jar, f"http://{BALANCER}:{port}/whoami").split()[0]

    def servers(self, times):
        return {self.server() for _ in range(times)}


def test_each_client_stays_with_its_server(site, pair):
    one, two = Client(site, "one"), Client(site, "two")
    first, second = one.server(), two.server()
    assert first != second, "they take turns"
    assert one.servers(6) == {first} and two.servers(6) == {second}


def test_drain_keeps_clients_and_maintenance_does_not(site, pair):
    old = Client(site, "old")
    first = old.server()
    other = {"aegis-01": "aegis-02", "aegis-02": "aegis-01"}[first]
    pair.ask(f"set server aegis/{first} state drain")
    assert old.servers(5) == {first}
    assert Client(site, "new").servers(5) == {other}
    pair.ask(f"set server aegis/{first} state maint")
    assert old.servers(5) == {other}
    pair.ask(f"set server aegis/{first} state ready")
    assert old.servers(5) == {other}, "its cookie has changed"


def test_server_that_dies_loses_its_clients_and_no_request(site, pair):
    client = Client(site, "one")
    first = client.server()
    site.backends[first].kill()
    assert len(client.servers(5) - {first}) == 1


def test_forged_cookie_is_none(site, pair):
    def ask(value):
        return site.curl("-D", "-", "-H", f"Cookie: sid={value}", url("/whoami"))

    assert "Set-Cookie: sid=" in ask("A" * 70)
    assert "Set-Cookie: sid=" in ask("../etc")
    value = site.curl("-D", "-", url("/whoami")).split("Set-Cookie: sid=")[1].split(";")[0]
    assert "Set-Cookie" not in ask(value)
    assert "Set-Cookie: sid=" in ask(("B" if value[0] == "A" else "A") + value[1:])


def test_another_node_of_the_cluster_takes_the_cookie(site):
    """Two processes that share nothing but a cluster key."""
    key = site.folder / "cluster.key"
    key.write_text(subprocess.run([AEGISLB, "--genkey"], capture_output=True, text=True, check=True).stdout)
    key.chmod(0o600)
    cluster = f'cluster = {{ name = "lab"; bind = "10.10.10.10:%d"; peers = ["10.10.10.10:%d"]; keys = "{key}"; }};'
    Web(site, "aegis-01")
    Web(site, "aegis-02")
    balancer = start(site, servers=TWO, backend=STICKY, more=cluster % (7946, 7947))
    text = balancer.conf.read_text()
    for this, that in ((cluster % (7946, 7947), cluster % (7947, 7946)), ("*:8080", "*:8090"), ("*:443", "*:444"), ("127.0.0.1:8081", "127.0.0.1:8091"),
                       ('"lb-01"', '"lb-02"'), (str(balancer.folder), str(site.folder / "other"))):
        text = text.replace(this, that)
    conf = site.folder / "other.conf"
    conf.write_text(text)
    other = Process(site.machine("balancer"), site.folder / "other", AEGISLB, "-f", str(conf))
    try:
        wait_until(lambda: "serves as" in other.log() or not other.running(), what="the other node")
        assert other.running(), other.log()
        client = Client(site, "one")
        first = client.server()
        assert {client.server(8090) for _ in range(6)} == {first}
        assert client.servers(3) == {first}
    finally:
        other.kill()

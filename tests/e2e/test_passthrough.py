"""TLS connections pass untouched, to the backends in turn, by the name in their hello."""

import socket
import subprocess
import threading
import time

import pytest

from lab import BALANCER, BALANCER6
from wire import (UNRECOGNIZED_NAME, alert_for, client_hello, connect, in_records, large_hello, read_all,
                  read_exactly)

UNCHECKED = dict(health='type = "none";', proxy_protocol="off")
ONE_SERVER = dict(UNCHECKED, servers='{ name = "aegis-01"; address = "10.10.10.103:443"; }')


def test_the_lab_itself(site):
    """Without a balancer: the client reaches both backends, which have their own certificates."""
    for name, address in (("aegis-01", "10.10.10.103"), ("aegis-02", "2001:db8:10::104")):
        site.start_backend(name, proxy=False)
        assert site.get(address=address).startswith(f"{name} aegisagent.ai")


def test_curl_alternates_exactly(site):
    site.start()
    for _ in range(10):
        for name in ("aegis-01", "aegis-02"):
            assert site.curl("--resolve", "aegisagent.ai:443:10.10.10.10", "https://aegisagent.ai/").startswith(name)


def test_a_thousand_connections_over_four_workers_are_500_to_each(site):
    def serve(s):
        with s:
            read_exactly(s, len(hello))
            s.sendall(b"x")

    hello = client_hello()
    for name in ("aegis-01", "aegis-02"):
        site.start_recorder(name, serve=serve)
    site.start_balancer(workers=4, **UNCHECKED)

    def client():
        for _ in range(125):
            with connect() as s:
                s.sendall(hello)
                read_all(s)

    threads = [threading.Thread(target=client) for _ in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    counts = [int(site.balancer.stat(name, "stot")) for name in ("aegis-01", "aegis-02")]
    assert sum(counts) == 1000 and abs(counts[0] - 500) <= 1, counts


@pytest.mark.parametrize("name", ["aegisagent.ai", "api.notebooks.aegisagent.ai", "aegis-code.rbnk.uk"])
@pytest.mark.parametrize("address", [BALANCER, BALANCER6])
def test_a_name_is_served_over_both_families(site, name, address):
    """End to end, with the backend's certificate verified."""
    site.start()
    backend, asked, client = site.get(name, address).split()
    assert asked == name
    assert client == {BALANCER: "10.10.10.50", BALANCER6: "2001:db8:10::50"}[address]


@pytest.mark.parametrize("name", ["AegisAgent.AI", "aegisagent.ai.", "CODE.AEGISAGENT.AI."])
def test_case_and_a_trailing_dot_do_not_matter(site, name):
    site.start()
    output = subprocess.run(["openssl", "s_client", "-connect", "10.10.10.10:443", "-servername", name,
                             "-CAfile", site.authority.pem, "-verify_return_error"],
                            input=b"", capture_output=True, timeout=60)
    assert output.returncode == 0 and b"Verify return code: 0" in output.stdout, output.stderr


@pytest.mark.parametrize("name", ["example.org", "aegisagent.ai.example.org", "notaegisagent.ai", "rbnk.uk", None])
def test_an_unknown_name_gets_the_alert(site, name):
    site.start()
    assert alert_for(client_hello(name)) == UNRECOGNIZED_NAME


def test_curl_names_the_alert(site):
    site.start()
    with pytest.raises(subprocess.CalledProcessError) as failure:
        site.curl("--resolve", "example.org:443:10.10.10.10", "https://example.org/")
    assert "unrecognized name" in failure.value.stderr


def test_the_default_backend_takes_the_unknown(site):
    site.start_recorder()
    site.start_balancer(listener='default_backend = "aegis";', **ONE_SERVER)
    hello = client_hello("example.org")
    with connect() as s:
        s.sendall(hello)
        assert site.others[0].wait_bytes(len(hello)) == hello


@pytest.mark.parametrize("what", [b"GET / HTTP/1.1\r\nHost: aegisagent.ai\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", bytes(600)],
                         ids=["http", "ssh", "zeros"])
def test_what_is_not_tls_gets_an_alert(site, what):
    site.start()
    assert alert_for(what) is not None


def test_a_hello_above_16_kib_gets_an_alert(site):
    site.start()
    assert alert_for(large_hello(20000)) is not None


@pytest.mark.parametrize("hello", [client_hello(alpn=["h2", "http/1.1"]), in_records(client_hello(), 1), large_hello(1800),
                                   in_records(large_hello(1800), 100), large_hello(16000)],
                         ids=["ordinary", "records of one byte", "post-quantum", "18 records", "16000 bytes"])
def test_a_hello_arrives_as_it_was_sent(site, hello):
    """With what follows it in the same segment."""
    recorder = site.start_recorder()
    site.start_balancer(**ONE_SERVER)
    with connect() as s:
        s.sendall(hello + b"early data")
        assert recorder.wait_bytes(len(hello) + 10) == hello + b"early data"


@pytest.mark.parametrize("hello", [client_hello(), in_records(client_hello(), 1)], ids=["one record", "records of one byte"])
def test_a_hello_may_come_byte_by_byte(site, hello):
    recorder = site.start_recorder()
    site.start_balancer(timeouts='hello = "60s";', **ONE_SERVER)
    with connect() as s:
        for byte in hello:
            s.send(bytes([byte]))
            time.sleep(0.0005)  # not a wait: the pace, so that segments are not merged
        assert recorder.wait_bytes(len(hello)) == hello


def test_the_client_may_close_its_half_first(site):
    """What the server then says still arrives."""
    hello = client_hello()

    def serve(s):
        with s:
            received = read_all(s)
            s.sendall(b"%d bytes, " % len(received))
            s.sendall(b"thank you")

    site.start_recorder(serve=serve)
    site.start_balancer(**ONE_SERVER)
    with connect() as s:
        s.sendall(hello)
        s.shutdown(socket.SHUT_WR)
        assert read_all(s) == b"%d bytes, thank you" % len(hello)


def test_the_server_may_close_its_half_first(site):
    hello, more = client_hello(), bytes(1 << 20)
    result = []

    def serve(s):
        with s:
            s.sendall(b"that was all")
            s.shutdown(socket.SHUT_WR)
            result.append(len(read_all(s)))

    site.start_recorder(serve=serve)
    site.start_balancer(**ONE_SERVER)
    with connect() as s:
        s.sendall(hello)
        assert read_all(s) == b"that was all"
        s.sendall(more)
        s.shutdown(socket.SHUT_WR)
        assert read_all(s) == b""
    site.others[0].wait_served(1)
    assert result == [len(hello) + len(more)]


def test_the_server_may_speak_first_and_close(site):
    """No byte is lost at close, whatever the client still sends."""
    def serve(s):
        with s:
            read_exactly(s, 5)
            s.sendall(bytes(300_000))
            s.shutdown(socket.SHUT_WR)
            read_all(s)

    site.start_recorder(serve=serve)
    site.start_balancer(**ONE_SERVER)
    with connect() as s:
        s.sendall(client_hello())
        assert len(read_all(s)) == 300_000

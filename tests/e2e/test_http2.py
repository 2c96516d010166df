"""HTTP/2: what real clients get, and what ill-meaning ones do not."""

import hashlib
import os
import subprocess

import pytest

import frames
from frames import Client, frame, request
from lab import BALANCER, wait_until
from test_http import ONE, Judge, Web
from test_tls import Certificates

LISTENER = """, {{
    name = "websecure"; mode = "http"; bind = ["*:8443"];
    tls = {{ certificates = ["{folder}"]; hsts = "365d"; }};
    timeouts = {{ request = "20s"; idle = "20s"; connect = "5s"; response = "20s"; tunnel = "1h"; }};
    routes = ( {{ backend = "aegis"; }}, {{ path = "/robots.txt"; respond = {{ body = "nobody\\n"; }}; }} );
}}"""
URL = "https://one.example:8443"


@pytest.fixture
def start(site, authority, tmp_path):
    (tmp_path / "certs").mkdir()
    certificates = Certificates(authority, tmp_path / "certs" / "live")
    certificates.put("first", ["one.example"])

    def run(**changes):
        return site.start_balancer(**{
            "proxy_protocol": "off", "health": 'type = "none";', "servers": ONE,
            "listeners": LISTENER.format(folder=certificates.folder), **changes})

    return run


def curl(site, *arguments):
    return site.curl("--http2", "--resolve", f"one.example:8443:{BALANCER}", *arguments)


def test_curl_gets_and_sends_over_http2(site, start):
    web = Web(site, "aegis-01")
    start()
    data = os.urandom(20_000_000)
    (web.files / "data").write_bytes(data)
    (web.files / "text").write_text("hello " * 10_000)
    out = site.folder / "out"
    assert curl(site, f"{URL}/files/data", "-o", str(out), "-w", "%{http_version} %{http_code}") == "2 200"
    assert hashlib.sha256(out.read_bytes()).digest() == hashlib.sha256(data).digest()
    assert curl(site, "--compressed", f"{URL}/files/text") == "hello " * 10_000
    assert curl(site, f"{URL}/robots.txt") == "nobody\n"
    head = curl(site, "-I", f"{URL}/files/data").lower()
    assert "content-length: 20000000" in head and "strict-transport-security: max-age=31536000" in head
    assert curl(site, f"{URL}/whoami").split()[1] == "10.10.10.50"
    wait_until(lambda: any("version=2.0" in line for line in site.balancer.access_log()), what="a record")


def test_uploads_arrive_whole_with_and_without_length(site, start):
    sums = []

    def serve(s):
        judge = Judge()
        with s, s.makefile("rb") as f:
            while f.readline():
                fields = judge.take_head(f)
                digest = hashlib.sha256()
                if b"transfer-encoding" in fields:
                    while size := int(f.readline(), 16):
                        digest.update(f.read(size))
                        f.readline()
                    f.readline()
                else:
                    digest.update(f.read(int(fields[b"content-length"])))
                sums.append(digest.hexdigest())
                s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    site.start_recorder(port=80, serve=serve)
    start()
    data = os.urandom(5_000_000)
    (site.folder / "up").write_bytes(data)
    assert curl(site, "-T", str(site.folder / "up"), f"{URL}/x") == "ok"
    command = ["curl", "-s", "--http2", "--cacert", site.authority.pem, "--resolve", f"one.example:8443:{BALANCER}", "-T", "-", f"{URL}/x"]
    assert subprocess.run(command, input=data, capture_output=True, check=True).stdout == b"ok"
    assert sums == [hashlib.sha256(data).hexdigest()] * 2


def test_body_that_came_before_our_window_was_known_waits_for_the_server(site, start):
    """65535 bytes are the window until SETTINGS are acknowledged; the first server is not there."""
    judge = Judge()
    site.start_recorder(port=80, serve=judge.serve)
    start(servers='{ name = "gone"; address = "10.10.10.99:80"; }, ' + ONE)
    with Client(site) as c:
        head = frame(frames.HEADERS, frames.END_HEADERS, 1, request(b"PUT", b"/", b"one.example", (b"content-length", b"65535")))
        c.send(head + b"".join(frame(frames.DATA, i == 3, 1, bytes(16384 - (i == 3))) for i in range(4)))
        kind, _, payload = c.answer(1)
        assert kind == frames.HEADERS and payload[:1] == b"\x88"
    assert judge.lines == [b"PUT / HTTP/1.1\r\n"] and not judge.odd


def test_many_streams_at_once(site, start):
    Web(site, "aegis-01")
    start()
    if subprocess.run(["which", "h2load"], capture_output=True).returncode:
        pytest.skip("h2load is not installed")
    run = subprocess.run(["h2load", "-n", "3000", "-c", "10", "-m", "50", "--connect-to", f"{BALANCER}:8443", f"{URL}/whoami"],
                         capture_output=True, text=True, check=True)
    assert "3000 succeeded, 0 failed, 0 errored" in run.stdout, run.stdout


def test_what_downgrades_could_smuggle_is_refused(site, start):
    judge = Judge()
    site.start_recorder(port=80, serve=judge.serve)
    start()
    hidden = b" HTTP/1.1\r\nHost: a\r\n\r\nGET /hidden"
    get = (b"GET", b"/", b"one.example")
    cases = [
        request(b"GET", b"/" + hidden), request(b"GET" + hidden), request(b"GET", b"/", b"one.example\r\nX: y"), request(b"GET", b"/a b"),
        request(b"GET", b"/\x00"), request(b"GET", b"/#a"), request(b"GET", b"a"), request(b"GET", b""), request(b""), request(b"G T"),
        request(*get, (b"x", b"y\r\n\r\nGET /hidden HTTP/1.1")), request(*get, (b"x", b"y\nz: a")), request(*get, (b"x", b"y\rz")),
        request(*get, (b"x", b"y\x00z")), request(*get, (b"x: y\r\nz", b"a")), request(*get, (b"x y", b"a")), request(*get, (b"X", b"a")),
        request(*get, (b"", b"a")), request(*get, (b"x:", b"a")), request(*get, (b"transfer-encoding", b"chunked")),
        request(*get, (b"transfer-encoding", b"chunked\r\n")), request(*get, (b"connection", b"close")), request(*get, (b"upgrade", b"h2c")),
        request(*get, (b"keep-alive", b"5")), request(*get, (b"proxy-connection", b"x")), request(*get, (b"te", b"chunked")),
        request(*get, (b"host", b"other.example")), request(*get, (b"host", b"a"), (b"host", b"b")), request(*get, (b"content-length", b"-1")),
        request(*get, (b"content-length", b"5"), (b"content-length", b"6")), request(*get, (b"content-length", b"5")),
        request(*get, (b":path", b"/b")), request(*get, (b"x", b"y"), (b":path", b"/b")), request(*get, (b":other", b"x")),
        request(b"CONNECT", b"/"), request(b"GET", b"/", b"u@one.example"), request(b"GET", b"/", b"one.example:x"),
    ]
    for case in cases:
        with Client(site) as c:
            c.send(frame(frames.HEADERS, frames.END_STREAM | frames.END_HEADERS, 1, case))
            kind, _, payload = c.answer(1) or (None, 0, b"")
            assert kind in (None, frames.RST_STREAM, frames.GOAWAY) or frames.status(payload).startswith("4"), (case, kind, payload)
    assert judge.lines == [] and not judge.odd


def test_cookie_crumbs_are_one_field_again(site, start):
    seen = []

    def serve(s):
        with s, s.makefile("rb") as f:
            head = b"".join(iter(f.readline, b"\r\n"))
            seen.append(head)
            s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    site.start_recorder(port=80, serve=serve)
    start()
    with Client(site) as c:
        c.send(frame(frames.HEADERS, 5, 1, request(b"GET", b"/", b"one.example", (b"cookie", b"a=1"), (b"x", b"y"), (b"cookie", b"b=2"))))
        assert c.answer(1)[0] == frames.HEADERS
    assert b"cookie: a=1; b=2\r\n" in seen[0]


def test_streams_opened_and_reset_at_once_are_too_much(site, start):
    site.start_recorder(port=80)
    start()
    with Client(site) as c:
        for i in range(2000):
            if not c.send(frame(frames.HEADERS, 5, 2 * i + 1, request()) + frame(frames.RST_STREAM, 0, 2 * i + 1, b"\0\0\0\x08")):
                break
        assert c.goaway() == frames.CALM
    assert curl(site, f"{URL}/robots.txt") == "nobody\n"


@pytest.mark.parametrize("flood", [
    frame(frames.PING, 0, 0, b"12345678"), frame(frames.SETTINGS, 0, 0), frame(frames.PRIORITY, 0, 1, b"\0\0\0\0\x10"),
], ids=["ping", "settings", "priority"])
def test_frames_that_ask_for_nothing_are_too_much(site, start, flood):
    start()
    with Client(site) as c:
        assert c.goaway(c.received_while_sending(flood * 2000)) == frames.CALM
    assert curl(site, f"{URL}/robots.txt") == "nobody\n"


def test_head_without_end_is_cut_off(site, start):
    balancer = start()
    before = balancer.resident_bytes()
    with Client(site) as c:
        c.send(frame(frames.HEADERS, frames.END_STREAM, 1, request()))
        while c.send(frame(frames.CONTINUATION, 0, 1, frames.block((b"x", b"y" * 1000)) * 10)):
            pass
    assert balancer.resident_bytes() < before + (8 << 20)


def test_large_head_gets_431(site, start):
    start()
    with Client(site) as c:
        fields = [(b"x%d" % i, b"y" * 100) for i in range(140)]
        c.send(frame(frames.HEADERS, frames.END_STREAM, 1, request()) +
               frame(frames.CONTINUATION, frames.END_HEADERS, 1, frames.block(*fields)))
        kind, _, payload = c.answer(1)
        assert kind == frames.HEADERS and b"431" in payload


def test_client_that_opens_no_window_is_let_go(site, start):
    web = Web(site, "aegis-01")
    (web.files / "data").write_bytes(bytes(1_000_000))
    balancer = start(listeners=LISTENER.format(folder=f"{site.folder}/certs/live").replace('idle = "20s"', 'idle = "1s"'))
    with Client(site, settings=b"\0\x04\0\0\0\0") as c:  # SETTINGS_INITIAL_WINDOW_SIZE = 0
        c.send(frame(frames.HEADERS, 5, 1, request(b"GET", b"/files/data")) + frame(frames.HEADERS, 5, 3, request(b"GET", b"/robots.txt")))
        ended = {stream for kind, _, stream, _ in c.frames() if kind == frames.RST_STREAM}
    assert ended == {1, 3}
    wait_until(lambda: sum("cause=idle_timeout" in line for line in balancer.access_log()) >= 2, what="two records")

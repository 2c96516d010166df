"""Listeners of mode "http": real clients, real servers, and clients that mean ill."""

import asyncio
import hashlib
import json
import os
import re
import socket
import threading

import pytest

import smuggling
from actors import Process
from lab import BALANCER, SLOW, inside, wait_until
from wire import read_all

PORT = 8080
LISTENER = """, {
    name = "web"; mode = "http"; bind = ["*:8080"];
    timeouts = { request = "20s"; idle = "20s"; connect = "5s"; response = "20s"; tunnel = "1h"; };
    routes = (
        { backend = "aegis"; },
        { path = "/old"; redirect = { scheme = "https"; status = 301; }; },
        { path = "/robots.txt"; respond = { body = "User-agent: *\\n"; }; },
        { path = "/health"; respond = { healthy_if = ["aegis"]; }; },
        { path = "/near"; respond = { body = "near\\n"; }; allow = ["10.10.10.0/24"]; },
        { path = "/far"; respond = { body = "far\\n"; }; deny = ["10.10.10.0/24"]; },
        { host = ["status.example"]; respond = { status_page = true; }; }
    );
}"""
HASTY = LISTENER.replace('request = "20s"; idle = "20s"', 'request = "3s"; idle = "2s"')
ONE = '{ name = "aegis-01"; address = "10.10.10.103:80"; }'
TWO = ONE + ', { name = "aegis-02"; address = "10.10.10.104:80"; }'

NGINX_CONF = """
daemon off; master_process off; pid {dir}/pid; error_log {dir}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off; client_max_body_size 1g;
    client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
    server {{
        listen 80; root {dir}/files;
        location /whoami {{ return 200 "{name} $http_x_forwarded_for $http_x_real_ip $http_host $connection_requests\\n"; }}
        location /files/ {{ alias {dir}/files/; gzip on; gzip_min_length 1; gzip_types *; }}
    }}
}}
"""


class Web(Process):
    """A plain nginx on a machine."""

    def __init__(self, site, name):
        folder = site.folder / f"web-{name}"
        (folder / "files").mkdir(parents=True)
        self.files = folder / "files"
        (folder / "nginx.conf").write_text(NGINX_CONF.format(dir=folder, name=name))
        super().__init__(site.machine(name), folder, "nginx", "-p", str(folder), "-e", str(folder / "error.log"),
                         "-c", str(folder / "nginx.conf"))
        site.backends[name] = self
        wait_until(lambda: (folder / "pid").exists() and (folder / "pid").read_text(), what=f"nginx on {name}")


def start(site, servers=ONE, **changes):
    return site.start_balancer(**{"proxy_protocol": "off", "status": 'http = { bind = ["127.0.0.1:8081"]; };', "health": 'type = "none";', "servers": servers, "listeners": LISTENER, **changes})


def url(path="/", host=BALANCER):
    return f"http://{host}:{PORT}{path}"


def test_curl_gets_what_nginx_serves(site):
    web = Web(site, "aegis-01")
    start(site)
    data = os.urandom(20_000_000)
    (web.files / "data").write_bytes(data)
    (web.files / "text").write_text("hello " * 10_000)
    assert site.curl(url("/whoami")).startswith("aegis-01 10.10.10.50 10.10.10.50 10.10.10.10:8080 ")
    out = site.folder / "out"
    site.curl(url("/files/data"), "-o", str(out))
    assert hashlib.sha256(out.read_bytes()).digest() == hashlib.sha256(data).digest()
    assert site.curl("--compressed", url("/files/text")) == "hello " * 10_000  # chunked: made while it is sent
    assert "200 20000000" in site.curl("-sI", "-w", "%{http_code} %header{content-length}", url("/files/data"))
    assert site.curl("-r", "5-9", url("/files/data"), "-w", "%{http_code}", "-o", "/dev/null") == "206"
    assert site.curl("-o", "/dev/null", "-w", "%{http_code}", url("/files/none")) == "404"


def test_connections_to_the_server_are_used_again(site):
    Web(site, "aegis-01")
    start(site, workers=1)
    counts = [int(site.curl(url("/whoami")).split()[-1]) for _ in range(5)]
    assert counts == [1, 2, 3, 4, 5]


def test_requests_take_turns_between_servers(site):
    Web(site, "aegis-01")
    Web(site, "aegis-02")
    start(site, servers=TWO)
    names = [line.split()[0] for line in site.curl(*[url("/whoami")] * 10).splitlines()]
    assert sorted(names) == ["aegis-01"] * 5 + ["aegis-02"] * 5


def test_dying_server_costs_no_request(site):
    Web(site, "aegis-01")
    second = Web(site, "aegis-02")
    balancer = start(site, servers=TWO, health='type = "tcp"; interval = "10s";')
    site.curl(*[url("/whoami")] * 4)
    second.kill()
    assert site.curl(*[url("/whoami")] * 20).count("aegis-01") == 20
    balancer.wait_log(r"aegis/aegis-02 is DOWN")


def test_what_is_ours_is_answered_here(site):
    start(site)
    status = ("-o", "/dev/null", "-w", "%{http_code} %header{location}")
    assert site.curl(*status, url("/old/x?y=1")) == f"301 https://{BALANCER}/old/x?y=1"
    assert site.curl(*status, "-X", "POST", "-d", "a", url("/old/x")) == f"308 https://{BALANCER}/old/x"
    assert site.curl(url("/robots.txt")) == "User-agent: *\n"
    assert site.curl(url("/near")) == "near\n"
    assert site.curl(*status, url("/far")) == "403 "
    assert site.curl(*status, "--path-as-is", url("/near/../far")) == "403 "
    assert site.curl(*status, url("/whoami"), "-H", "Host: a b") == "400 "
    assert site.curl(*status, "--request-target", "/%2e%2e/x", url("/")) == "400 "
    lines = site.balancer.access_log()
    wait_until(lambda: len(site.balancer.access_log()) >= 8, what="eight lines")
    assert "status=403" in " ".join(site.balancer.access_log()) and lines is not None


def test_health_follows_the_servers(site):
    web = Web(site, "aegis-01")
    balancer = start(site, health='type = "tcp"; interval = "100ms"; timeout = "1s"; fall = 2; rise = 1;')
    code = ("-o", "/dev/null", "-w", "%{http_code}", url("/health"))
    balancer.wait_status("aegis-01", "UP")
    assert site.curl(*code) == "200"
    web.kill()
    balancer.wait_status("aegis-01", "DOWN")
    assert site.curl(*code) == "503"


def test_status_page_is_served_behind_a_route(site):
    start(site)
    assert "<html" in site.curl("-H", "Host: status.example", url("/")).lower()
    assert json.loads(site.curl("-H", "Host: status.example", url("/api/v1/info")))


def test_uploads_of_both_kinds_arrive_whole(site):
    digests = []

    def serve(s):
        with s, s.makefile("rb") as f:
            while line := f.readline():
                digests.append(take_body(f, {k.lower(): v for k, v in heads(f)}))
                s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    site.start_recorder(port=80, serve=serve)
    start(site)
    data = os.urandom(30_000_000)
    (site.folder / "up").write_bytes(data)
    for extra in ((), ("-H", "Transfer-Encoding: chunked"), ("-H", "Expect:")):
        assert site.curl("-T", str(site.folder / "up"), *extra, url("/x")) == "ok"
    assert digests == [hashlib.sha256(data).hexdigest()] * 3


def heads(f):
    while (line := f.readline().strip()):
        name, _, value = line.decode().partition(": ")
        yield name, value


def take_body(f, fields):
    digest = hashlib.sha256()
    if fields.get("transfer-encoding") == "chunked":
        while size := int(f.readline(), 16):
            digest.update(f.read(size))
            f.readline()
        f.readline()
    else:
        digest.update(f.read(int(fields.get("content-length", 0))))
    return digest.hexdigest()


def test_websocket_lives_longer_than_the_idle_limit(site):
    websockets = pytest.importorskip("websockets")
    ready, stop = threading.Event(), []

    def serve():
        async def echo(socket, path=None):
            async for message in socket:
                await socket.send(message)

        async def main():
            with inside(site.machine("aegis-01")):
                server = await websockets.serve(echo, "0.0.0.0", 80)
            stop.append((asyncio.get_running_loop(), asyncio.get_running_loop().create_future()))
            ready.set()
            await stop[0][1]
            server.close()

        asyncio.run(main())

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert ready.wait(10 * SLOW)
    start(site, listeners=HASTY)

    async def talk():
        async with websockets.connect(f"ws://{BALANCER}:{PORT}/chat", ping_interval=None) as ws:
            await ws.send("hello")
            assert await ws.recv() == "hello"
            await asyncio.sleep(3)  # idle = 2s is for requests, not for tunnels
            await ws.send("x" * 200_000)
            assert await ws.recv() == "x" * 200_000

    asyncio.run(talk())
    loop, future = stop[0]
    loop.call_soon_threadsafe(future.set_result, None)
    thread.join(10)


class Judge:
    """A server that reads requests as the standard has it, and keeps what it finds odd."""

    def __init__(self):
        self.lines, self.odd = [], []

    def serve(self, s):
        with s, s.makefile("rb") as f:
            while line := f.readline():
                self.lines.append(line)
                fields = self.take_head(f)
                if fields is None or not self.take_body(f, fields):
                    return
                s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def find(self, what):
        self.odd.append(what)
        return None

    def take_head(self, f):
        fields = {}
        while (line := f.readline()) != b"\r\n":
            if not line.endswith(b"\r\n") or b"\r" in line[:-2] or b"\0" in line:
                return self.find(line)
            name, colon, value = line[:-2].partition(b":")
            if not colon or not re.fullmatch(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
                return self.find(line)
            name = name.lower().replace(b"_", b"-")
            if name in (b"content-length", b"transfer-encoding", b"host") and name in fields:
                return self.find(line)
            fields[name] = value.strip()
        if b"content-length" in fields and b"transfer-encoding" in fields:
            return self.find(fields)
        return fields

    def take_body(self, f, fields):
        if b"transfer-encoding" in fields:
            if fields[b"transfer-encoding"] != b"chunked":
                return self.find(fields)
            while True:
                line = f.readline()
                if not re.fullmatch(rb"[0-9a-f]+\r\n", line):
                    return bool(line) and self.find(line)
                if int(line, 16) == 0:
                    break
                f.read(int(line, 16))
                if f.readline() != b"\r\n":
                    return self.find("chunk")
            while (line := f.readline()) != b"\r\n":
                if not line:
                    return False
            return True
        length = fields.get(b"content-length", b"0")
        if not length.isdigit():
            return self.find(fields)
        return len(f.read(int(length))) == int(length)


def say(data):
    """What comes back for these bytes, until the end of it."""
    with socket.create_connection((BALANCER, PORT), 10 * SLOW) as s:
        s.sendall(data)
        try:
            return read_all(s)
        except ConnectionResetError:
            return b""


def test_nothing_is_smuggled(site):
    judge = Judge()
    site.start_recorder(port=80, serve=judge.serve)
    start(site)
    cases = smuggling.cases()
    assert len(cases) > 300
    answers = {}

    def run(part):
        for case in part:
            answers[case] = say(case)

    threads = [threading.Thread(target=run, args=(cases[i::16],)) for i in range(16)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    several = [case for case in cases if answers[case].count(b"HTTP/1.1 ") > 1]
    assert several == []
    assert [case for case in cases if answers[case].startswith(b"HTTP/1.1 200")] == []
    assert not judge.odd
    assert [line for line in judge.lines if b"/hidden" in line] == []


def test_what_is_no_smuggling_passes(site):
    """The other side of the coin: what looks unusual but is clear."""
    judge = Judge()
    site.start_recorder(port=80, serve=judge.serve)
    start(site)
    last = b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    for first in (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \tChunked \r\n\r\n3;x=\"y z\"\r\nabc\r\n0\r\nX: y\r\n\r\n",
                  b"POST / HTTP/1.1\r\nhOST:a\r\nCONTENT-LENGTH:\t3 \r\n\r\nabc",
                  b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
                  b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
                  b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"):
        assert say(first + last).count(b"HTTP/1.1 200 OK") == 2, first
    assert not judge.odd and judge.lines.count(b"GET /last HTTP/1.1\r\n") == 5


def test_slow_clients_hold_nobody_up(site):
    Web(site, "aegis-01")
    start(site, listeners=HASTY)
    slow = [socket.create_connection((BALANCER, PORT), 10 * SLOW) for _ in range(200)]
    for s in slow:
        s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
    assert site.curl(url("/whoami")).startswith("aegis-01")
    for s in slow:
        with s:
            assert read_all(s).startswith(b"HTTP/1.1 408 ")

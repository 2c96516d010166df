"""A reload: what the file says anew is taken up, and nobody who is connected, or connects meanwhile, notices."""

import hashlib
import http.client
import http.server
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from actors import AEGISCTL, AEGISLB
from lab import wait_until
from test_upgrade import Load as Clients
from test_upgrade import upgraded  # noqa: F401, a fixture
from wire import client_hello

SHORT, LONG = 20, 200
NAME = "aegisagent.ai"


class Server:
    """Answers the first bytes by one, then gives back what comes."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.socket.getsockname()[1]
        self.accepted = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                s, _ = self.socket.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    @staticmethod
    def serve(s):
        with s:
            try:
                if s.recv(4096):
                    s.sendall(b"!")
                while data := s.recv(65536):
                    s.sendall(data)
            except OSError:
                pass

    def end(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Node:
    """One balancer on loopback, whose file the test rewrites."""

    def __init__(self, folder):
        self.folder = folder
        self.port, self.extra_port = free_port(), free_port()
        self.servers = [Server(), Server()]
        self.conf = folder / "test.conf"
        self.begin()

    def begin(self):
        self.write()
        with open(self.folder / "log", "w") as log:
            self.process = subprocess.Popen([AEGISLB, "-f", str(self.conf)], stderr=log)
        wait_until(lambda: (self.folder / "socket").exists() and "serves as" in self.said(), what="the start")

    def said(self):
        return (self.folder / "log").read_text()

    def write(self, extra=False, weight=1, node="n", servers=None, on_removed="keep", more=""):
        listeners = [(("https"), self.port)] + ([("extra", self.extra_port)] if extra else [])
        listed = ", ".join(
            f'{{ name = "{name}"; mode = "passthrough"; bind = ["127.0.0.1:{port}"]; '
            f'routes = ( {{ sni = ["{NAME}"]; backend = "aegis"; }} ); }}'
            for name, port in listeners
        )
        servers = range(len(self.servers)) if servers is None else servers
        members = ", ".join(
            f'{{ name = "s{i}"; address = "127.0.0.1:{self.servers[i].port}"; weight = {weight}; }}' for i in servers
        )
        self.conf.write_text(
            f'node = "{node}"; workers = 2; state_dir = "{self.folder}/state";\n'
            f'status = {{ socket = "{self.folder}/socket"; }};\n'
            f"listeners = ( {listed} );\n"
            f'backends = ( {{ name = "aegis"; on_removed = "{on_removed}"; health = {{ type = "none"; }}; '
            f"servers = ( {members} ); }} );\n{more}"
        )

    def ctl(self, *words):
        return subprocess.run(
            [AEGISCTL, "-s", str(self.folder / "socket"), *words], capture_output=True, text=True, timeout=60
        )

    def reload(self, **changes):
        self.write(**changes)
        result = self.ctl("reload")
        assert result.returncode == 0, result.stderr

    def connect(self, port=None):
        s = socket.create_connection(("127.0.0.1", port or self.port), timeout=60)
        s.sendall(client_hello(NAME))
        assert s.recv(1) == b"!"
        return s

    def resident_kb(self):
        with open(f"/proc/{self.process.pid}/status") as f:
            return int(next(line for line in f if line.startswith("VmRSS")).split()[1])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def end(self):
        self.process.kill()
        self.process.wait()
        for s in self.servers:
            s.end()


@pytest.fixture
def node(tmp_path):
    n = Node(tmp_path)
    yield n
    n.end()


class Load:
    """New connections all the time, and streams that go on: what went wrong is kept."""

    def __init__(self, node, streams=4):
        self.node, self.over, self.failures, self.done = node, threading.Event(), [], 0
        self.threads = [threading.Thread(target=self.begin_again)]
        self.threads += [threading.Thread(target=self.stream, args=(i,)) for i in range(streams)]
        for t in self.threads:
            t.start()

    def begin_again(self):
        while not self.over.is_set():
            try:
                self.node.connect().close()
                self.done += 1
            except (OSError, AssertionError) as e:
                self.failures.append(repr(e))

    def stream(self, seed):
        sent, got, n = hashlib.sha256(), hashlib.sha256(), 0
        try:
            with self.node.connect() as s:
                while not self.over.is_set():
                    piece = hashlib.sha256(b"%d %d" % (seed, n)).digest() * 64
                    s.sendall(piece)
                    sent.update(piece)
                    left = len(piece)
                    while left > 0:
                        data = s.recv(left)
                        assert data, "the stream ended"
                        got.update(data)
                        left -= len(data)
                    n += 1
                    time.sleep(0.005)
            assert sent.digest() == got.digest()
        except (OSError, AssertionError) as e:
            self.failures.append(f"stream {seed}: {e!r}")

    def end(self):
        self.over.set()
        for t in self.threads:
            t.join()


def reload_under_load(node, times):
    load = Load(node)
    try:
        for i in range(times):
            node.reload(extra=i % 2 == 0, weight=1 + i % 2, servers=[0, 1] if i % 3 else [0])
            time.sleep(0.02)
    finally:
        load.end()
    assert load.failures == [] and load.done > times


def test_reloads_under_load_refuse_and_reset_nobody(node):
    reload_under_load(node, SHORT)


HTTP = """
node = "n"; workers = 2; state_dir = "{folder}/state";
status = {{ socket = "{folder}/socket"; http = {{ bind = ["127.0.0.1:{status}"]; }}; }};
log = {{ access = "{folder}/access.log"; }};
listeners = ( {{ name = "web"; mode = "http"; bind = ["127.0.0.1:{port}"]; routes = (
    {{ path = "/fixed"; respond = {{ status = 200; type = "text/plain"; body = "{body}"; }}; }}{first},
    {{ backend = "{backend}"; }} ); }} );
backends = ( {{ name = "{backend}"; health = {{ type = "none"; }};
    servers = ( {{ name = "s"; address = "127.0.0.1:{server}"; }} ); }} );
"""


class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = b"page " * 100
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def web(tmp_path):
    """A node with an HTTP listener: what ctl() needs, and write_http() for its file."""
    pages = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    pages.daemon_threads = True
    threading.Thread(target=pages.serve_forever, daemon=True).start()
    values = dict(folder=tmp_path, port=free_port(), status=free_port(), server=pages.server_address[1], first="")

    n = Node.__new__(Node)
    n.folder, n.port, n.conf, n.servers = tmp_path, values["port"], tmp_path / "test.conf", []
    n.write = lambda **changes: n.conf.write_text(HTTP.format(**{**values, "backend": "a", "body": "one", **changes}))
    n.begin()
    yield n
    n.end()
    pages.shutdown()


def test_requests_on_connections_that_are_kept_follow_a_reload_without_a_failure(web):
    failures, bodies, over = [], set(), threading.Event()

    def ask(path):
        client = http.client.HTTPConnection("127.0.0.1", web.port, timeout=30)
        while not over.is_set():
            try:
                client.request("GET", path)
                answer = client.getresponse()
                body = answer.read()
                if answer.status != 200:
                    failures.append(answer.status)
                bodies.add(body)
            except (OSError, http.client.HTTPException) as e:
                failures.append(repr(e))
                client.close()

    threads = [threading.Thread(target=ask, args=(path,)) for path in ("/fixed", "/fixed", "/x", "/y")]
    for t in threads:
        t.start()
    try:
        for i in range(SHORT):
            web.reload(
                body=("one", "two")[i % 2],
                backend=("a", "b")[i // 2 % 2],
                first=', { host = ["x.example"]; redirect = { host = "y.example"; status = 301; }; }' if i % 3 else "",
            )
            time.sleep(0.02)
    finally:
        over.set()
        for t in threads:
            t.join()
    assert failures == []
    assert bodies == {b"one", b"two", b"page " * 100}


@pytest.mark.long
def test_two_hundred_reloads_under_load(node):
    reload_under_load(node, LONG)


@pytest.mark.long
def test_a_thousand_reloads_leave_memory_and_descriptors_flat(node):
    def some(times):
        for i in range(times):
            node.reload(extra=i % 2 == 0, weight=1 + i % 2, servers=[0, 1] if i % 3 else [0])
        node.reload()
        time.sleep(3)
        return node.resident_kb(), node.descriptors()

    held = [node.connect() for _ in range(20)]
    memory, descriptors = some(100)
    later, descriptors_later = some(1000)
    assert descriptors_later == descriptors
    assert later < memory + 1024, (memory, later)
    for s in held:
        s.sendall(b"x")
        assert s.recv(1) == b"x"
        s.close()


def test_after_a_reload_every_open_connection_is_of_the_new_configuration(node):
    """However many there are, and however fast reloads follow each other: no earlier configuration stays in memory."""
    held = [node.connect() for _ in range(300)]
    for i in range(5):
        node.reload(weight=1 + i % 2, extra=i % 2 == 0)
    wait_until(lambda: "\nconfigurations: 1\n" in node.ctl("show", "activity").stdout, what="the earlier ones to go")
    for s in held:
        s.sendall(b"x")
        assert s.recv(1) == b"x"
        s.close()


def test_a_refused_file_changes_nothing_and_the_error_comes_back(node):
    node.conf.write_text(node.conf.read_text().replace("passthrough", "passthru"))
    result = node.ctl("reload")
    assert result.returncode != 0
    assert f"{node.conf}:3: listeners[0].mode" in result.stderr
    assert "listeners[0].mode: found" in node.said()
    node.connect().close()


def test_what_needs_a_restart_is_refused_by_its_name(node):
    node.write(node="m")
    result = node.ctl("reload")
    assert result.returncode != 0 and f"{node.conf}:1: node: " in result.stderr and "restart" in result.stderr


def test_hup_adds_and_drops_an_address(node):
    node.write(extra=True)
    node.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "is taken up" in node.said())
    node.connect(node.extra_port).close()
    node.reload()

    def is_gone():
        try:
            socket.create_connection(("127.0.0.1", node.extra_port), timeout=0.5).close()
            return False
        except OSError:
            return True

    wait_until(is_gone)
    node.connect().close()


def test_an_address_in_use_is_refused_and_named(node):
    with socket.create_server(("127.0.0.1", node.extra_port)):
        node.write(extra=True)
        result = node.ctl("reload")
    assert result.returncode != 0 and f"127.0.0.1:{node.extra_port}" in result.stderr
    node.connect().close()


def test_what_was_set_at_run_time_holds_unless_the_file_says_anew(node):
    assert node.ctl("set", "server", "aegis/s0", "state", "maint").returncode == 0
    assert node.ctl("set", "server", "aegis/s1", "weight", "7").returncode == 0
    node.reload(extra=True)
    stat = node.ctl("show", "stat").stdout
    assert "aegis,s0" in stat and "MAINT" in stat
    assert node.ctl("get", "weight", "aegis/s1").stdout.startswith("7 ")
    node.reload(weight=3)
    assert node.ctl("get", "weight", "aegis/s1").stdout.startswith("3 ")


def test_a_server_that_went_takes_its_connections_with_it_where_it_shall(node):
    node.reload(on_removed="close", servers=[0])
    s = node.connect()
    node.reload(on_removed="close", servers=[1])
    assert s.recv(1) == b""
    s.close()
    node.connect().close()


def test_a_server_that_went_keeps_its_connections_by_default(node):
    node.reload(servers=[0])
    s = node.connect()
    node.reload(servers=[1])
    s.sendall(b"x")
    assert s.recv(1) == b"x"
    s.close()


def test_a_folder_of_certificates_that_changes_meanwhile_refuses_no_reload(node, authority):
    """As ACME clients change it: files come whole by a rename, and go."""
    folder, over = node.folder / "certs", threading.Event()
    folder.mkdir()
    for name in ("aegis-01", "aegis-02"):
        text = "".join((authority.folder / f"{name}.{end}").read_text() for end in ("pem", "key"))
        (folder / f"{name}.new").write_text(text)
    (folder / "aegis-01.new").rename(folder / "a.pem")

    def change():
        while not over.is_set():
            shutil.copy(folder / "aegis-02.new", folder / ".new")
            for name in "bcdefgh":
                os.link(folder / ".new", folder / f"{name}.pem")
            for name in "bcdefgh":
                (folder / f"{name}.pem").unlink()

    plain = node.conf.read_text()
    changing = threading.Thread(target=change)
    changing.start()
    try:
        for i in range(40):
            node.conf.write_text(plain.replace("listeners = (", f'''listeners = ( {{ name = "web"; mode = "http";
                bind = ["127.0.0.1:{node.extra_port}"]; tls = {{ certificates = ["{folder}"]; }};
                routes = ( {{ respond = {{ body = "{i}"; }}; }} ); }}, '''))
            result = node.ctl("reload")
            assert result.returncode == 0, result.stderr
    finally:
        over.set()
        changing.join()


# The health port of aegis-02 is closed, the other one is not: whoever connects to it is a client.
SICK = dict(
    graceful_stop="20s", proxy_protocol="off", health='type = "tcp"; interval = "200ms";',
    servers='{ name = "aegis-01"; address = "10.10.10.103:443"; weight = %d; },'
            '{ name = "aegis-02"; address = "10.10.10.104:443"; health = { port = 9; }; }')


def with_weight(weight):
    return {**SICK, "servers": SICK["servers"] % weight}


def test_a_server_that_is_known_to_be_down_gets_no_connection_over_reloads_and_upgrades(site, upgraded):  # noqa: F811
    sick = site.start_recorder("aegis-02")
    u = upgraded(**with_weight(1))
    b = u.balancer
    b.wait_status("aegis-02", "DOWN")
    load = Clients(clients=4, streams=0)
    try:
        for i in range(9):
            before = load.served
            b.write_conf(b.folder, **with_weight(1 + i % 2))
            assert b.ask("reload").strip() == ""
            if i % 3 == 2:
                u.upgrade()
            assert b.stat("aegis-02", "status").startswith("DOWN")
            wait_until(lambda: load.served > before + 20, 30, "clients to be served")
    finally:
        load.stop()
    assert load.failed == [] and sick.connections == []

"""The same reloads under the same load, through aegislb, HAProxy and nginx: who loses what. aegislb must lose nothing;
what the others lose is printed, for doc/reload.md."""

import contextlib
import hashlib
import multiprocessing
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

from actors import AEGISCTL, AEGISLB
from lab import SLOW, die_with_parent, wait_until
from test_reload import free_port
from wire import Closed, read_exactly

RELOADS, LOADERS, STREAM_EACH = 200, 2, 10  # a new stream with every tenth reload; all of them last to the end
NAME = "aegisagent.ai"
FAULTS = ["refused", "reset", "failed", "broken streams"]
FORK = multiprocessing.get_context("fork")

# --- servers: TLS echoes, in a process of their own ---


def echo(s, context):
    with contextlib.suppress(OSError), context.wrap_socket(s, server_side=True) as t:
        while data := t.recv(65536):
            t.sendall(data)


def serve(listeners, pem, key):
    die_with_parent()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)

    def accept(listener):
        while True:
            threading.Thread(target=echo, args=(listener.accept()[0], context), daemon=True).start()

    for listener in listeners[1:]:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
    accept(listeners[0])


# --- clients ---


class Load:
    """New connections from some processes, streams in this one; every fault is counted by its kind."""

    def __init__(self, port, trust):
        self.port, self.trust = port, trust
        self.over, self.counts = FORK.Event(), FORK.Array("L", len(FAULTS) + 1)
        self.why = FORK.Queue()
        self.loaders = [FORK.Process(target=self.begin_again) for _ in range(LOADERS)]
        self.streams = []
        for p in self.loaders:
            p.start()
        wait_until(lambda: self.counts[-1] > 0, what="the first connection")

    def count(self, kind, why=None):
        with self.counts.get_lock():
            self.counts[kind] += 1
        if why is not None:
            self.why.put(f"{FAULTS[kind]}: {why!r}")

    def open(self):
        s = socket.create_connection(("127.0.0.1", self.port), timeout=20 * SLOW)
        return self.trust.wrap_socket(s, server_hostname=NAME)

    def begin_again(self):
        die_with_parent()
        while not self.over.is_set():
            try:
                with self.open() as t:
                    t.sendall(b"x" * 32)
                    if not t.recv(1):
                        raise OSError("closed early")
                self.count(-1)
            except ConnectionRefusedError as e:
                self.count(0, e)
            except (ConnectionResetError, BrokenPipeError) as e:
                self.count(1, e)
            except OSError as e:
                self.count(2, e)

    def add_stream(self):
        t = threading.Thread(target=self.stream, args=(len(self.streams),))
        self.streams.append(t)
        t.start()

    def stream(self, seed):
        sent, got, n = hashlib.sha256(), hashlib.sha256(), 0
        try:
            with self.open() as t:
                while not self.over.is_set():
                    piece = hashlib.sha256(b"%d %d" % (seed, n)).digest() * 64
                    t.sendall(piece)
                    sent.update(piece)
                    got.update(read_exactly(t, len(piece)))
                    n += 1
                    time.sleep(0.05)
            assert sent.digest() == got.digest()
        except (OSError, AssertionError, Closed) as e:
            self.count(3, e)

    def end(self):
        self.over.set()
        for one in [*self.loaders, *self.streams]:
            one.join()
        causes = []
        while not self.why.empty():
            causes.append(self.why.get())
        return dict(zip([*FAULTS, "connections"], self.counts)), causes


# --- the three ---


class Proxy:
    """Begins with write(0); reload(i) returns when configuration i is in force."""

    def __init__(self, folder, port, extra, servers):
        self.folder, self.port, self.extra, self.servers = folder, port, extra, servers
        self.conf = folder / "conf"
        folder.mkdir()
        self.conf.write_text(self.text(0))
        with open(folder / "log", "w") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, preexec_fn=die_with_parent)
        wait_until(self.listens, what=f"the start of {self}")

    def __str__(self):
        return type(self).__name__

    def listens(self):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True

    def members(self, i):
        """What alternates: the second server, the weights; and an address of its own with every second one."""
        return [(f"s{k}", port, 1 + i % 2) for k, port in enumerate(self.servers) if k == 0 or i % 3]

    def ports(self, i):
        return [self.port, self.extra] if i % 2 else [self.port]

    def processes(self):
        """It and its children."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as f:
            return [self.process.pid, *map(int, f.read().split())]

    def resident_mib(self):
        """What is theirs alone, and their part of what they share."""
        total = 0
        for pid in self.processes():
            with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup") as f:
                total += next(int(line.split()[1]) for line in f if line.startswith("Pss:"))
        return total / 1024

    def reload(self, i):
        self.conf.write_text(self.text(i))
        before = wait_until(self.generation, 30, f"{self} to answer")
        for _ in range(20):  # HAProxy's master executes itself after a reload: a signal that comes just then is lost
            self.process.send_signal(self.SIGNAL)
            with contextlib.suppress(AssertionError):
                wait_until(lambda: self.generation() not in (None, before), 3, f"{self} to take a reload up")
                return
        raise AssertionError(f"{self} does not reload")

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        for pid in self.processes()[1:]:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()


class Aegislb(Proxy):
    def command(self):
        return [AEGISLB, "-f", str(self.conf)]

    def text(self, i):
        servers = ", ".join(f'{{ name = "{n}"; address = "127.0.0.1:{p}"; weight = {w}; }}'
                            for n, p, w in self.members(i))
        listeners = ", ".join(f'{{ name = "l{k}"; mode = "passthrough"; bind = ["127.0.0.1:{p}"]; '
                              f'routes = ( {{ sni = ["{NAME}"]; backend = "b"; }} ); }}'
                              for k, p in enumerate(self.ports(i)))
        return (f'workers = 2; state_dir = "{self.folder}/state"; status = {{ socket = "{self.folder}/socket"; }};\n'
                f"listeners = ( {listeners} );\n"
                f'backends = ( {{ name = "b"; servers = ( {servers} ); }} );\n')

    def reload(self, i):
        self.conf.write_text(self.text(i))
        subprocess.run([AEGISCTL, "-s", str(self.folder / "socket"), "reload"], check=True, timeout=60 * SLOW)


class Haproxy(Proxy):
    """Master and worker; the master hands the listening sockets on by itself, as they are exposed (-x)."""
    SIGNAL = signal.SIGUSR2

    def command(self):
        return ["haproxy", "-W", "-db", "-f", str(self.conf)]

    def text(self, i):
        binds = "\n".join(f" bind 127.0.0.1:{p}" for p in self.ports(i))
        servers = "\n".join(f" server {n} 127.0.0.1:{p} check weight {w}" for n, p, w in self.members(i))
        return (f"global\n nbthread 2\n stats socket {self.folder}/socket mode 600 level admin expose-fd listeners\n"
                "defaults\n mode tcp\n timeout connect 5s\n timeout client 1h\n timeout server 1h\n"
                f"frontend f\n{binds}\n tcp-request inspect-delay 5s\n"
                " tcp-request content accept if { req.ssl_hello_type 1 }\n"
                f" use_backend b if {{ req.ssl_sni -i {NAME} }}\nbackend b\n{servers}\n")

    def generation(self):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10 * SLOW)
            s.connect(str(self.folder / "socket"))
            s.sendall(b"show info\n")
            answer = b""
            while data := s.recv(65536):
                answer += data
            return next((line for line in answer.splitlines() if line.startswith(b"Pid:")), None)


class Nginx(Proxy):
    """One listening socket for each worker, as for many connections; old workers go on until theirs have ended."""
    SIGNAL = signal.SIGHUP

    def command(self):
        return ["nginx", "-p", str(self.folder), "-e", str(self.folder / "error.log"), "-c", str(self.conf)]

    def text(self, i):
        listens = " ".join(f"listen 127.0.0.1:{p} reuseport backlog=4096;" for p in self.ports(i))
        servers = " ".join(f"server 127.0.0.1:{p} weight={w};" for _, p, w in self.members(i))
        load = "/usr/lib/nginx/modules/ngx_stream_module.so"
        return ((f"load_module {load};\n" if os.path.exists(load) else "") +
                f"daemon off; worker_processes 2; pid {self.folder}/pid; error_log {self.folder}/error.log;\n"
                "events { worker_connections 4096; }\n"
                f"stream {{ map $ssl_preread_server_name $to {{ {NAME} b; }} upstream b {{ {servers} }}\n"
                f" server {{ {listens} ssl_preread on; proxy_pass $to; proxy_timeout 1h; }} }}\n")

    def generation(self):
        """The two youngest are the workers of the newest configuration."""
        return (sorted(self.processes()[1:])[-2:] + [None, None])[1] if len(self.processes()) > 2 else None


# --- the test ---


@pytest.fixture
def servers(authority):
    listeners = [socket.create_server(("127.0.0.1", 0), backlog=1024) for _ in range(2)]
    pem, key = (authority.folder / f"aegis-01.{end}" for end in ("pem", "key"))
    processes = [FORK.Process(target=serve, args=(listeners, pem, key), daemon=True) for _ in range(2)]
    for process in processes:
        process.start()
    yield [s.getsockname()[1] for s in listeners]
    for process in processes:
        process.kill()
        process.join()


def reloads_under_load(proxy, trust):
    load = Load(proxy.port, trust)
    began = time.monotonic()
    try:
        for i in range(1, RELOADS + 1):
            if i % STREAM_EACH == 1:
                load.add_stream()
            proxy.reload(i)
            time.sleep(0.1)
        seen = dict(processes=len(proxy.processes()), mib=proxy.resident_mib())
    finally:
        result, causes = load.end()
    return {**result, **seen, "seconds": time.monotonic() - began}, causes


@pytest.mark.long
def test_two_hundred_reloads_beside_haproxy_and_nginx(servers, authority, tmp_path):
    results = {}
    for kind in (Aegislb, Haproxy, Nginx):
        if kind is not Aegislb and not shutil.which(kind.__name__.lower()):
            continue
        proxy = kind(tmp_path / kind.__name__, free_port(), free_port(), servers)
        try:
            results[kind.__name__], causes = reloads_under_load(proxy, authority.trust)
        finally:
            proxy.end()
        print(f"{kind.__name__}: " + ", ".join(f"{k} {v:.0f}" for k, v in results[kind.__name__].items()), causes[:5])
    ours = results["Aegislb"]
    assert [ours[fault] for fault in FAULTS] == [0] * len(FAULTS)
    assert ours["connections"] > RELOADS

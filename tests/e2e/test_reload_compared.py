"""The same reloads and upgrades under the same load, through aegislb, HAProxy and nginx: who loses what. aegislb must lose
nothing; what the others lose is printed, for doc/reload.md."""

import contextlib
import hashlib
import multiprocessing
import os
import re
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

RELOADS, UPGRADES, LOADERS, STREAM_EACH = 200, 50, 2, 10  # a new stream with every tenth of them; all last to the end
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
        self.over, self.streams_over = FORK.Event(), threading.Event()
        self.counts = FORK.Array("L", len(FAULTS) + 1)
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
                while not self.streams_over.is_set():
                    piece = hashlib.sha256(b"%d %d" % (seed, n)).digest() * 64
                    t.sendall(piece)
                    sent.update(piece)
                    got.update(read_exactly(t, len(piece)))
                    n += 1
                    time.sleep(0.05)
            assert sent.digest() == got.digest()
        except (OSError, AssertionError, Closed) as e:
            self.count(3, e)

    def end_streams(self):
        self.streams_over.set()
        for t in self.streams:
            t.join()

    def end(self):
        self.over.set()
        self.end_streams()
        for p in self.loaders:
            p.join()
        causes = []
        while not self.why.empty():
            causes.append(self.why.get())
        return dict(zip([*FAULTS, "connections"], self.counts)), causes


# --- the three ---


class Proxy:
    """Begins with write(0); reload(i) and upgrade(i) return when configuration i is in force. All its processes are of one
    session, and run a program that lies in its folder."""

    def __init__(self, folder, port, extra, servers):
        self.folder, self.port, self.extra, self.servers = folder, port, extra, servers
        self.conf, self.program = folder / "conf", folder / "program"
        folder.mkdir()
        self.conf.write_text(self.text(0))
        self.put_program()
        with open(folder / "log", "w") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, preexec_fn=die_with_parent,
                                            start_new_session=True)
        self.session = self.process.pid
        wait_until(self.listens, what=f"the start of {self}")

    def put_program(self):
        """As a package does: another file under the same name."""
        new = self.folder / "new"
        shutil.copy(shutil.which(self.PROGRAM), new)
        new.rename(self.program)

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
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as f:
                state, _, _, session = f.read().rsplit(")", 1)[1].split()[:4]
                if int(session) == self.session and state != "Z":
                    found.append(int(pid))
        return sorted(found)

    def runs_program(self, pid):
        """The file that lies there now, not one of before."""
        with contextlib.suppress(OSError):
            return os.path.samefile(f"/proc/{pid}/exe", self.program)

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
        for pid in self.processes():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


class Aegislb(Proxy):
    PROGRAM = AEGISLB

    def command(self):
        return [self.program, "-f", self.conf]

    def text(self, i):
        servers = ", ".join(f'{{ name = "{n}"; address = "127.0.0.1:{p}"; weight = {w}; }}'
                            for n, p, w in self.members(i))
        listeners = ", ".join(f'{{ name = "l{k}"; mode = "passthrough"; bind = ["127.0.0.1:{p}"]; '
                              f'routes = ( {{ sni = ["{NAME}"]; backend = "b"; }} ); }}'
                              for k, p in enumerate(self.ports(i)))
        return (f'workers = 2; state_dir = "{self.folder}/state"; status = {{ socket = "{self.folder}/socket"; }};\n'
                f"listeners = ( {listeners} );\n"
                f'backends = ( {{ name = "b"; servers = ( {servers} ); }} );\n')

    def ask(self, command):
        call = [AEGISCTL, "-s", self.folder / "socket", command]
        return subprocess.run(call, check=True, timeout=60 * SLOW, stdout=subprocess.PIPE, text=True).stdout

    def reload(self, i):
        self.conf.write_text(self.text(i))
        self.ask("reload")

    def upgrade(self, i):
        self.conf.write_text(self.text(i))
        self.put_program()
        return self.runs_program(re.search(r"Process (\d+) has taken over", self.ask("upgrade"))[1])


class Haproxy(Proxy):
    """Master and worker; the master hands the listening sockets on by itself, as they are exposed (-x). It executes
    what lies on disk with each reload: an upgrade is one with another program there."""
    PROGRAM, SIGNAL = "haproxy", signal.SIGUSR2

    def command(self):
        return [self.program, "-W", "-db", "-f", self.conf]

    def upgrade(self, i):
        self.put_program()
        self.reload(i)
        worker = wait_until(self.generation, 30, "HAProxy to answer").split()[1].decode()
        return self.runs_program(self.process.pid) and self.runs_program(worker)

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
    """One listening socket for each worker, as for many connections; old workers go on until theirs have ended. A daemon,
    because only one of those can be upgraded: its parent has to be gone."""
    PROGRAM = "nginx"

    def command(self):
        return [self.program, "-p", self.folder, "-e", self.folder / "error.log", "-c", self.conf]

    def listens(self):
        with contextlib.suppress(OSError, ValueError):
            self.session = self.master()
            return super().listens()

    def text(self, i):
        listens = " ".join(f"listen 127.0.0.1:{p} reuseport backlog=4096;" for p in self.ports(i))
        servers = " ".join(f"server 127.0.0.1:{p} weight={w};" for _, p, w in self.members(i))
        load = "/usr/lib/nginx/modules/ngx_stream_module.so"
        return ((f"load_module {load};\n" if os.path.exists(load) else "") +
                f"worker_processes 2; pid {self.folder}/pid; error_log {self.folder}/error.log notice;\n"
                "events { worker_connections 4096; }\n"
                f"stream {{ map $ssl_preread_server_name $to {{ {NAME} b; }} upstream b {{ {servers} }}\n"
                f" server {{ {listens} ssl_preread on; proxy_pass $to; proxy_timeout 1h; }} }}\n")

    def master(self):
        return int((self.folder / "pid").read_text())

    def workers(self, master):
        with open(f"/proc/{master}/task/{master}/children") as f:
            return sorted(map(int, f.read().split()))

    def generation(self):
        """The two youngest are the workers of the newest configuration."""
        workers = self.workers(self.master())
        return workers[-1] if len(workers) > 1 else None

    def reload(self, i):
        self.conf.write_text(self.text(i))
        before = self.generation()
        os.kill(self.master(), signal.SIGHUP)
        wait_until(lambda: self.generation() not in (None, before), 60, "nginx to reload")

    def upgrade(self, i):
        """USR2, and QUIT to the master of before when the next one has workers. No: it ignores the signal, as it does while
        the master of before it is there, that is, while a connection of then is open."""
        self.conf.write_text(self.text(i))
        self.put_program()
        old, log = self.master(), self.folder / "error.log"
        ignored = log.read_text().count("ignoring")
        os.kill(old, signal.SIGUSR2)

        def taken_up():
            with contextlib.suppress(OSError, ValueError):  # the file of its process is written anew
                new = self.master()
                return new if new != old and len(self.workers(new)) > 1 else log.read_text().count("ignoring") > ignored

        new = wait_until(taken_up, 60, "nginx to take an upgrade up")
        if new is True:
            return False
        os.kill(old, signal.SIGQUIT)
        return self.runs_program(new)


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


def changes_under_load(proxy, trust):
    load, seen, upgraded = Load(proxy.port, trust), {}, 0
    began = time.monotonic()
    try:
        for i in range(1, RELOADS + UPGRADES + 1):
            if i % STREAM_EACH == 1:
                load.add_stream()
            if i <= RELOADS:
                proxy.reload(i)
            else:
                upgraded += bool(proxy.upgrade(i))
            time.sleep(0.1)
            if i in (RELOADS, RELOADS + UPGRADES):
                time.sleep(3)  # whoever has no stream has ended by then
                seen |= {f"processes after {i}": len(proxy.processes()), f"MiB after {i}": proxy.resident_mib()}
        seen["upgrades beside streams"] = upgraded
        load.end_streams()
        for i in range(upgraded, UPGRADES):
            wait_until(lambda: proxy.upgrade(i), 60, f"{proxy} to upgrade")
    finally:
        result, causes = load.end()
    return {**result, **seen, "seconds": time.monotonic() - began}, causes


@pytest.mark.long
def test_reloads_and_upgrades_beside_haproxy_and_nginx(servers, authority, tmp_path):
    results = {}
    for kind in (Aegislb, Haproxy, Nginx):
        if not shutil.which(kind.PROGRAM):
            continue
        proxy = kind(tmp_path / kind.__name__, free_port(), free_port(), servers)
        try:
            results[kind.__name__], causes = changes_under_load(proxy, authority.trust)
        finally:
            proxy.end()
        print(f"{kind.__name__}: " + ", ".join(f"{k} {v:.0f}" for k, v in results[kind.__name__].items()), causes[:5])
    ours = results["Aegislb"]
    assert [ours[fault] for fault in FAULTS] == [0] * len(FAULTS)
    assert ours["upgrades beside streams"] == UPGRADES
    assert ours["connections"] > RELOADS

"""An upgrade: the program on disk takes over from the one that runs, and no client notices. One that fails changes
nothing."""

import contextlib
import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import socket
import sys
import threading
import time

import pytest

import actors
import test_http
import test_sticky
import test_tls
from lab import SLOW, wait_until
from test_process import ONE_SERVER, echo
from test_tls import certificates  # noqa: F401, a fixture
from wire import client_hello, connect, read_exactly

PIECE = os.urandom(65536)


class Upgraded:
    """A balancer whose program is a file of the test, and whose process is another one after each upgrade."""

    def __init__(self, program, balancer):
        self.program, self.balancer = program, balancer
        self.pids = [self.pid()]

    def put(self, program):
        new = self.program.with_name("aegislb.new")
        shutil.copy(program, new)
        new.chmod(0o755)
        new.rename(self.program)

    def put_script(self, text):
        script = self.program.with_name("script")
        script.write_text("#!/bin/sh\n" + text)
        self.put(script)

    def pid(self):
        return int(self.info("Pid"))

    def info(self, key):
        return re.search(rf"^{key}: (.*)$", self.balancer.ask("show info"), re.M)[1]

    def upgrade(self):
        answer = self.balancer.ask("upgrade")
        taken = re.search(r"Process (\d+) has taken over", answer)
        assert taken, answer + self.balancer.log()
        self.pids.append(int(taken[1]))
        assert self.pid() == self.pids[-1]

    def end(self):
        for pid in self.pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not any(is_running(pid) for pid in self.pids), 30, "all processes to end")


def is_running(pid):
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] != "Z"
    return False


@pytest.fixture
def upgraded(site, monkeypatch):
    started = []

    def start(**changes):
        program = site.folder / "aegislb"
        shutil.copy(actors.AEGISLB, program)
        monkeypatch.setattr(actors, "AEGISLB", str(program))
        site.start_recorder(serve=echo)
        started.append(Upgraded(program, site.start_balancer(**{"graceful_stop": "20s", **ONE_SERVER, **changes})))
        return started[-1]

    yield start
    for u in started:
        u.end()


class Load:
    """Clients that come one after the other, and streams that go on; what fails is kept."""

    def __init__(self, clients=4, streams=2):
        self.ends, self.served, self.failed, self.streamed = threading.Event(), 0, [], []
        self.threads = [threading.Thread(target=self.come) for _ in range(clients)]
        self.threads += [threading.Thread(target=self.stream) for _ in range(streams)]
        for t in self.threads:
            t.start()

    def come(self):
        while not self.ends.is_set():
            try:
                with connect() as s:
                    hello = client_hello()
                    s.sendall(hello)
                    assert read_exactly(s, len(hello)) == hello
                self.served += 1
            except Exception as error:  # whatever a client meets
                self.failed.append(repr(error))

    def stream(self):
        try:
            sent, back = hashlib.sha256(), hashlib.sha256()
            with connect() as s:
                hello = client_hello()
                s.sendall(hello)
                assert read_exactly(s, len(hello)) == hello
                while not self.ends.is_set():
                    s.sendall(PIECE)
                    sent.update(PIECE)
                    back.update(read_exactly(s, len(PIECE)))
                    time.sleep(0.005)  # a stream, not a flood
            self.streamed.append(sent.digest() == back.digest())
        except Exception as error:
            self.failed.append("stream: " + repr(error))

    def stop(self):
        self.ends.set()
        for t in self.threads:
            t.join(30 * SLOW)


def changes_under_load(u, upgrades, reloads_each):
    """Upgrades with reloads in between, each of another configuration than the one before; returns what was served."""
    first = u.balancer.conf.read_text()
    second = first.replace('bind     = ["*:443"', 'bind     = ["*:443", "*:8443"').replace("retries", "retries ")
    assert second != first
    load = Load()
    try:
        for i in range(upgrades):
            before = load.served
            for k in range(reloads_each):
                u.balancer.conf.write_text((second, first)[(i + k) % 2])
                answer = u.balancer.ask("reload")
                assert answer.strip() == "", answer
            u.balancer.conf.write_text((first, second)[i % 2])
            u.upgrade()
            wait_until(lambda: load.served > before + 20, 60, "clients to be served")
    finally:
        load.stop()
    assert not load.failed and load.streamed == [True, True]
    assert len(set(u.pids)) == upgrades + 1
    return load.served


def test_nothing_fails_over_upgrades_and_reloads_under_load(upgraded):
    changes_under_load(upgraded(), 6, 2)


@pytest.mark.long
def test_nothing_fails_over_50_upgrades_and_200_reloads_under_load(upgraded):
    print(changes_under_load(upgraded(), 50, 4), "connections served")


def test_usr2_upgrades_and_what_is_known_is_carried_over(upgraded):
    u = upgraded(health='type = "tcp"; interval = "60s"; fall = 1;',
                 servers='{ name = "aegis-01"; address = "10.10.10.103:443"; }, { name = "dead"; address = "10.10.10.103:9"; }')
    b = u.balancer
    b.wait_status("dead", "DOWN")
    b.wait_status("aegis-01", "UP")
    with connect() as s:
        s.sendall(client_hello())
        read_exactly(s, 1)
    assert "New server registered." in b.ask("set weight aegis/aegis-01 7;ban 192.0.2.1 for 1h;add server aegis/new 10.10.10.103:443")
    wait_until(lambda: b.stat("FRONTEND", "scur", "https") == "0", what="the connection to end")
    counted = [b.stat("FRONTEND", column, "https") for column in ("stot", "bin")]
    failed, chosen = b.stat("dead", "chkfail"), b.stat("dead", "lbtot")
    os.kill(u.pids[0], signal.SIGUSR2)
    wait_until(lambda: b.answers() and u.pid() != u.pids[0], what="another process")
    u.pids.append(u.pid())
    assert b.stat("dead", "status") == "DOWN" and b.stat("dead", "chkfail") >= failed
    assert b.ask("get weight aegis/aegis-01").startswith("7 ") and "192.0.2.1" in b.ask("show bans")
    assert b.stat("new", "status") == "MAINT"
    assert int(b.stat("FRONTEND", "rate_max", "https")) == 0  # what was counted before is no rate of now
    assert [b.stat("FRONTEND", column, "https") for column in ("stot", "bin")] == counted
    for _ in range(4):
        with connect() as s:
            s.sendall(client_hello())
            assert read_exactly(s, 1)
    assert b.stat("dead", "lbtot") == chosen
    wait_until(lambda: not is_running(u.pids[0]), what="the old process to end")


def fails(u, reason):
    answer = u.balancer.ask("upgrade")
    assert re.search(reason, answer), answer
    u.balancer.wait_log(rf"error upgrade: asked for by uid \d+ pid \d+: .*{reason}")
    assert u.pid() == u.pids[0]
    assert u.balancer.ask("set weight aegis/aegis-01 9").strip() == ""
    with connect() as s:
        s.sendall(client_hello())
        read_exactly(s, 1)


def test_a_program_that_fails_at_its_start_changes_nothing(upgraded):
    u = upgraded()
    good = shutil.copy(u.program, u.program.with_name("good"))
    u.put_script("kill -SEGV $$\n")
    fails(u, "ended by signal 11")
    u.put_script("exit 71\n")
    fails(u, "ended with status 71")
    u.program.chmod(0o644)
    fails(u, "cannot be started: Permission denied")
    u.program.unlink()
    fails(u, "cannot be started: No such file")
    u.put(good)
    u.upgrade()


def test_a_refused_configuration_changes_nothing(upgraded):
    u = upgraded()
    good = u.balancer.conf.read_text()
    u.balancer.conf.write_text(good.replace("backends = (", "backend = ("))
    fails(u, "backends: missing")
    u.balancer.conf.write_text(good)
    u.upgrade()


def test_a_program_that_asks_and_does_not_listen_holds_nothing_up(upgraded):
    """More sockets than the way to it holds: whoever serves waits half a second for it, and no longer."""
    u = upgraded()
    conf = u.balancer.conf
    more = ""
    for first in range(10000, 10600, 60):
        bind = ", ".join(f'"127.0.0.1:{port}"' for port in range(first, first + 60))
        more += f'{{ name = "of-{first}"; mode = "passthrough"; bind = [{bind}]; default_backend = "aegis"; }},\n'
    conf.write_text(conf.read_text().replace("listeners = (", f"listeners = (\n{more}"))
    assert u.balancer.ask("reload").strip() == ""
    hello = {"type": "hello", "protocol": 1, "version": "9", "node": u.info("node"), "workers": int(u.info("Nbthread"))}
    says = f"import os, time; os.write(int(os.environ['AEGISLB_TAKEOVER_FD']), {json.dumps(hello).encode()!r}); time.sleep(600)"
    u.put_script(f"exec {sys.executable} -c {shlex.quote(says)}\n")
    fails(u, "cannot be told what it needs: Connection timed out")


@pytest.mark.long
def test_a_program_that_hangs_is_ended(upgraded):
    u = upgraded()
    u.put_script("exec sleep 600\n")
    os.kill(u.pids[0], signal.SIGUSR2)
    u.balancer.wait_log("was not ready after 15 s, and was ended", 40)
    assert u.pid() == u.pids[0]
    assert u.balancer.ask("set weight aegis/aegis-01 9").strip() == ""


@pytest.mark.skipif(open("/proc/self/uid_map").read().split()[2] == "1", reason="a user namespace with one user")
def test_the_service_manager_is_told_that_who_took_over_died(site, program):
    """It is the child of the process before, which still serves a client: to the manager its death would not show."""
    path, started = program
    notify_path = str(site.folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(notify_path)
        notify.settimeout(30)
        site.start_recorder(serve=echo)
        u = Upgraded(path, site.start_balancer(prefix=("env", f"NOTIFY_SOCKET={notify_path}"), graceful_stop="20s", **ONE_SERVER))
        started.append(u)
        with connect() as s:
            s.sendall(client_hello())
            assert read_exactly(s, 1)
            u.upgrade()
            os.kill(u.pids[-1], signal.SIGKILL)
            while b"WATCHDOG=trigger" not in notify.recv(4096):
                pass
        assert re.search(rf"process {u.pids[-1]}, which had taken over, is gone: .*signal 9", u.balancer.log())


def test_rights_last_for_the_next_program_and_no_longer(upgraded, site):
    """As a user without rights of its own: a port below 1024 that is new with the upgrade is opened all the same."""
    os.chmod(site.folder, 0o755)
    for parent in site.folder.parents[:3]:
        os.chmod(parent, parent.stat().st_mode | 0o011)
    (site.folder / "balancer").mkdir()
    os.chmod(site.folder / "balancer", 0o777)
    u = upgraded(more='user = "nobody"; group = "nogroup";')
    conf = u.balancer.conf
    for port in (444, 445):
        conf.write_text(conf.read_text().replace('bind     = ["*:443"', f'bind     = ["*:443", "*:{port}"'))
        u.upgrade()
        with connect(port=port) as s:
            s.sendall(client_hello())
            assert read_exactly(s, 1)
        status = dict(line.split(":\t", 1) for line in open(f"/proc/{u.pids[-1]}/status").read().splitlines() if ":\t" in line)
        assert int(status["CapAmb"], 16) == 0 and int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 1 << 10


def test_an_address_that_is_served_no_more_goes_with_the_old_process(upgraded):
    u = upgraded(listeners=', { name = "other"; mode = "passthrough"; bind = ["*:8443"]; routes = ( { backend = "aegis"; } ); }')
    connect(port=8443).close()
    conf = u.balancer.conf
    conf.write_text(re.sub(r', \{ name = "other".*?\}', "", conf.read_text(), count=1).replace(" ); }\n);", "\n);"))
    u.upgrade()

    def refused():
        try:
            connect(port=8443).close()
        except ConnectionRefusedError:
            return True

    wait_until(refused, 20, "the address to be closed")
    with connect() as s:
        s.sendall(client_hello())
        assert read_exactly(s, 1)


@pytest.fixture
def program(site, monkeypatch):
    """A copy of the program; what takes over from it is told to the list, and ends with the test."""
    path = site.folder / "aegislb"
    shutil.copy(actors.AEGISLB, path)
    monkeypatch.setattr(actors, "AEGISLB", str(path))
    started = []
    yield path, started
    for u in started:
        u.end()


def test_session_tickets_of_before_are_good(site, program, certificates):  # noqa: F811
    """They are sealed by a secret that is in no file, without a cluster; so are sticky cookies."""
    path, started = program
    balancer = test_tls.start(site, certificates, tls='session_tickets = "local";')
    started.append(Upgraded(path, balancer))
    with test_tls.connect(site) as s:
        test_tls.get(s)
        session = s.session
    for _ in range(2):
        started[0].upgrade()
        with test_tls.connect(site, session=session) as s:
            assert s.session_reused
            test_tls.get(s)


def test_sticky_cookies_of_before_are_good(site, program):
    path, started = program
    for name in ("aegis-01", "aegis-02"):
        test_http.Web(site, name)
    started.append(Upgraded(path, test_http.start(site, servers=test_http.TWO, backend=test_sticky.STICKY)))
    client = test_sticky.Client(site, "one")
    first = client.server()
    started[0].upgrade()
    assert client.servers(6) == {first}


@contextlib.contextmanager
def successors(nodes):
    """The processes that took over: what the town started has ended long before."""
    pids = []
    try:
        yield pids
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not any(is_running(pid) for pid in pids), 30, "the processes to end")


@pytest.mark.timing
def test_an_address_and_a_membership_outlast_upgrades(towns):
    """Of the owner and of others: nobody calls anybody dead or left, the address stays, and no connection to it fails."""
    town = towns.make(balancers=3, profile="slow")
    town.start(*town.names)
    owner = town.wait_owner()
    term = owner.cluster()["vips"][0]["term"]
    epochs = {m["name"]: m["incarnation"] for m in owner.cluster()["members"]}
    knocking = town.knock(timeout_ms=10000)
    with successors(town.nodes.values()) as pids:
        for node in [owner, *town.others_than(owner), owner, owner]:
            answer = node.ask("upgrade", timeout=60)
            taken = re.search(r"Process (\d+) has taken over", answer)
            assert taken, answer + node.log()
            pids.append(int(taken[1]))
            town.wait_together()
            assert town.owners() == [owner.name]
        time.sleep(5)  # longer than a lease and the longest silence: what nobody renews would be gone
        knocks = knocking.end()
        for node in town.nodes.values():
            assert not node.lines(r"is (dead|suspect)|has left|is let go of|is taken over|others know a later start"), node.log()
            vip = node.cluster()["vips"][0]
            assert vip["owner"] == owner.name and vip["term"] == term
            assert {m["name"]: m["incarnation"] for m in node.cluster()["members"]} == epochs
        assert owner.holds()
        assert knocks["refused"] == knocks["timed_out"] == knocks["closed"] == knocks["failed"] == 0, knocks
        # and it is a member like any other: whoever holds the address hands it over at a stop
        os.kill(pids[-1], signal.SIGTERM)
        wait_until(lambda: [n for n in town.others_than(owner) if n.holds()], 20, "another owner")


def test_what_the_cluster_is_cannot_change_with_an_upgrade(towns):
    town = towns.make(balancers=2)
    town.start(*town.names)
    owner = town.wait_owner()
    good = owner.conf.read_text()
    owner.conf.write_text(good.replace("cluster = {", 'cluster = { gateway = "10.10.10.51";', 1))
    assert "group `cluster`" in owner.ask("upgrade", timeout=60)
    owner.conf.write_text(good)
    assert owner.holds() and owner.ask("show info").startswith("Name:")

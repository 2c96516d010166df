"""The program as its caller sees it: arguments, exit statuses, signals, privileges."""

import os
import pathlib
import pwd
import signal
import socket
import subprocess
import threading
import time

import pytest

from actors import AEGISLB
from lab import wait_until
from wire import client_hello, connect, read_exactly

EXAMPLE = pathlib.Path(__file__).parents[2] / "etc" / "balancer.conf"
ONE_SERVER = dict(proxy_protocol="off", health='type = "none";', servers='{ name = "aegis-01"; address = "10.10.10.103:443"; }')


def run(*arguments):
    return subprocess.run([AEGISLB, *map(str, arguments)], capture_output=True, text=True, timeout=60)


def refused(tmp_path, text):
    """What -c says to this configuration, which it must refuse."""
    conf = tmp_path / "test.conf"
    conf.write_text(text)
    result = run("-c", "-f", conf)
    assert result.returncode == 78, result
    return result.stderr.replace(str(conf), "test.conf")


def echo(s):
    with s:
        while data := s.recv(4096):
            s.sendall(data)


def test_version_and_help():
    version, usage = run("--version"), run("--help")
    assert version.returncode == 0 and "OpenSSL" in version.stdout and "libevent" in version.stdout
    assert usage.returncode == 0 and len(usage.stdout.splitlines()) <= 50
    assert max(map(len, usage.stdout.splitlines())) <= 100


@pytest.mark.parametrize("arguments", [(), ("-c",), ("--nonsense",), ("-f",), ("-f", "x", "y")])
def test_wrong_usage_is_64(arguments):
    result = run(*arguments)
    assert result.returncode == 64 and result.stderr.startswith("aegislb: ")


def test_the_example_passes_as_it_stands(tmp_path):
    """But for the user, whom this machine may not have, and for the place of the keys."""
    conf, keys = tmp_path / "balancer.conf", tmp_path / "cluster.key"
    keys.write_text(run("--genkey").stdout)
    keys.chmod(0o600)
    user = pwd.getpwuid(os.getuid()).pw_name
    conf.write_text(EXAMPLE.read_text().replace('user      = "aegislb"', f'user = "{user}"')
                    .replace('group     = "aegislb";', "").replace("/etc/aegislb/cluster.key", str(keys)))
    result = run("-c", "-f", conf)
    assert result.returncode == 0, result.stderr


def test_a_missing_file_is_78(tmp_path):
    assert run("-f", tmp_path / "none.conf").returncode == 78


def test_each_error_has_its_line(tmp_path):
    errors = refused(tmp_path, """\
listeners = ( { name = "a"; mode = "passthrough"; bind = ["*:443"];
    routes = ( { sni = ["x.org"]; backend = "bb"; } ); } );
backends = ( { name = "b";
    health = { type = "tcp"; intervall = "5s"; timeout = "soon"; };
    servers = ( { name = "s"; address = "10.0.0.1:443"; }, { name = "s"; address = "10.0.0.2:443"; } ); } );
""")
    for line, *words in ((2, "bb"), (4, "intervall", 'did you mean "interval"?'), (4, "timeout", "soon"), (5, '"s"')):
        assert any(f"test.conf:{line}:" in e and all(w in e for w in words) for e in errors.splitlines()), (line, errors)


def test_what_is_not_supported_is_refused_as_such(tmp_path):
    errors = refused(tmp_path, EXAMPLE.read_text() + 'redis = { address = "127.0.0.1:6379"; };\n')
    assert "redis" in errors and "not supported" in errors


def test_a_port_in_use_is_71_and_named(site):
    site.start_recorder("balancer")
    balancer = site.start_balancer(wait=False)
    assert balancer.exit_status() == 71
    assert ":443" in balancer.log().splitlines()[-1]
    site.balancer = None


def test_term_lets_open_connections_go_on(site):
    site.start_recorder(serve=echo)
    balancer = site.start_balancer(graceful_stop="20s", **ONE_SERVER)
    with connect() as s:
        s.sendall(client_hello())
        s.recv(1)
        balancer.send(signal.SIGTERM)
        wait_until(lambda: is_closed_port(), what="the listener to close")
        s.sendall(b"x")
        assert s.recv(65536)
        assert balancer.running()
    assert balancer.exit_status(10) == 0


def test_graceful_stop_ends_in_time(site):
    site.start_recorder(serve=echo)
    balancer = site.start_balancer(graceful_stop="500ms", **ONE_SERVER)
    with connect() as s:
        s.sendall(client_hello())
        s.recv(1)
        balancer.send(signal.SIGINT)
        assert balancer.exit_status(10) == 0


def test_a_stop_resets_nobody_who_has_connected(site):
    """Whoever got a connection is served; who begins during the stop is not answered at all, and tries again."""
    site.start_recorder(serve=echo)
    balancer = site.start_balancer(graceful_stop="20s", **ONE_SERVER)
    served, reset, refused = [], [], threading.Event()

    def client():
        while not refused.is_set():
            try:
                s = connect()
            except OSError:
                refused.set()
                return
            try:
                with s:
                    s.sendall(client_hello())
                    served.append(s.recv(1))
            except OSError as error:
                reset.append(error)

    threads = [threading.Thread(target=client) for _ in range(16)]
    [t.start() for t in threads]
    wait_until(lambda: len(served) > 500, what="a stream of connections")
    balancer.send(signal.SIGTERM)
    [t.join() for t in threads]
    assert refused.is_set() and b"" not in served and not reset
    assert balancer.exit_status(10) == 0


def test_a_stop_waits_for_who_has_connected_and_says_nothing_yet(site):
    site.start_recorder(serve=echo)
    balancer = site.start_balancer(graceful_stop="20s", **ONE_SERVER)
    with connect() as s:
        balancer.send(signal.SIGTERM)
        balancer.wait_log("accepting no more")
        time.sleep(0.3)  # the client is slow: this is what is tested
        s.sendall(client_hello())
        assert s.recv(1)
    assert balancer.exit_status(10) == 0


def test_a_second_signal_stops_at_once(site):
    site.start_recorder(serve=echo)
    balancer = site.start_balancer(graceful_stop="60s", **ONE_SERVER)
    with connect() as s:
        s.sendall(client_hello())
        s.recv(1)
        balancer.send(signal.SIGTERM)
        wait_until(lambda: is_closed_port(), what="the listener to close")
        balancer.send(signal.SIGTERM)
        assert balancer.exit_status(10) == 0


def is_closed_port():
    try:
        connect().close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        pass


def test_usr1_opens_the_access_log_anew(site):
    site.start()
    balancer = site.balancer
    site.get()
    wait_until(lambda: len(balancer.access_log()) == 1, what="a line in the access log")
    log = balancer.folder / "access.log"
    log.rename(balancer.folder / "access.log.1")
    balancer.send(signal.SIGUSR1)
    wait_until(log.exists, what="a new access log")
    site.get()
    line = wait_until(lambda: balancer.access_log(), what="a line in the new access log")[0]
    for part in ("https", "10.10.10.50", "aegisagent.ai", "backend=aegis server=aegis-0"):
        assert part in line


@pytest.mark.skipif(open("/proc/self/uid_map").read().split()[2] == "1", reason="a user namespace with one user")
def test_privileges_are_given_up(site):
    """The port is below 1024 and stays usable; nothing but NET_BIND_SERVICE is left."""
    os.chmod(site.folder, 0o755)
    for parent in site.folder.parents[:3]:
        os.chmod(parent, parent.stat().st_mode | 0o011)
    folder = site.folder / "balancer"
    folder.mkdir()
    os.chmod(folder, 0o777)
    balancer = site.start(more='user = "nobody"; group = "nogroup";')
    status = dict(line.split(":\t", 1) for line in open(f"/proc/{balancer.pid}/status").read().splitlines() if ":\t" in line)
    assert set(status["Uid"].split()) == {str(pwd.getpwnam("nobody").pw_uid)}
    assert status["Groups"].split() in ([], [status["Gid"].split()[0]])
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 1 << 10
    assert int(status["CapBnd"], 16) & ~(1 << 10) == 0 or status["NoNewPrivs"] == "1"
    assert site.get().split()[1] == "aegisagent.ai"
    balancer.send(signal.SIGUSR1)
    balancer.wait_log("log files were opened anew")
    site.get()
    wait_until(lambda: len(balancer.access_log()) == 2, what="a line in the access log that was opened anew")
    assert "Permission denied" not in balancer.log()


def test_systemd_is_told(site):
    """READY=1 only when connections are taken, STOPPING=1 at the end."""
    path = str(site.folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(path)
        notify.settimeout(30)
        site.start_recorder(serve=echo)
        balancer = site.start_balancer(wait=False, prefix=("env", f"NOTIFY_SOCKET={path}"), **ONE_SERVER)
        assert b"READY=1" in notify.recv(4096)
        with connect() as s:
            s.sendall(client_hello())
            read_exactly(s, 1)
        balancer.send(signal.SIGTERM)
        assert b"STOPPING=1" in notify.recv(4096)


def test_explain_says_where_a_name_goes(site):
    balancer = site.start()
    yes, no = (run("-f", balancer.conf, "--explain", name) for name in ("Code.AegisAgent.ai", "example.org"))
    assert yes.returncode == no.returncode == 0
    for part in ("https", "*.aegisagent.ai", "aegis", "aegis-01", "10.10.10.103:443", "aegis-02"):
        assert part in yes.stdout
    assert "no route" in no.stdout and "unrecognized_name" in no.stdout

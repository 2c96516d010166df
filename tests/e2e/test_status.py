"""The status socket, and the programs that people point at it."""

import json
import os
import pathlib
import re
import socket
import subprocess

import pytest

from actors import AEGISCTL
from lab import SANITIZED, die_with_parent, wait_until
from wire import client_hello, connect, read_all, read_exactly

GOLDEN = (pathlib.Path(__file__).parent / "haproxy-2.6-show-stat-header.csv").read_text().rstrip("\n")
INFO_KEYS = """Name Version Release_date Nbproc Nbthread Process_num Pid Uptime Uptime_sec Maxconn CurrConns CumConns
ConnRate SessRate SslRate Maxpipes PipesUsed Tasks Run_queue Idle_pct node""".split()


def aegisctl(balancer, *arguments):
    return subprocess.run([AEGISCTL, "-s", balancer.socket, *arguments], capture_output=True, text=True, timeout=60)


def shell(command, **variables):
    return subprocess.run(command, shell=True, check=True, capture_output=True, text=True, timeout=60,
                          env={**os.environ, **variables}).stdout


def test_show_stat_is_haproxys_table(site):
    balancer = site.start()
    site.get()
    header, *rows = balancer.ask("show stat").split("\n")
    assert header == GOLDEN
    assert rows[-2:] == ["", ""], "an empty line ends each answer"
    rows = [row.split(",") for row in rows[:-2]]
    assert [row[:2] for row in rows] == [["https", "FRONTEND"], ["aegis", "aegis-01"], ["aegis", "aegis-02"], ["aegis", "BACKEND"]]
    assert {len(row) for row in rows} == {len(header.split(","))}
    assert balancer.stat("FRONTEND", "status", "https") == "OPEN"
    assert balancer.stat("aegis-01", "status") == "UP"
    assert balancer.stat("BACKEND", "stot") == "1"


def test_bytes_are_counted_to_the_last(site):
    hello = client_hello()

    def serve(s):
        with s:
            read_exactly(s, len(hello))
            s.sendall(bytes(12345))

    site.start_recorder(serve=serve)
    balancer = site.start_balancer(health='type = "none";', proxy_protocol="off",
                                   servers='{ name = "aegis-01"; address = "10.10.10.103:443"; }')
    with connect() as s:
        s.sendall(hello)
        assert len(read_all(s)) == 12345
    wait_until(lambda: balancer.stat("FRONTEND", "scur", "https") == "0", what="the connection to be over")
    for proxy, server in (("https", "FRONTEND"), ("aegis", "aegis-01"), ("aegis", "BACKEND")):
        assert (balancer.stat(server, "bin", proxy), balancer.stat(server, "bout", proxy)) == (str(len(hello)), "12345")


def test_show_info_has_the_keys_that_tools_read(site):
    balancer = site.start()
    info = dict(line.split(": ", 1) for line in balancer.ask("show info").splitlines() if line)
    assert not [key for key in INFO_KEYS if key not in info or not info[key]]
    assert info["Pid"] == str(balancer.pid)


def test_json_forms(site):
    balancer = site.start()
    for command in ("show info json", "show stat json", "show health json", "show events json"):
        assert isinstance(json.loads(balancer.ask(command)), (dict, list)), command
    health = json.loads(balancer.ask("show health json"))
    assert [entry["server"] for entry in health] == ["aegis-01", "aegis-02"]


def test_several_commands_and_the_prompt(site):
    balancer = site.start()
    assert balancer.ask("show info;show stat").count("\n\n") == 2
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(balancer.socket)
        s.settimeout(30)
        s.sendall(b"prompt\n")
        assert s.recv(100) == b"\n> "
        s.sendall(b"get weight aegis/aegis-01\n")
        assert read_exactly(s, 17) == b"1 (initial 1)\n\n> "


@pytest.mark.parametrize("command, answer", [
    ("nonsense", "Unknown command"), ("get weight aegis/none", "No such server."), ("get weight none/x", "No such backend."),
    ("set server aegis state ready", "Require 'backend/server'.")])
def test_errors_in_haproxys_words(site, command, answer):
    assert answer in site.start().ask(command)


def test_socat_scripts(site):
    balancer = site.start()
    output = shell(f"echo 'disable server aegis/aegis-01; show stat' | socat - UNIX-CONNECT:{balancer.socket}")
    assert re.search(r"^aegis,aegis-01,(.*,)MAINT,", output, re.M)
    assert shell(f"echo 'enable server aegis/aegis-01' | socat - UNIX-CONNECT:{balancer.socket}") == "\n"
    balancer.wait_status("aegis-01", "UP")


def test_the_ansible_module_s_conversation(site):
    balancer = site.start()
    for command in ("get weight aegis/aegis-01", "enable server aegis/aegis-01", "set weight aegis/aegis-01 10",
                    "disable server aegis/aegis-01", "shutdown sessions server aegis/aegis-01"):
        assert balancer.ask(command) == ("1 (initial 1)\n\n" if command.startswith("get") else "\n"), command
    assert balancer.ask("get weight aegis/aegis-01") == "10 (initial 1)\n\n"
    assert balancer.log().count('admin: "') == 4


def test_servers_come_and_go_at_run_time(site):
    balancer = site.start(servers='{ name = "aegis-01"; address = "10.10.10.103:443"; }')
    assert "aegis-02" not in balancer.ask("show stat")
    balancer.ask("add server aegis/aegis-02 10.10.10.104:443")
    balancer.wait_status("aegis-02", "MAINT")
    balancer.ask("set server aegis/aegis-02 state ready")
    balancer.wait_status("aegis-02", "UP")
    assert {site.get().split()[0] for _ in range(4)} == {"aegis-01", "aegis-02"}
    balancer.ask("set server aegis/aegis-02 state maint")
    wait_until(lambda: balancer.stat("aegis-02", "scur") == "0")
    assert balancer.ask("del server aegis/aegis-02").startswith(("\n", "Server deleted"))
    assert {site.get().split()[0] for _ in range(4)} == {"aegis-01"}


def test_shutdown_sessions_ends_what_is_open(site):
    site.start_recorder(serve=lambda s: (s.sendall(b"x"), read_all(s)))
    balancer = site.start_balancer(health='type = "none";', servers='{ name = "aegis-01"; address = "10.10.10.103:443"; }')
    with connect() as s:
        s.sendall(client_hello())
        assert s.recv(1) == b"x"
        assert "10.10.10.50" in balancer.ask("show sess")
        balancer.ask("shutdown sessions server aegis/aegis-01")
        s.settimeout(30)
        try:
            assert s.recv(1) == b""
        except ConnectionResetError:
            pass


def test_a_stuck_reader_stalls_nobody(site):
    """It asks for far more than fits into its socket, and does not read."""
    balancer = site.start()
    with socket.socket(socket.AF_UNIX) as stuck:
        stuck.connect(balancer.socket)
        stuck.setblocking(False)
        stuck.sendall(b"prompt\n")
        try:
            while True:
                stuck.send(b"show stat\n" * 100)
        except BlockingIOError:
            pass
        for _ in range(5):
            assert site.get().split()[1] == "aegisagent.ai"
            assert balancer.ask("show info").startswith("Name:")


def test_hatop_shows_the_servers(site, tmp_path):
    """Its screen, as a terminal of 120 columns has it."""
    balancer = site.start()
    tmux = f"tmux -S {tmp_path}/tmux -f /dev/null"
    try:
        shell(f"{tmux} new-session -d -x 120 -y 40 'TERM=screen hatop -s {balancer.socket}; sleep 60'", LC_ALL="C.UTF-8")
        screen = wait_until(lambda: (text := shell(f"{tmux} capture-pane -p")) if "aegis-02" in
                            shell(f"{tmux} capture-pane -p") else None, 15, "aegis-02 on hatop's screen")
        assert re.search(r"aegis-01 .*UP", screen) and "BACKEND" in screen and "lb-01" in screen, screen
    finally:
        shell(f"{tmux} kill-server || :")


def test_the_prometheus_exporter_understands(site, tmp_path):
    balancer = site.start()
    site.get()
    exporter = subprocess.Popen(["prometheus-haproxy-exporter", f"--haproxy.scrape-uri=unix:{balancer.socket}",
                                 "--web.listen-address=127.0.0.1:9101"], stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
    try:
        def metrics():
            try:
                return site.curl("http://127.0.0.1:9101/metrics")
            except subprocess.CalledProcessError:
                return None
        text = wait_until(metrics, what="the exporter")
    finally:
        exporter.kill()
        exporter.wait()
    assert re.search(r"^haproxy_up 1$", text, re.M)
    for server in ("aegis-01", "aegis-02"):
        assert re.search(rf'^haproxy_server_up{{backend="aegis",server="{server}"}} 1$', text, re.M)
    assert re.search(r'^haproxy_frontend_connections_total{frontend="https"} 1$', text, re.M)
    assert re.search(r"^haproxy_exporter_csv_parse_failures_total 0$", text, re.M)


def test_aegisctl_status(site):
    balancer = site.start()
    result = aegisctl(balancer)
    first_words = [line.split()[:1] for line in result.stdout.splitlines()]
    assert result.returncode == 0
    assert first_words == [line.split()[:1] for line in aegisctl(balancer, "status").stdout.splitlines()]
    assert "\x1b" not in result.stdout
    for part in ("https", "aegis", "aegis-01", "aegis-02", "UP"):
        assert part in result.stdout
    site.backends["aegis-02"].kill()
    balancer.wait_status("aegis-02", "DOWN")
    assert re.search(r"aegis-02.*DOWN", aegisctl(balancer, "status").stdout)


def test_aegisctl_drain_and_ready(site):
    balancer = site.start()
    assert aegisctl(balancer, "drain", "aegis/aegis-01").returncode == 0
    balancer.wait_status("aegis-01", "DRAIN")
    assert aegisctl(balancer, "ready", "aegis/aegis-01").returncode == 0
    balancer.wait_status("aegis-01", "UP")


def test_aegisctl_s_exit_status_tells(site, tmp_path):
    balancer = site.start()
    assert aegisctl(balancer, "drain", "aegis/none").returncode != 0
    assert aegisctl(balancer, "nonsense").returncode != 0
    nobody = subprocess.run([AEGISCTL, "-s", str(tmp_path / "none"), "status"], capture_output=True, text=True)
    assert nobody.returncode != 0 and "none" in nobody.stderr


@pytest.mark.skipif(SANITIZED, reason="keeps freed memory")
def test_changes_cost_an_idle_node_no_memory(site):
    """Workers that sleep let go of old views all the same."""
    balancer = site.start_balancer(health='type = "none";', servers=",".join(
        f'{{ name = "s{n}"; address = "10.10.10.103:{1000 + n}"; }}' for n in range(500)))
    balancer.ask("set weight aegis/s0 2; set weight aegis/s0 1")
    before = balancer.resident_bytes()
    for _ in range(10):
        balancer.ask("; ".join(f"set weight aegis/s0 {2 + n % 2}" for n in range(20)))
    assert balancer.resident_bytes() - before < 2 << 20


def test_explain_and_routes(site):
    balancer = site.start()
    assert "*.aegisagent.ai" in balancer.ask("show routes")
    assert "aegis-01" in aegisctl(balancer, "explain", "code.aegisagent.ai").stdout


def test_events_remember_what_happened(site):
    balancer = site.start()
    site.backends["aegis-01"].kill()
    balancer.wait_status("aegis-01", "DOWN")
    assert re.search(r"aegis/aegis-01.*DOWN", balancer.ask("show events"))


def test_refused_hellos_are_shown(site):
    balancer = site.start()
    with connect() as s:
        s.sendall(client_hello("example.org"))
        read_all(s)
    assert wait_until(lambda: "example.org" in balancer.ask("show errors"), what="the hello in show errors")

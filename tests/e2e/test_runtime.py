"""What operators change at run time: it holds, it outlives a restart, and HAProxy would have answered the same."""

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess

import pytest

from actors import Balancer
from lab import Process, wait_until
from test_status import aegisctl, shell
from wire import read_all

HAPROXY = shutil.which("haproxy", path="/usr/sbin:/usr/bin")
HAPROXY_CONF = """
global
    stats socket {socket} mode 600 level admin
defaults
    mode tcp
    timeout connect 1s
    timeout client 9s
    timeout server 9s
frontend https
    bind 127.0.0.1:4443
    default_backend aegis
backend aegis
    balance roundrobin
    server aegis-01 10.10.10.103:443
    server aegis-02 10.10.10.104:443
"""
# One line each, in this order, to both programs: the answers must be the same, byte for byte.
CONVERSATION = """
get weight aegis/aegis-01
get weight aegis/none
get weight none/aegis-01
get weight aegis-01
set weight aegis/aegis-01
set weight aegis/aegis-01 7;get weight aegis/aegis-01
set weight aegis/aegis-01 300%;get weight aegis/aegis-01
set weight aegis/aegis-01 257
set weight aegis/aegis-01 -1%
set server aegis/aegis-01 weight 1;get weight aegis/aegis-01
set server aegis/aegis-01 state
set server aegis/aegis-01 state drain
set server aegis/aegis-01 state maint
set server aegis/aegis-01 state ready
set server
set server aegis
set server aegis/aegis-01 addr
set server aegis/aegis-01 addr nowhere
set server aegis/aegis-01 addr 10.10.10.103
set server aegis/aegis-01 addr 10.10.10.109 port 444
set server aegis/aegis-01 addr 10.10.10.103 port 443
set server aegis/aegis-01 addr 10.10.10.103 port x
disable server aegis/aegis-02
enable server aegis/aegis-02
enable server
shutdown sessions server aegis/aegis-02
shutdown sessions server aegis/none
shutdown session
shutdown session 0x123
add server aegis/new
add server aegis/aegis-01 10.10.10.105:443
add server aegis/a,b 10.10.10.105:443
add server aegis/new 10.10.10.105:443 nonsense
add server aegis/new 10.10.10.105:443 weight 3
get weight aegis/new
enable server aegis/new
del server aegis/new;disable server aegis/new;del server aegis/new
del server aegis/new
set timeout
set timeout cli
set timeout cli 60
set timeout cli x
set severity-output
set severity-output number;get weight aegis/none;set server aegis/aegis-01 addr 10.10.10.103
clear counters
clear counters all
show backend
show cli level
show servers state none
show stat -1 0 99
prompt;get weight aegis/aegis-01;quit
operator;show cli level;set weight aegis/aegis-01 2;user;show sess
""".strip().splitlines()
# HAProxy leaves the empty line out after a few of its messages.
WITHOUT_EMPTY_LINE = {line for line in CONVERSATION if re.match("(add|del) server", line)}


@pytest.mark.skipif(not HAPROXY, reason="haproxy is not installed")
def test_haproxy_answers_the_same(site, tmp_path):
    balancer = site.start(health='type = "none";')
    path = tmp_path / "haproxy.sock"
    conf = tmp_path / "haproxy.cfg"
    conf.write_text(HAPROXY_CONF.format(socket=path))
    haproxy = Process(site.machine("balancer"), tmp_path / "haproxy", HAPROXY, "-db", "-f", str(conf))

    def ask_haproxy(line):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            s.connect(str(path))
            s.sendall(line.encode() + b"\n")
            return read_all(s).decode()

    try:
        wait_until(path.exists, what="haproxy's socket")
        for line in CONVERSATION:
            theirs, ours = ask_haproxy(line), balancer.ask(line)
            assert ours.split() == theirs.split(), line
            assert ours == theirs or line in WITHOUT_EMPTY_LINE, line
    finally:
        haproxy.kill()


def test_what_was_set_outlives_kill_9(site):
    balancer = site.start()
    balancer.wait_status("aegis-01", "UP")
    assert balancer.ask("set server aegis/aegis-01 state drain;set weight aegis/aegis-02 9") == "\n\n"
    assert balancer.ask("add server aegis/aegis-03 10.10.10.104:443 weight 4;enable server aegis/aegis-03")
    balancer.send(signal.SIGKILL)
    balancer.exit_status()
    balancer = site.start_balancer()
    balancer.wait_status("aegis-01", "DRAIN")
    assert balancer.ask("get weight aegis/aegis-02") == "9 (initial 1)\n\n"
    balancer.wait_status("aegis-03", "UP")


def test_a_torn_state_file_is_set_aside(site):
    balancer = site.start()
    balancer.ask("disable server aegis/aegis-01")
    balancer.send(signal.SIGTERM)
    balancer.exit_status()
    state = balancer.folder / "state" / "state.json"
    state.write_text(state.read_text()[:-20])
    balancer = site.start_balancer()
    balancer.wait_status("aegis-01", "UP")
    assert "state.json.bad" in balancer.log()
    assert state.with_name("state.json.bad").exists() and not state.exists()


def test_a_socket_that_answers_is_not_taken_over(site):
    balancer = site.start()
    second = Balancer(site, wait=False, more="", listener="", timeouts="")
    assert second.exit_status() == 71
    assert re.search(r"aegislb: .*in use|aegislb: .*another process answers", second.log())
    assert balancer.answers()


def test_a_stale_socket_is_replaced_and_taken_away(site):
    balancer = site.start()
    balancer.send(signal.SIGKILL)
    balancer.exit_status()
    assert stat.S_ISSOCK(os.stat(balancer.socket).st_mode)
    balancer = site.start_balancer()
    assert stat.S_IMODE(os.stat(balancer.socket).st_mode) == 0o660
    balancer.send(signal.SIGTERM)
    assert balancer.exit_status() == 0
    assert not os.path.exists(balancer.socket)


def test_changes_are_logged_with_who_made_them(site):
    balancer = site.start()
    ours = os.getuid(), os.getpid()
    balancer.ask('set server aegis/aegis-01 state "drain\x1b')
    balancer.wait_log(r'notice admin: "set server aegis/aegis-01 state \\x22drain\\x1b" by uid %d pid %d' % ours)
    before = balancer.log().count(" admin: ")
    balancer.ask("get weight aegis/aegis-01;show stat;prompt;set timeout cli 9;quit")
    assert balancer.log().count(" admin: ") == before


def test_hatop_s_keys_disable_and_enable(site, tmp_path):
    balancer = site.start()
    balancer.wait_status("aegis-01", "UP")
    tmux = f"tmux -S {tmp_path}/tmux -f /dev/null"
    try:
        shell(f"{tmux} new-session -d -x 120 -y 40 'TERM=screen hatop -s {balancer.socket}; sleep 60'", LC_ALL="C.UTF-8")
        wait_until(lambda: "aegis-02" in shell(f"{tmux} capture-pane -p"), 15, "hatop's screen")
        shell(f"{tmux} send-keys Down Down Down Down")
        shell(f"{tmux} send-keys F10")
        balancer.wait_log(r'admin: "disable server aegis/aegis-0[12]"')
        shell(f"{tmux} send-keys F9")
        balancer.wait_log(r'admin: "enable server aegis/aegis-0[12]"')
    finally:
        shell(f"{tmux} kill-server || :")


def test_diagnose_finds_the_cause(site):
    balancer = site.start()
    site.backends["aegis-02"].kill()
    balancer.wait_status("aegis-02", "DOWN")
    wait_until(lambda: balancer.stat("aegis-02", "check_status") == "L4CON", what="a check to be refused")
    balancer.ask("disable server aegis/aegis-01")
    text = aegisctl(balancer, "diagnose", "Code.AegisAgent.ai").stdout
    assert "route of line" in text
    assert re.search(r"aegis/aegis-02 is DOWN \(.*refused.* at 10.10.10.104:443\): nothing listens there", text), text
    assert "aegis/aegis-01 is in maintenance by an operator: `set server aegis/aegis-01 state ready` ends it" in text
    assert "no listener has a route" in aegisctl(balancer, "diagnose", "example.org").stdout


def test_aegisctl_passes_any_line_on(site):
    balancer = site.start()
    assert aegisctl(balancer, "show info;show version").stdout.count("Name: aegislb") == 1
    assert json.loads(aegisctl(balancer, "show", "cluster", "json").stdout)["node"] == "lb-01"
    assert aegisctl(balancer, "set", "weight", "aegis/aegis-01;aegis/aegis-02", "3").returncode == 1
    assert aegisctl(balancer, "drain").returncode == 64
    assert "Traceback" not in aegisctl(balancer, "events", "5").stdout
    assert re.search(r"Z  started$", aegisctl(balancer, "events").stdout, re.M)


def test_aegisctl_watch_shows_it_again(site):
    balancer = site.start()
    watch = subprocess.Popen(["timeout", "60", os.environ.get("AEGISCTL", "aegisctl"), "-s", balancer.socket, "watch", "1"],
                             stdout=subprocess.PIPE, text=True)
    try:
        nodes = 0
        while nodes < 2:
            line = watch.stdout.readline()
            assert line, "it ended"
            nodes += line.startswith("lb-01 ")
    finally:
        watch.terminate()
        watch.wait()

"""kill -9 at any moment: what was answered is kept, and the state file always loads. And a worker that is stuck."""

import contextlib
import ctypes
import os
import random
import re
import signal
import socket
import threading
import time

import pytest

from lab import SANITIZED, SLOW, libc, wait_until
from test_process import ONE_SERVER

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WALL = 0x40000000


class Operator(threading.Thread):
    """Changes one thing after the other, as fast as it is answered; keeps what was answered."""

    def __init__(self, balancer, begin):
        super().__init__(daemon=True)
        self.balancer, self.begin = balancer, begin
        self.asked = self.answered = begin
        self.start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                self.asked += 1
                n = self.asked
                answer = self.balancer.ask(f"set weight aegis/aegis-01 {n % 256};ban 192.0.2.{n % 256} for 1h n{n};"
                                           f"set server aegis/aegis-01 state {('ready', 'drain')[n % 2]}")
                if answer.count("\n") < 3:  # the connection ended before the last of them was answered
                    return
                assert "n" not in answer.replace("\n", "") or "banned" in answer.lower(), answer
                self.answered = n


def kept(balancer):
    """(weight, drained, bans with their reasons)."""
    weight = int(re.match(r"(\d+) ", balancer.ask("get weight aegis/aegis-01"))[1])
    drained = balancer.stat("aegis-01", "status") == "DRAIN"
    return weight, drained, balancer.ask("show bans")


def kill_at_random(site, times):
    rng, n = random.Random(7), 0
    balancer = site.start_balancer(**ONE_SERVER)
    for _ in range(times):
        operator = Operator(balancer, n)
        wait_until(lambda: operator.answered > n, what="an answer")
        time.sleep(rng.random() * 0.05 * SLOW)  # any moment will do
        balancer.send(signal.SIGKILL)
        balancer.exit_status()
        operator.join(10 * SLOW)
        assert not operator.is_alive()
        balancer = site.start_balancer(**ONE_SERVER)
        weight, drained, bans = kept(balancer)
        # The last that was answered is there; of the one that was not, any part may be.
        assert weight in (operator.answered % 256, operator.asked % 256), (operator.answered, operator.asked, weight)
        assert drained in (operator.answered % 2 == 1, operator.asked % 2 == 1)
        assert f"192.0.2.{operator.answered % 256}" in bans
        assert f"n{operator.answered}" in bans or f"n{operator.asked}" in bans
        assert "state.json.bad" not in balancer.log()
        n = operator.asked
    assert n > times


def test_what_was_answered_outlives_kill_9_at_any_moment(site):
    kill_at_random(site, 20 if not SANITIZED else 5)


@pytest.mark.long
def test_what_was_answered_outlives_500_times_kill_9(site):
    kill_at_random(site, 500)


@pytest.mark.parametrize("text", ["", "\0" * 4096, '{"version": 99, "lines": 0}\n', '{"version": 2', "<html>\n",
                                  '{"version": 2, "node": "x", "lines": 1}\n{"kind": 2, "key": "a"}\n'])
def test_a_foreign_state_file_is_set_aside_and_never_fatal(site, text):
    folder = site.folder / "balancer" / "state"
    folder.mkdir(parents=True)
    (folder / "state.json").write_text(text)
    balancer = site.start_balancer(**ONE_SERVER)
    balancer.wait_log(r"state.json cannot be used \(.*\): set aside as .*state.json.bad")
    assert (folder / "state.json.bad").read_text() == text
    assert balancer.ask("set weight aegis/aegis-01 9").strip() == ""
    balancer.send(signal.SIGKILL)
    balancer.exit_status()
    balancer = site.start_balancer(**ONE_SERVER)
    assert balancer.ask("get weight aegis/aegis-01").startswith("9 ")


# --- the watchdog ---


@contextlib.contextmanager
def held(thread):
    """One thread of another process does not run in this block."""
    def ptrace(request):
        if libc.ptrace(request, thread, None, None) < 0:
            raise OSError(ctypes.get_errno(), "ptrace")

    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long
    try:
        ptrace(PTRACE_SEIZE)
    except PermissionError:
        pytest.skip("ptrace is not allowed here")
    ptrace(PTRACE_INTERRUPT)
    os.waitpid(thread, WALL)
    try:
        yield
    finally:
        ptrace(PTRACE_DETACH)


def worker_threads(balancer):
    """Those that run workers; one at least."""
    def name(thread):
        return open(f"/proc/{balancer.pid}/task/{thread}/comm").read()

    threads = wait_until(lambda: [t for t in os.listdir(f"/proc/{balancer.pid}/task") if name(t).startswith("worker ")],
                         what="a thread with the name of a worker")
    return [int(t) for t in threads]


def drain(s):
    """What has come."""
    received, limit = [], s.gettimeout()
    s.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            received.append(s.recv(4096))
    s.settimeout(limit)
    return received


def test_the_watchdog_is_fed_only_while_every_worker_turns(site):
    path = str(site.folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(path)
        notify.settimeout(10 * SLOW)
        balancer = site.start_balancer(prefix=("env", f"NOTIFY_SOCKET={path}"), **ONE_SERVER)
        while b"WATCHDOG=1" not in notify.recv(4096):
            pass
        worker = worker_threads(balancer)[0]
        with held(worker):
            balancer.wait_log(r"error control: worker \d has not passed through its loop for \d s", 30)
            drain(notify)
            told = balancer.ask("show info")
            time.sleep(2.5)  # more than two meals
            assert b"WATCHDOG=1" not in drain(notify)
            assert told.startswith("Name:")  # control itself goes on
        balancer.wait_log(r"notice control: worker \d goes on")
        while b"WATCHDOG=1" not in notify.recv(4096):
            pass

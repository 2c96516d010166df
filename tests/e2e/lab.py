"""The lab: a client, a balancer and two backends on one wire, and processes on them.

A machine is a network namespace held by a sleeping process. It has no name, so that runs never meet, and the kernel
removes it when its process ends: and that, as everything started here, ends with this process even if it is killed.
The test itself stands on the client. Conditions are waited for (`wait_until`), never slept for.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import time

SANITIZED = bool(os.environ.get("AEGISLB_SANITIZED"))  # its memory and speed say nothing then
SLOW = float(os.environ.get("AEGISLB_SLOW", "4" if SANITIZED else "1"))  # stretches what is waited for at most
ADDRESSES = {"client": 50, "balancer": 10, "aegis-01": 103, "aegis-02": 104}
BALANCER, BALANCER6 = "10.10.10.10", "2001:db8:10::10"

libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent():
    libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def wait_until(condition, seconds=10, what="the condition"):
    """The first true value of condition(); fails after some seconds."""
    deadline = time.monotonic() + seconds * SLOW
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {seconds * SLOW:.0f} s in vain for {what}"
        time.sleep(0.01)
    return value


class Machine:
    """One network namespace."""

    def __init__(self):
        home = os.stat("/proc/thread-self/ns/net").st_ino
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"], preexec_fn=die_with_parent)
        path = f"/proc/{self.holder.pid}/ns/net"
        wait_until(lambda: os.stat(path).st_ino != home, what="a network namespace")
        self.fd = os.open(path, os.O_RDONLY)

    def end(self):
        os.close(self.fd)
        self.holder.kill()
        self.holder.wait()


def enter(fd):
    if libc.setns(fd, 0x40000000) != 0:  # CLONE_NEWNET, of this thread alone
        raise OSError(ctypes.get_errno(), "setns")


@contextlib.contextmanager
def inside(machine):
    """What is opened or started in this block belongs to that machine."""
    back = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    enter(machine.fd)
    try:
        yield
    finally:
        enter(back)
        os.close(back)


def ip(command):
    subprocess.run(["ip", *command.split()], check=True)


def pace_by_acknowledgements():
    """Where the machine's default is BBR, its estimate of a link with segments of 64 KiB and a receiver that rests can
    fall to some kbit/s: the sender's kernel then stands still for seconds, with an open window and full buffers."""
    with open("/proc/sys/net/ipv4/tcp_congestion_control", "w") as setting:
        setting.write("reno")


class Network:
    """The machines, on one switch, each with 10.10.10.N and 2001:db8:10::N."""

    def __init__(self, addresses=None):
        self.addresses = dict(addresses or ADDRESSES)
        self.machines = {}

    def __enter__(self):
        self.home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self.machines = {name: Machine() for name in ["switch", *self.addresses]}
        with inside(self.machines["switch"]):
            ip("link add wire up type bridge")
        for name, number in self.addresses.items():
            self.connect(name, number)
        enter(self.machines["client"].fd)
        return self

    def connect(self, name, number):
        switch = self.machines["switch"]
        with inside(self.machines[name]):
            pace_by_acknowledgements()
            ip("link set lo up")
            ip(f"link add eth0 type veth peer name {name} netns {switch.holder.pid}")
            ip(f"address add 10.10.10.{number}/24 dev eth0")
            ip(f"address add 2001:db8:10::{number}/64 dev eth0 nodad")
            ip("link set eth0 up")
        with inside(switch):
            ip(f"link set {name} up master wire")

    def __exit__(self, *_):
        enter(self.home)
        os.close(self.home)
        for machine in self.machines.values():
            machine.end()


class Process:
    """A program on a machine; what it prints is in `log()`."""

    def __init__(self, machine, folder, *command, **options):
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.path = folder / "output.log"
        with inside(machine), open(self.path, "ab") as output:
            self.popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                          preexec_fn=die_with_parent, **options)
        self.pid = self.popen.pid

    def log(self):
        return self.path.read_text(errors="replace")

    def running(self):
        return self.popen.poll() is None

    def send(self, number):
        self.popen.send_signal(number)

    def exit_status(self, seconds=10):
        return self.popen.wait(seconds * SLOW)

    def kill(self):
        self.popen.kill()
        self.popen.wait()

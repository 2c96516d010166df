"""Processes of a benchmark: started on a core of their own, accounted for by the kernel, ended whatever happens."""

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import time
from pathlib import Path

# Each gets as many descriptors: some size their tables by it.
DESCRIPTORS = min(20000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])

libc = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    """Why a measurement does not count."""


def wait_until(condition, what, seconds=10):
    """The first true value of condition(); a Failure after some seconds."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise Failure(f"waited {seconds} s in vain for {what}")
        time.sleep(0.005)
    return value


def go_first():
    """Ahead of whatever else the machine does, where that is permitted."""
    with contextlib.suppress(OSError):
        os.nice(-20)
        Path("/proc/self/autogroup").write_text("-20")


class Process:
    """A program on one core, or several, leader of a session of its own, in a `with`. Its stderr is kept in a file, and it
    runs in that file's folder."""

    def __init__(self, argv, core, log, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE):
        def prepare():
            libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: does not outlive the runner
            os.sched_setaffinity(0, {core} if isinstance(core, int) else core)
            go_first()
            resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))

        self.name = Path(argv[0]).name
        self.log = Path(log)
        with self.log.open("ab") as stderr:
            self.popen = subprocess.Popen(argv, stdin=stdin, stdout=stdout, stderr=stderr, text=True,
                                          cwd=self.log.parent, start_new_session=True, preexec_fn=prepare)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self, seconds=3):
        """TERM, and KILL for it and for whatever it has started."""
        if self.popen.poll() is None:
            self.popen.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.popen.wait(seconds)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()
        for stream in (self.popen.stdin, self.popen.stdout):
            if stream:
                stream.close()

    def last_words(self):
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return "; ".join(lines[-3:]) or "it said nothing"

    def is_alive(self):
        return self.popen.poll() is None

    def tree(self):
        """The ids of the process and of all that descend from it."""
        ids, todo = [], [self.popen.pid]
        while todo:
            pid = todo.pop()
            ids.append(pid)
            for task in Path(f"/proc/{pid}/task").iterdir():
                todo += map(int, (task / "children").read_text().split())
        return ids

    def cpu_ns(self):
        """User and system time so far, of all threads of all processes; exact for those that sleep."""
        tasks = [task for pid in self.tree() for task in Path(f"/proc/{pid}/task").iterdir()]
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)

    def settled_cpu_ns(self):
        """The same once it has nothing more to do: less than 0.5 % of the time, or after a second."""
        deadline = time.monotonic() + 1
        before = self.cpu_ns()
        while True:
            time.sleep(0.01)
            now = self.cpu_ns()
            if now - before < 50_000 or time.monotonic() > deadline:
                return now
            before = now

    def memory_bytes(self, kind):
        """Resident memory: all of it (Rss), or a page shared with other processes by its share (Pss)."""
        rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self.tree()]
        return sum(1024 * int(line.split()[1]) for text in rollups for line in text.splitlines()
                   if line.startswith(f"{kind}:"))


def busy_ns(core):
    """What the kernel counted on this core for everybody, to a clock tick."""
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith(f"cpu{core} "):
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, line.split()[1:9])
            ticks = user + nice + system + irq + softirq + steal
            return ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    return 0

"""What a balancer does while it is measured: its system calls, and where its time goes."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from process import Failure, Process, wait_until


@contextlib.contextmanager
def traced(proxy, folder):
    """A dict that holds the system calls made meanwhile, by name, once the block has ended."""
    calls, summary = {}, Path(folder) / "strace"
    argv = ["strace", "-c", "-f", "-q", "-o", str(summary)]
    for pid in proxy.tree():
        argv += ["-p", str(pid)]
    with Process(argv, min(os.sched_getaffinity(0)), Path(folder) / "strace.log") as strace:
        status = Path(f"/proc/{proxy.popen.pid}/status")
        wait_until(lambda: "TracerPid:\t0\n" not in status.read_text() or not strace.is_alive(), "strace to attach")
        if not strace.is_alive():
            raise Failure(f"strace: {strace.last_words()}")
        yield calls
        strace.popen.send_signal(signal.SIGINT)
        strace.popen.wait(10)
    for line in summary.read_text().splitlines():
        cells = line.split()
        if len(cells) >= 5 and cells[3].isdigit() and cells[-1] != "total":
            calls[cells[-1]] = int(cells[3])


@contextlib.contextmanager
def profiled(proxy, folder):
    """A dict that holds where the time went, once the block has ended: the share of each library and of the kernel, and of the
    ten busiest functions, in per cent."""
    seen, data = {}, Path(folder) / "perf.data"
    argv = ["perf", "record", "-q", "-e", "cpu-clock", "-F", "5000", "-o", str(data), "-p", str(proxy.popen.pid)]
    with Process(argv, min(os.sched_getaffinity(0)), Path(folder) / "perf.log") as perf:
        wait_until(lambda: data.exists() or not perf.is_alive(), "perf to attach")
        time.sleep(0.3)  # it tells nobody when it has
        if not perf.is_alive():
            raise Failure(f"perf: {perf.last_words()}")
        yield seen
        perf.popen.send_signal(signal.SIGINT)
        perf.popen.wait(10)
    seen["places"], seen["functions"] = shares(data, "dso"), shares(data, "sym")[:10]


def shares(data, by):
    """[name, per cent], the largest first. The balancer's own name says nothing of whose functions they are."""
    argv = ["perf", "report", "-i", str(data), "--stdio", "-F", f"overhead,{by}", "-g", "none", "--no-children"]
    text = subprocess.run(argv, capture_output=True, text=True, timeout=60).stdout
    lines = [line.split(None, 1) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [[name.strip().removeprefix("[k] ").removeprefix("[.] "), float(share.rstrip("%"))] for share, name in lines]

"""One measurement: a fresh sink, a fresh balancer, a load through both; what it took; and whether both ends counted
the same. The balancer has a core for itself, the load generator and the sink share another."""

import contextlib
import json
import os
import socket
import subprocess
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

from process import Failure, Process, busy_ns, wait_until
from web import Answerer, ask, make_certificates
from workloads import is_web

SECONDS = 60  # no load and no sink lives longer


class Ports:
    """Ports of loopback that are free to listen on, below those the kernel gives to clients."""

    def __init__(self):
        self.last = 2000

    def free(self):
        while True:
            self.last = self.last + 1 if self.last < 9999 else 2000
            with contextlib.suppress(OSError), socket.socket() as probe:
                probe.bind(("127.0.0.1", self.last))
                return self.last


def is_listening(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


class Load:
    """The load generator at work; `result` once every exchange is over, connections may still be held."""

    def __init__(self, bench, workload, port, connections):
        argv = [bench.programs / "load", f"--port={port}", f"--exchange={words(workload.exchange)}",
                f"--connections={connections}", f"--parallel={workload.parallel}", f"--seconds={SECONDS}"]
        argv += [f"--rate={workload.rate}"] if workload.rate else []
        argv += ["--split"] if workload.split else []
        argv += ["--hold"] if workload.hold else []
        self.process = Process(list(map(str, argv)), bench.load_core, bench.folder / "load.log",
                               stdin=subprocess.PIPE)

    def __enter__(self):
        line = self.process.popen.stdout.readline()
        if not line:
            self.process.end()
            raise Failure(f"no report of the load generator: {self.process.last_words()}")
        self.result = json.loads(line)
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.process.popen.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.popen.wait(10)
        self.process.end()
        if self.result["failed"]:
            raise Failure(f"{self.result['failed']} connections failed: {self.process.last_words()}")


def words(exchange):
    return ",".join(f"{key}={value}" for key, value in exchange.items())


class Bench:
    """The place of the measurements: programs, cores, a temporary folder, and how busy others kept the core."""

    def __init__(self, programs, web_peers, workers=1):
        cores = sorted(os.sched_getaffinity(0))
        self.programs = Path(programs).resolve()
        self.web_peers, self.workers = web_peers, workers
        self.load_core, self.proxy_core = cores[0], cores[-1]
        self.cores = set(cores)
        self.proxy_cores = {self.proxy_core} if workers == 1 else self.cores
        self.ports = Ports()
        self.foreign_ns = self.own_ns = 0

    def __enter__(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="aegislb-bench.")
        self.folder = Path(self.temporary.name)
        make_certificates(self.folder)
        os.sched_setaffinity(0, {self.load_core})
        return self

    def __exit__(self, *_):
        self.temporary.cleanup()

    def measure(self, peer, workload, watch=None, held=0):
        """The figures of one run: cpu (ns a unit), p50 and p99 (us), for held connections idle and rest (bytes); with
        watch (traced, profiled), what that has seen. No peer: straight to the sink. `held` connections stay open meanwhile."""
        if is_web(workload):
            return self.measure_web(self.web_peers[peer.name], workload, watch)
        argv = [str(self.programs / "sink"), f"--exchange={words(workload.exchange)}", f"--seconds={3 * SECONDS}"]
        with Process(argv, self.load_core, self.folder / "sink.log", stdin=subprocess.PIPE) as sink:
            server = int(sink.popen.stdout.readline() or 0)
            if peer:
                with self.start(peer, server) as (proxy, port), self.holding(workload, port, held) as before:
                    figures, results = self.load(workload, port, proxy, watch)
                    results += before
            else:
                figures, results = self.load(workload, server, None, None)
            sink.popen.stdin.close()
            counted = json.loads(sink.popen.stdout.readline() or "{}")
        compare(results, counted)
        return figures

    @contextlib.contextmanager
    def holding(self, workload, port, n):
        """So many more connections, open for the block; what the load generator counted of them."""
        if n == 0:
            yield []
            return
        with Load(self, replace(workload, hold=True), port, n) as load:
            yield [load.result]

    @contextlib.contextmanager
    def on_cores(self, are_all):
        """The balancers of the block may use all cores, or only their own."""
        before = self.proxy_cores
        self.proxy_cores = self.cores if are_all else before
        try:
            yield
        finally:
            self.proxy_cores = before

    @contextlib.contextmanager
    def beside(self, call, rate):
        """During the block `call` is made so many times a second, from a thread, as soon as somebody answers it."""
        over, answered = threading.Event(), []

        def run():
            while rate and not over.wait(1 / rate):
                with contextlib.suppress(OSError):
                    answered.append(call())

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
        if rate and not answered:
            raise Failure("nobody ever answered what was asked beside")

    def measure_web(self, peer, workload, watch=None):
        facts = {"certificate": self.folder / f"{workload.certificate}.pem", "size": workload.size}
        with Answerer(self, workload, 3 * SECONDS) as server:
            with self.start(peer, server.port, **facts) as (proxy, port):
                few = replace(workload, connections=workload.warm, rounds=min(workload.rounds, 20))
                results = [ask(self, few, port, SECONDS)] if workload.warm else []
                with self.accounted(proxy, workload, watch) as figures:
                    results.append(ask(self, workload, port, SECONDS))
            expected = sum(result["requests"] for result in results)
            if peer.name != "floor" and server.count() != expected:
                raise Failure(f"requests of the load {expected}, of the server behind another number")
        return figures

    @contextlib.contextmanager
    def accounted(self, proxy, workload, watch):
        """A dict that holds cpu of a unit, and what the watch has seen, once the block has ended."""
        figures = {}
        before, busy = proxy.settled_cpu_ns(), busy_ns(self.proxy_core)
        with watch(proxy, self.folder) if watch else contextlib.nullcontext({}) as seen:
            yield figures
            cpu = proxy.settled_cpu_ns() - before
        self.own_ns += cpu
        self.foreign_ns += max(0, busy_ns(self.proxy_core) - busy - cpu)
        figures["cpu"] = cpu / workload.units()
        figures["seen"] = seen

    @contextlib.contextmanager
    def start(self, peer, server, **facts):
        port = self.ports.free()
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            argv = peer.command(folder, port, server, workers=self.workers, **facts)
            with Process(argv, self.proxy_cores, Path(folder) / "stderr", stdout=subprocess.DEVNULL) as proxy:
                try:
                    wait_until(lambda: is_listening(port) or not proxy.is_alive(), f"{peer.name} to listen")
                    yield proxy, port
                finally:
                    if not proxy.is_alive():
                        raise Failure(f"{peer.name} ended by itself: {proxy.last_words()}")

    def load(self, workload, port, proxy, watch):
        """The figures, and what the load generators counted."""
        if workload.hold:
            return self.load_and_hold(workload, port, proxy)
        results = [self.load_once(workload, port, workload.warm)] if workload.warm else []
        if not proxy:
            results.append(self.load_once(workload, port, workload.connections))
            return latencies(results[-1]), results
        with self.accounted(proxy, workload, watch) as figures:
            results.append(self.load_once(workload, port, workload.connections))
        return latencies(results[-1]) | figures, results

    def load_once(self, workload, port, connections):
        with Load(self, workload, port, connections) as load:
            return load.result

    def load_and_hold(self, workload, port, proxy):
        """What the connections add to those of the warm-up, which stay open: so none is served from what those left."""
        rest = proxy.memory_bytes("Pss")
        with Load(self, workload, port, workload.warm) as first:
            before = proxy.memory_bytes("Rss")
            with Load(self, workload, port, workload.connections) as more:
                added = proxy.memory_bytes("Rss") - before
        return {"rest": rest, "idle": added / workload.connections}, [first.result, more.result]


def latencies(result):
    return {"p50": result["p50_us"], "p99": result["p99_us"]}


def compare(results, counted):
    """Both ends must have seen the same connections and bytes."""
    for of_load, of_sink in (("connections", "connections"), ("sent", "received"), ("received", "sent")):
        expected = sum(result[of_load] for result in results)
        if counted.get(of_sink) != expected:
            raise Failure(f"{of_load} of the load {expected}, {of_sink} of the sink {counted.get(of_sink)}")

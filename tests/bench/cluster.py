#!/usr/bin/python3
"""How fast, how quiet and how steady the cluster is, beside keepalived and serf, in network namespaces on one machine.
See README for how to read the table."""

import argparse
import contextlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from cluster_table import Goal, Table  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--aegislb", default="aegislb", help="the program to measure")
    parser.add_argument("--programs", default=HERE, help="where knock and forge were built")
    parser.add_argument("--only", type=lambda text: text.split(","), help=f"rows: {', '.join(ROW_NAMES)}")
    parser.add_argument("--peers", type=lambda text: text.split(","), help="e.g. aegislb,serf")
    parser.add_argument("--trials", type=int, default=10, help="how often each fault is made (10)")
    parser.add_argument("--minutes", type=float, default=1.0, help="how long losses are watched (1)")
    parser.add_argument("--json", metavar="FILE", help="write all samples there")
    return parser.parse_args()


ROW_NAMES = ["kill", "cut", "silence", "stop", "move", "answerers", "detect-3", "detect-20", "detect-100", "loss-2",
             "loss-3", "loss-5", "quiet-3", "quiet-20", "quiet-100", "forged", "flooded", "admin"]


class Bench:
    def __init__(self, options, table):
        self.options, self.table = options, table
        self.folder = Path(tempfile.mkdtemp(prefix="aegislb-cluster-"))
        self.count = 0

    @contextlib.contextmanager
    def town(self, peer, balancers, prepare=lambda town: None):
        from town import Town
        self.count += 1
        folder = self.folder / str(self.count)
        folder.mkdir()
        with Town(folder, balancers) as town:
            prepare(town)
            peer.start(town)
            try:
                yield town
            finally:
                peer.end()

    # --- how the address looks to clients while something happens ---

    def gaps(self, peer, title, goal, balancers, fault, mend, within=float("inf")):
        """What clients saw of each fault; and of each, how many were not let in, and how many were cut off."""
        samples, refused, cut_off = [], [], []
        with self.town(peer, balancers) as town:
            for _ in range(self.options.trials):
                owner = peer.owner()
                knocking = town.knock(timeout_ms=150)
                time.sleep(random.uniform(0.3, 0.4))
                at = time.monotonic()
                fault(town, peer, owner)
                town.wait_answer(seconds=30)
                time.sleep(peer.settle_s)
                samples.append(knocking.longest_ms(at, within))
                seen = knocking.end()
                refused.append(seen["refused"] + seen["timed_out"])
                cut_off.append(seen["closed"])
                mend(town, peer, owner)
                time.sleep(0.3)
        self.table.add(title, "ms", goal, peer.name, samples)
        return refused, cut_off

    def kill(self, peer):
        self.gaps(peer, "kill -9 of the owner: no answer for", Goal(60, 120), 3,
                  lambda town, p, owner: p.kill(owner), lambda town, p, owner: p.restart(owner))

    def cut(self, peer):
        def mend(town, p, owner):
            town.weather.heal()
            p.together()
        self.gaps(peer, "its cable cut: no answer for", Goal(300, 350), 3,
                  lambda town, p, owner: town.weather.pull(owner), mend)

    def silence(self, peer):
        def mend(town, p, owner):
            town.weather.heal()
            p.together()
        self.gaps(peer, "its host dead: no answer for", Goal(300, 350), 3,
                  lambda town, p, owner: town.weather.cut((owner, "*"), ("*", owner)), mend)

    def stop(self, peer):
        seen = self.gaps(peer, "it is asked to stop: no answer for", Goal(None, 5), 3,
                         lambda town, p, owner: p.stop(owner), lambda town, p, owner: p.restart(owner), within=0.7)
        self.planned("stop", peer, *seen)

    def move(self, peer):
        def move(town, p, owner):
            target = next(n for n in town.names if n != owner)
            answer = town.nodes[owner].ask(f"move vip 10.10.10.100 to {target}")
            assert f"is on {target}" in answer, answer
        seen = self.gaps(peer, "move vip: no answer for", Goal(None, 5), 3, move, lambda town, p, owner: None, within=0.7)
        self.planned("move", peer, *seen)

    def planned(self, what, peer, refused, cut_off):
        self.table.add(f"  {what}: connects refused or unanswered", "", Goal(None, 0), peer.name, refused)
        self.table.add(f"  {what}: connections cut that were under way", "", None, peer.name, cut_off)

    def answerers(self, peer):
        """After kill -9: how long two machines answer for the address."""
        samples = []
        with self.town(peer, 3) as town:
            for _ in range(self.options.trials):
                owner = peer.owner()
                at = time.monotonic()
                peer.kill(owner)
                town.wait_answer(seconds=30)
                time.sleep(0.2)
                two_until = at
                while time.monotonic() < at + max(5.0, peer.settle_s + 2):
                    if len(town.arp_answerers(wait=0.1)) > 1:
                        two_until = time.monotonic()
                    elif time.monotonic() > two_until + 1.5:
                        break
                samples.append(two_until - at)
                peer.restart(owner)
        self.table.add("two machines answer ARP for it, for", "s", Goal(None, 2.5), peer.name, samples)

    # --- who knows that somebody is dead ---

    def detect(self, peer, balancers, goal):
        silent, killed = [], []
        with self.town(peer, balancers) as town:
            for trial in range(self.options.trials):
                dead = town.names[trial % len(town.names)]
                others = [n for n in town.names if n != dead]
                time.sleep(random.uniform(0.5, 0.6))
                if peer.name != "serf":  # to serf a killed process and a dead host are the same
                    at = time.time()
                    town.weather.cut((dead, "*"), ("*", dead))
                    silent.append(max(peer.told_dead(n, dead, at) for n in others) - at)
                    town.weather.heal()
                    peer.together()
                    time.sleep(1)
                at = time.time()
                peer.kill(dead)
                killed.append(max(peer.told_dead(n, dead, at) for n in others) - at)
                peer.restart(dead)
        self.table.add(f"a host is dead, all of {balancers} know after", "ms", goal, peer.name,
                       [s * 1000 for s in silent or killed])
        self.table.add(f"a process is killed, all of {balancers} know after", "ms", None, peer.name,
                       [s * 1000 for s in killed])

    # --- how steady ---

    def loss(self, peer, balancers):
        """At 20 % loss between all nodes: how often somebody was wrongly replaced or called dead."""
        with self.town(peer, balancers) as town:
            if peer.moves_address:
                peer.owner()
            mark = time.time()
            town.weather.lose(20, *town.names)
            wrong = self.watch_wrong(peer, town, mark)
            town.weather.heal()
        self.table.add(f"20 % loss, {balancers} nodes, {self.options.minutes:g} min: false verdicts", "",
                       Goal(None, 0), peer.name, [wrong])

    def watch_wrong(self, peer, town, mark):
        end = time.monotonic() + self.options.minutes * 60
        if not peer.moves_address:
            time.sleep(end - time.monotonic())
            return sum(1 for watch in peer.watches.values() for at, line in list(watch.lines)
                       if at >= mark and "EventMemberFailed" in line)
        if not peer.knows_dead:
            changes, owners = 0, town.owners()
            while time.monotonic() < end:
                now = town.owners()
                changes += len(set(now) - set(owners))
                owners = now
            return changes
        time.sleep(end - time.monotonic())
        dead = [(at, line.split(" cluster: ")[1].split()[0]) for node in town.nodes.values()
                for at, line in node.lines(r" cluster: .*\) is dead") if at >= mark]
        wrong = [(at, name) for at, name in dead if not stood_still(town.nodes[name], at)]
        if len(wrong) < len(dead):
            print(f"  {len(dead) - len(wrong)} verdicts more were of nodes that this machine did not let run", flush=True)
        return len(wrong)

    # --- what it takes when nothing happens ---

    def quiet(self, peer, balancers, most_bytes, most_cpu):
        from town import cpu_seconds
        with self.town(peer, balancers) as town:
            time.sleep(5)
            before = {n: (self.sent(town, n), sum(map(cpu_seconds, peer.pids(n)))) for n in town.names}
            start = time.monotonic()
            time.sleep(20)
            took = time.monotonic() - start
            after = {n: (self.sent(town, n), sum(map(cpu_seconds, peer.pids(n)))) for n in town.names}
        sent = [(after[n][0] - before[n][0]) / took / 1000 for n in town.names]
        cpu = [(after[n][1] - before[n][1]) / took * 100 for n in town.names]
        self.table.add(f"{balancers} nodes at rest: each sends", "kB/s", Goal(None, most_bytes), peer.name, sent)
        self.table.add(f"{balancers} nodes at rest: each takes", "% CPU", Goal(most_cpu, None), peer.name, cpu)

    @staticmethod
    def sent(town, name):
        """Bytes that left the machine, Ethernet headers included."""
        with open(f"/proc/{town.machine(name).holder.pid}/net/dev") as file:
            line = next(line for line in file if line.strip().startswith("eth0:"))
        return int(line.split(":")[1].split()[8])

    def forged(self, peer):
        """100,000 datagrams a second that look right until they are opened."""
        from town import cpu_seconds
        with self.town(peer, 3) as town:
            victim = peer.owner()
            forging = self.forge(town, victim, 100000, 10)
            before, mark = cpu_seconds(peer.pids(victim)[0]), time.time()
            out, _ = forging.communicate()
            took = (cpu_seconds(peer.pids(victim)[0]) - before) / 10 * 100
            dead = sum(len([1 for at, _ in n.lines(r"\) is (dead|suspect)") if at >= mark]) for n in town.nodes.values())
            assert peer.owner() == victim
        self.table.add("100,000 forged datagrams a second", "% CPU", Goal(None, 50), peer.name, [took])
        self.table.add("  of which were sent a second", "", None, peer.name, [float(json.loads(out)["a_second"])])
        self.table.add("  nodes doubted meanwhile", "", Goal(None, 0), peer.name, [dead])

    def program(self, town, name, *argv, prefix=()):
        """One of the benchmark's programs on that machine."""
        from lab import die_with_parent, inside
        with inside(town.machine(name)):
            return subprocess.Popen([*prefix, str(Path(self.options.programs) / argv[0]), *argv[1:]], text=True,
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=die_with_parent)

    def forge(self, town, victim, rate, seconds):
        """Somebody sends it so many datagrams a second. What the cluster is called they have from one on the wire. They
        come from a machine of their own: of this one they take what the nodes and their clients leave."""
        _, _, _, payload = town.catch_datagrams(victim, 0.5)[0]
        return self.program(town, "client", "forge", f"10.10.10.{town.network.addresses[victim]}", "7946",
                            payload[8:16].hex(), f"{int(town.keys.split()[0], 16):08x}", str(rate), str(seconds),
                            prefix=("chrt", "--rr", "1") if os.sched_getscheduler(0) == os.SCHED_RR else ())

    def flooded(self, peer):
        """What clients notice of 50,000 forged datagrams a second: connections through a node with TLS passed through, a
        thousand a second, and in turn with the flood and without."""
        exchange, seconds = "hello=517,first=1024", 5
        figures = {}

        def prepare(town):
            self.sink = self.program(town, "lb-01", "sink", f"--exchange={exchange}", "--seconds=200")
            port = int(self.sink.stdout.readline())
            town.changes.update(proxy="off", health='type = "none";',
                                servers=f'{{ name = "sink"; address = "127.0.0.1:{port}"; }}')

        with self.town(peer, 3, prepare) as town:
            for trial in range(2 * self.options.trials):
                flood = self.forge(town, "lb-01", 50000, seconds + 1) if trial % 2 else None
                time.sleep(0.5)
                load = self.program(town, "lb-01", "load", "--port=443", f"--exchange={exchange}", "--parallel=1000",
                                    f"--connections={1000 * seconds}", "--rate=1000")
                seen = json.loads(load.stdout.readline())
                load.communicate()
                assert seen["failed"] == 0, seen
                when = "under 50,000 forged datagrams a second" if flood else "undisturbed"
                if flood:
                    sent = json.loads(flood.communicate()[0])["a_second"]
                    assert sent > 45000, f"the machine could make {sent} datagrams a second only"
                for figure in ("p50_us", "p99_us"):
                    figures.setdefault((figure, when), []).append(seen[figure])
            self.sink.communicate()
        for (figure, when), samples in sorted(figures.items()):
            self.table.add(f"a connection passed through, {when}: {figure[:3]}", "us", None, peer.name, samples)

    def admin(self, peer):
        """`set server … state` on one of twenty: in force on all of them."""
        import concurrent.futures
        samples = []
        with self.town(peer, 20) as town, concurrent.futures.ThreadPoolExecutor(20) as pool:
            time.sleep(2)
            for trial in range(self.options.trials):
                state = "maint" if trial % 2 == 0 else "ready"
                at = time.time()
                answer = town.nodes[town.names[trial % 20]].ask(f"set server aegis/aegis-01 state {state}")
                assert not answer.strip(), answer
                samples += [(t - at) * 1000 for t in pool.map(lambda n: in_force(n, state, at), town.nodes.values())]
                time.sleep(0.3)
        self.table.add("an admin change is in force on all of 20 after", "ms", Goal(None, 50), peer.name, samples)


def stood_still(node, at):
    """Whether the node itself found, soon after that moment, that it had not run then: silence that is no verdict's fault."""
    return any(at - 1 <= when <= at + ms / 1000 + 1 and ms > 200 for when, ms in (
        (when, int(re.search(r"(?:came|not run for) (\d+) ms", line)[1]))
        for when, line in node.lines(r"came \d+ ms late to its own beats|did not run for \d+ ms")))


def in_force(node, state, after):
    """When the node wrote so into its log, as time.time(), at the latest: the log's milliseconds are cut off."""
    return node.wait_line(r"aegis/aegis-01 is in maintenance" if state == "maint" else
                          r"aegis/aegis-01 is (?!in maintenance)", after) + 0.001


def go_before_others(before):
    """All that is timed, and who times it, runs before the machine's other programs, where that is permitted. What it
    takes of the processor is measured as it runs in life: woken for several packets at once when there is much to do."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR if before else os.SCHED_OTHER, os.sched_param(10 if before else 0))


def rows(bench):
    """(name, who, how)."""
    movers, knowers = (lambda p: p.moves_address), (lambda p: p.knows_dead)
    ours = lambda p: p.name == "aegislb"  # noqa: E731
    return [
        ("kill", movers, bench.kill), ("cut", movers, bench.cut), ("silence", movers, bench.silence),
        ("stop", movers, bench.stop), ("move", ours, bench.move), ("answerers", movers, bench.answerers),
        ("detect-3", knowers, lambda p: bench.detect(p, 3, Goal(None, 340))),
        ("detect-20", knowers, lambda p: bench.detect(p, 20, Goal(None, 340))),
        ("detect-100", ours, lambda p: bench.detect(p.slower(), 100, Goal(None, 700))),
        *((f"loss-{n}", lambda p: True, lambda p, n=n: bench.loss(p, n)) for n in (2, 3, 5)),
        ("quiet-3", lambda p: True, lambda p: bench.quiet(p, 3, 16, 0.3)),
        ("quiet-20", knowers, lambda p: bench.quiet(p, 20, 70, 0.7)),
        ("quiet-100", ours, lambda p: bench.quiet(p.slower(), 100, 40, 0.5)),
        ("forged", ours, bench.forged), ("flooded", ours, bench.flooded), ("admin", ours, bench.admin),
    ]


def main():
    options = arguments()
    os.environ["AEGISLB"] = str(options.aegislb)
    os.environ["KNOCK"] = str(Path(options.programs) / "../e2e/knock")
    if os.geteuid() != 0:
        os.execvp("unshare", ["unshare", "--user", "--map-root-user", "--net", sys.executable, "-B", *sys.argv])
    from rivals import Aegislb, Keepalived, Serf
    peers = []
    for peer in (Aegislb(), Keepalived(0.1), Keepalived(1), Serf()):
        if options.peers and peer.name.split()[0] not in options.peers and peer.name not in options.peers:
            continue
        why = peer.missing()
        print(f"skipped {peer.name}: {why}" if why else f"measuring {peer.name}")
        peers += [] if why else [peer]
    table = Table()
    bench = Bench(options, table)
    try:
        for name, who, how in rows(bench):
            if options.only and name not in options.only:
                continue
            go_before_others(not name.startswith(("quiet", "forged")))
            for peer in filter(who, peers):
                try:
                    how(peer)
                except (AssertionError, OSError, subprocess.SubprocessError) as failure:
                    table.failures.append(f"{name} of {peer.name}: {failure}")
                    print(f"bench-cluster: {table.failures[-1]}", file=sys.stderr, flush=True)
        print()
        table.print([peer.name for peer in peers])
    finally:
        shutil.rmtree(bench.folder, ignore_errors=True)
    for failure in table.failures:
        print(f"failed: {failure.splitlines()[0]}")
    if options.json:
        Path(options.json).write_text(json.dumps(table.as_json(), indent=1))
    return 1 if table.failures else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""The benchmark: aegislb, its peers and the floor, in turn, on pinned cores. See README for how to read the table."""

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from growth import GROWTHS, Growing, growth_table
from measure import Bench
from peers import known_peers, web_peers
from process import Failure
from report import Results, as_json, calls_table, machine, machine_text, page, profiles_table, table
from watch import profiled, traced
from workloads import QUICK, WORKLOADS, is_bulk, is_web

ALONE = "AEGISLB_BENCH_ALONE"  # set in the environment once we are in a network of our own


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--aegislb", default="aegislb", help="the program to measure")
    parser.add_argument("--programs", default=Path(__file__).parent, help="where load, sink and floor were built")
    parser.add_argument("--quick", action="store_true", help="the main workloads, small, in less than a minute")
    parser.add_argument("--rounds", type=int, help="how often each is measured (default 5)")
    parser.add_argument("--size", type=float, help="fraction of the full work of a measurement (quick 0.1)")
    parser.add_argument("--budget", type=float, help="seconds after which no further round begins (quick 45)")
    parser.add_argument("--only", type=lambda text: text.split(","), help="workloads, e.g. W1,W3; W2 is all its four")
    parser.add_argument("--peers", type=lambda text: text.split(","), help="e.g. aegislb,haproxy,floor")
    parser.add_argument("--calls", action="store_true", help="count system calls too, in a shorter run under strace")
    parser.add_argument("--profile", action="store_true", help="also where aegislb's time goes, in a run under perf")
    parser.add_argument("--keep", metavar="FILE", help="keep what is measured there, and measure only what it has not yet")
    parser.add_argument("--json", metavar="FILE", help="write all samples there")
    parser.add_argument("--write", metavar="FILE", help="write the table there, with what machine it is of, as Markdown")
    parser.add_argument("--workers", type=int, default=1, help="workers of each balancer (default 1); more than one share all cores")
    parser.add_argument("--access", default="off", help="aegislb's access log in the HTTP workloads: off, or a file")
    a = parser.parse_args()
    a.rounds = a.rounds or 5
    a.size = a.size or (0.1 if a.quick else 1.0)
    a.budget = a.budget or (45 if a.quick else 3600)
    return a


def go_alone():
    """Into a network namespace of our own, where that is permitted: no firewall, no foreign traffic, all ports free."""
    if ALONE in os.environ:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("10000 65535")
        return
    how = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--net"]
    if shutil.which("ip") and subprocess.run([*how, "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0:
        os.execvpe(how[0], [*how, sys.executable, "-B", *sys.argv], {**os.environ, ALONE: "yes"})
    print("bench: no network namespace can be made here: on the machine's own loopback", file=sys.stderr)


def chosen_workloads(a):
    known = [w.name for w in WORKLOADS] + [row.name for row in GROWTHS]
    wanted = a.only or (QUICK if a.quick else known)
    for name in set(wanted) - set(known) - {"W2"}:
        sys.exit(f"bench: {name}: no such workload; there are {', '.join(known)}")
    chosen = [w.sized(a.size) for w in WORKLOADS if w.name in wanted or (is_bulk(w) and "W2" in wanted)]
    return chosen, [row for row in GROWTHS if row.name in wanted]


def chosen_peers(a):
    peers = known_peers(a.aegislb, a.programs)
    for name in set(a.peers or []) - {peer.name for peer in peers}:
        sys.exit(f"bench: {name}: no such peer; there are {', '.join(peer.name for peer in peers)}")
    here = []
    for peer in peers:
        if a.peers and peer.name not in a.peers:
            continue
        why = peer.missing()
        if why:
            print(f"skipped {peer.name}: {why}")
        else:
            here.append(peer)
    return here


def takes_part(peer, workload):
    if is_web(workload):
        return peer.name in ("floor", "haproxy", "nginx", "aegislb") and not (peer.name == "floor" and workload.streams)
    return is_bulk(workload) or not peer.for_bulk_only


def measure_once(bench, results, peer, workload, watch=None):
    """One cell of one round; a failure is told and remembered, and the others go on."""
    try:
        return bench.measure(peer, workload, watch)
    except Failure as failure:
        results.failures.append(f"{workload.name} of {peer.name if peer else 'direct'}: {failure}")
        print(f"bench: {results.failures[-1]}", file=sys.stderr)
        return {}


def measure_round(bench, results, peers, workloads, number):
    for workload in workloads:
        if workload.hold and number > 1:
            continue  # memory does not vary
        print(f"round {number}: {workload.name}", file=sys.stderr)
        direct = measure_once(bench, results, None, workload) if workload.rate else {}
        for peer in peers:
            if not takes_part(peer, workload):
                continue
            figures = measure_once(bench, results, peer, workload)
            for figure in ("p50", "p99"):  # what the balancer adds
                if figure in figures:
                    figures[figure] -= direct.get(figure, 0)
            results.add(workload.name, peer.name, figures)


def watch_all(bench, results, peers, workloads, watch):
    """Shorter runs of each, under strace, or of ours under perf; only the time of the others counts in the table."""
    kept = results.calls if watch is traced else results.profiles
    for workload in workloads:
        if workload.hold or workload.rate:
            continue
        print(f"{watch.__name__}: {workload.name}", file=sys.stderr)
        shorter = workload.sized(0.1 if watch is traced else 0.5)
        for peer in peers:
            if not takes_part(peer, workload) or (watch is profiled and peer.name != "aegislb"):
                continue
            seen = measure_once(bench, results, peer, shorter, watch).get("seen")
            if seen and watch is traced:
                calls = {name: count / shorter.units() for name, count in seen.items()}
                kept.setdefault(workload.name, {})[peer.name] = calls
            elif seen:
                kept[workload.name] = seen


def measure_growths(bench, results, a, growths, number):
    growing = Growing(bench, a.aegislb, a.size)
    for row in growths:
        print(f"round {number}: {row.name}", file=sys.stderr)
        for is_much in (False, True):
            try:
                results.add(row.name, row.words[is_much], {"cpu": growing.measure(row, is_much)})
            except (Failure, OSError) as failure:
                results.failures.append(f"{row.name}, {row.words[is_much]}: {failure}")
                print(f"bench: {results.failures[-1]}", file=sys.stderr)


def run(a, bench, results, peers, chosen):
    """Rounds as many as asked for, or as fit the budget; every peer in each."""
    workloads, growths = ([w for w in some if not results.has(w.name, 1 if getattr(w, "hold", 0) else a.rounds)]
                          for some in chosen)
    for w in [*workloads, *growths]:
        results.forget(w.name)
    started = time.monotonic()
    for number in range(1, a.rounds + 1):
        begun = time.monotonic()
        measure_round(bench, results, peers, workloads, number)
        measure_growths(bench, results, a, growths, number)
        now = time.monotonic()
        if now - started + (now - begun) > a.budget:
            break
    for watch, is_wanted, seen in ((traced, a.calls, results.calls), (profiled, a.profile, results.profiles)):
        if is_wanted:
            watch_all(bench, results, peers, [w for w in chosen[0] if w in workloads or w.name not in seen], watch)


def show(results, bench, peers):
    names = [peer.name for peer in peers]
    facts = machine(bench, peers)
    spread, where = results.spread()
    foreign = 100 * bench.foreign_ns / (bench.own_ns + bench.foreign_ns or 1)
    lines = [machine_text(facts)]
    lines.append(f"\ncpu time (user + system) of the balancer a unit, medians of {results.rounds()} rounds; "
                 f"{time.strftime('%Y-%m-%d %H:%M')}\n")
    lines.append(table(results, names))
    growths = growth_table({row.name: results.of_name(row.name) for row in GROWTHS})
    if growths:
        lines.append(f"\nhow the cost of aegislb grows: the same with little and with much of one thing\n\n{growths}")
    if results.calls:
        lines.append(f"\nsystem calls a unit\n\n{calls_table(results, names)}")
    profiles = profiles_table(results)
    if profiles:
        lines.append(f"\nwhere the time of aegislb goes, in the workloads that miss a goal: by library, and the busiest functions "
                     f"(perf, cpu-clock)\n\n{profiles}")
    lines.append(f"\nlargest spread between rounds: {spread:.0f} % ({where or 'one round'}); "
                 f"of the balancer's core, others had {foreign:.0f} %")
    text = "\n".join(lines)
    print(text)
    return facts, text


def main():
    a = arguments()
    go_alone()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    peers, chosen = chosen_peers(a), chosen_workloads(a)
    results, program = Results(), hashlib.sha256(Path(a.aegislb).read_bytes()).hexdigest()
    if a.keep:
        results.take_kept(a.keep, program)
    with Bench(a.programs, web_peers(a.aegislb, a.programs, a.access), a.workers) as bench:
        try:
            run(a, bench, results, peers, chosen)
        finally:  # what was measured until an interrupt is worth showing
            if a.keep:
                results.keep(a.keep, program)
            facts, text = show(results, bench, peers)
            if a.write:
                Path(a.write).write_text(page(text))
            if a.json:
                Path(a.json).write_text(json.dumps(as_json(results, facts), indent=1) + "\n")
    sys.exit(1 if results.failures else 0)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)

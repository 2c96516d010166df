#!/usr/bin/python3
"""The benchmark: aegislb, its peers and the floor, in turn, on pinned cores. See README for how to read the table."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from measure import Bench
from peers import known_peers, web_peers
from process import Failure
from report import Results, as_json, calls_table, machine, machine_text, page, table
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
    wanted = a.only or (QUICK if a.quick else [w.name for w in WORKLOADS])
    chosen = [w for w in WORKLOADS if w.name in wanted or (is_bulk(w) and "W2" in wanted)]
    for name in set(wanted) - {w.name for w in WORKLOADS} - {"W2"}:
        sys.exit(f"bench: {name}: no such workload; there are {', '.join(w.name for w in WORKLOADS)}")
    return [w.sized(a.size) for w in chosen]


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


def measure_once(bench, results, peer, workload):
    """One cell of one round; a failure is told and remembered, and the others go on."""
    try:
        return bench.measure(peer, workload)
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


def count_calls(bench, results, peers, workloads):
    for workload in workloads:
        if workload.hold or workload.rate:
            continue
        print(f"strace: {workload.name}", file=sys.stderr)
        for peer in peers:
            if not takes_part(peer, workload):
                continue
            try:
                calls = bench.measure(peer, workload.sized(0.1), trace=True)["calls"]
                results.calls.setdefault(workload.name, {})[peer.name] = calls
            except Failure as failure:
                results.failures.append(f"{workload.name} of {peer.name} under strace: {failure}")
                print(f"bench: {results.failures[-1]}", file=sys.stderr)


def run(a, bench, results, peers, workloads):
    """Rounds as many as asked for, or as fit the budget; every peer in each."""
    started = time.monotonic()
    for number in range(1, a.rounds + 1):
        begun = time.monotonic()
        measure_round(bench, results, peers, workloads, number)
        now = time.monotonic()
        if now - started + (now - begun) > a.budget:
            break
    if a.calls:
        count_calls(bench, results, peers, workloads)


def show(results, bench, peers):
    names = [peer.name for peer in peers]
    facts = machine(bench, peers)
    spread, where = results.spread()
    foreign = 100 * bench.foreign_ns / (bench.own_ns + bench.foreign_ns or 1)
    lines = [machine_text(facts)]
    lines.append(f"\ncpu time (user + system) of the balancer a unit, medians of {results.rounds()} rounds; "
                 f"{time.strftime('%Y-%m-%d %H:%M')}\n")
    lines.append(table(results, names))
    if results.calls:
        lines.append(f"\nsystem calls a unit\n\n{calls_table(results, names)}")
    lines.append(f"\nlargest spread between rounds: {spread:.0f} % ({where or 'one round'}); "
                 f"of the balancer's core, others had {foreign:.0f} %")
    text = "\n".join(lines)
    print(text)
    return facts, text


def main():
    a = arguments()
    go_alone()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    peers, workloads = chosen_peers(a), chosen_workloads(a)
    results = Results()
    with Bench(a.programs, web_peers(a.aegislb, a.programs, a.access), a.workers) as bench:
        try:
            run(a, bench, results, peers, workloads)
        finally:  # what was measured until an interrupt is worth showing
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

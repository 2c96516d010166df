"""What was found: the table, the machine it holds for, and the same as JSON."""

import json
import os
import platform
import subprocess
from pathlib import Path
from statistics import median

from workloads import ROWS

SCALE = {"us": 1e3, "ms/GiB": 1e6, "KiB": 1024.0, "bytes": 1.0}  # figures are in ns and bytes


class Results:
    """Every sample of every figure, by workload and peer."""

    def __init__(self):
        self.samples = {}
        self.calls = {}
        self.profiles = {}
        self.failures = []

    def add(self, workload, peer, figures):
        for figure, value in figures.items():
            if figure == "seen":
                continue
            self.samples.setdefault((workload, figure), {}).setdefault(peer, []).append(value)

    def keep(self, path, program):
        """All of it, and of which program."""
        samples = [[*key, by_peer] for key, by_peer in self.samples.items()]
        kept = {"program": program, "samples": samples, "calls": self.calls, "profiles": self.profiles}
        Path(path).write_text(json.dumps(kept, indent=1) + "\n")

    def take_kept(self, path, program):
        """What was kept there, if of the same program; else nothing."""
        try:
            kept = json.loads(Path(path).read_text())
        except FileNotFoundError:
            return
        if kept["program"] == program:
            self.samples = {(workload, figure): by_peer for workload, figure, by_peer in kept["samples"]}
            self.calls, self.profiles = kept["calls"], kept["profiles"]

    def has(self, workload, rounds):
        """Whether each who takes part was measured so often."""
        counts = [len(values) for (name, _), by_peer in self.samples.items() if name == workload
                  for values in by_peer.values()]
        return bool(counts) and min(counts) >= rounds

    def forget(self, workload):
        self.samples = {key: by_peer for key, by_peer in self.samples.items() if key[0] != workload}

    def of_name(self, name):
        """The samples of a row of growth, by setting."""
        return self.samples.get((name, "cpu"), {})

    def rounds(self):
        """How many samples the best known cell has."""
        return max((len(values) for peers in self.samples.values() for values in peers.values()), default=0)

    def of(self, row):
        """Median by peer, in the row's unit."""
        scale = 1.0 if row.figure in ("p50", "p99") else SCALE[row.unit]
        by_peer = self.samples.get((row.workload, row.figure), {})
        return {peer: median(values) / scale for peer, values in by_peer.items()}

    def spread(self):
        """How far the samples of the worst cell lie from their median, in per cent, and which it is."""
        worst = (0.0, "")
        for (workload, figure), peers in self.samples.items():
            for peer, values in peers.items():
                if figure == "cpu" and len(values) > 1:
                    middle = median(values)
                    worst = max(worst, (max(abs(v - middle) for v in values) / middle * 100, f"{workload} of {peer}"))
        return worst


def ratios(figures, row):
    """Ours to the floor and to the best of the others; None where there is nothing to compare."""
    ours, floor = figures.get("aegislb"), figures.get("floor")
    others = [value for peer, value in figures.items() if peer not in ("aegislb", "floor", "direct")]
    if ours is None:
        return None, None
    return (ours / floor if floor else None), (ours / min(others) if others and min(others) > 0 else None)


def verdict(row, figures):
    """The goal, and whether it is met."""
    to_floor, to_best = ratios(figures, row)
    goals = [(row.of_floor, to_floor, "floor"), (row.of_best, to_best, "best")]
    texts = [f"{goal:.2f} {name}" for goal, _, name in goals if goal is not None]
    checks = [ratio <= goal for goal, ratio, _ in goals if goal is not None and ratio is not None]
    if row.at_most is not None:
        texts.append(f"{row.at_most:,.0f} {row.unit}")
        checks += [figures["aegislb"] <= row.at_most] if "aegislb" in figures else []
    return ", ".join(texts), ("" if not checks else "met" if all(checks) else "MISSED")


def figure_text(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def table(results, peers):
    """The table, aligned: a row for each figure that was measured."""
    columns = [peer for peer in peers if any(peer in of for of in results.samples.values())]
    lines = [["", "unit", *columns, "x floor", "x best", "goal: at most", ""]]
    for row in ROWS:
        figures = results.of(row)
        if not figures:
            continue
        ratio = [f"{r:.2f}" if r is not None else "-" for r in ratios(figures, row)]
        lines.append([row.label, row.unit, *(figure_text(figures.get(peer)) for peer in columns), *ratio,
                      *verdict(row, figures)])
    return aligned(lines, left=(0, 1, -2, -1))


def calls_table(results, peers):
    """System calls a unit, those that came up at least once in a hundred units."""
    lines = []
    for workload, by_peer in results.calls.items():
        for peer in peers:
            calls = sorted(by_peer.get(peer, {}).items(), key=lambda item: -item[1])
            if calls:
                named = ", ".join(f"{name} {count:.2f}" for name, count in calls if count >= 0.01)
                lines.append([workload, peer, figure_text(sum(by_peer[peer].values())), named])
    return aligned(lines, left=(0, 1, 3))


def profiles_table(results):
    """Of each workload where our goal was missed: where the time of aegislb went."""
    missed = {row.workload for row in ROWS if verdict(row, results.of(row))[1] == "MISSED"}
    texts = []
    for workload, seen in results.profiles.items():
        if workload in missed:
            places, functions = (", ".join(f"{name} {share:.0f} %" for name, share in seen[of] if share >= 1)
                                 for of in ("places", "functions"))
            texts.append(f"{workload:<9} {places}\n{'':9} {functions}")
    return "\n".join(texts)


def aligned(lines, left):
    """Cells under cells: the columns of these numbers to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    left = {i % len(widths) for i in left}
    padded = ((cell.ljust(w) if i in left else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths)))
              for line in lines)
    return "\n".join("  ".join(cells).rstrip() for cells in padded)


def first_line(argv):
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return "no version"
    return (done.stdout + done.stderr).strip().split("\n")[0]


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def machine(bench, peers):
    """What the figures depend on."""
    versions = {"haproxy": "-v", "nginx": "-v", "sniproxy": "-V", "aegislb": "--version"}
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return {
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": f"{os.cpu_count()} x {processor()}",
        "memory_gib": round(memory, 1),
        "cores": {"balancer": bench.proxy_core, "load": bench.load_core},
        "versions": {peer.name: first_line([peer.where(), versions[peer.name]])
                     for peer in peers if peer.name in versions},
    }


def machine_text(facts):
    cores = facts["cores"]
    lines = [f"{facts['kernel']}, {facts['processor']}, {facts['memory_gib']} GiB; "
             f"the balancer on core {cores['balancer']}, generator and sink on core {cores['load']}"]
    return "\n".join(lines + [f"{name}: {version}" for name, version in facts["versions"].items()])


def as_json(results, facts):
    rows = []
    for row in ROWS:
        figures = results.of(row)
        if figures:
            to_floor, to_best = ratios(figures, row)
            rows.append({"workload": row.workload, "figure": row.figure, "unit": row.unit, "medians": figures,
                         "to_floor": to_floor, "to_best": to_best, "goal": verdict(row, figures)})
    samples = [{"workload": workload, "figure": figure, "peer": peer, "samples": values}
               for (workload, figure), by_peer in results.samples.items() for peer, values in by_peer.items()]
    return {"machine": facts, "rounds": results.rounds(), "rows": rows, "samples": samples, "calls": results.calls,
            "failures": results.failures}


def page(text):
    """The whole as a page of the documentation."""
    return ("# Performance\n\nWritten by `make bench-report`; what is measured, how, and how to read it: `tests/bench/README`. "
            "The ratios within one\ntable count, absolute figures move with the machine.\n\n```\n" + text + "\n```\n")

"""The table of the cluster's benchmark: samples by row and by who made them, and whether the goals are met."""

from statistics import median

from report import aligned


class Goal:
    def __init__(self, middle=None, most=None):
        self.middle, self.most = middle, most

    def text(self, unit):
        parts = ([f"median {self.middle:g}"] if self.middle is not None else []) + (
            [f"most {self.most:g}"] if self.most is not None else [])
        return f"{', '.join(parts)} {unit}" if parts else ""

    def met(self, samples):
        return (self.middle is None or median(samples) <= self.middle) and (
            self.most is None or max(samples) <= self.most)


class Table:
    def __init__(self):
        self.rows = []  # [title, unit, goal, {peer: samples}]
        self.failures = []

    def add(self, title, unit, goal, peer, samples):
        row = next((r for r in self.rows if r[0] == title), None)
        if row is None:
            row = [title, unit, goal, {}]
            self.rows.append(row)
        row[3].setdefault(peer, []).extend(samples)
        print(f"  {title}: {peer}: {summary(samples)} {unit}   {[round(s, 2) for s in samples][:12]}", flush=True)

    def print(self, peers):
        columns = [p for p in peers if any(p in row[3] for row in self.rows)]
        lines = [["median / most", "unit", *columns, "goal", ""]]
        for title, unit, goal, by_peer in self.rows:
            ours = by_peer.get("aegislb")
            verdict = "" if not ours or not goal else "met" if goal.met(ours) else "MISSED"
            lines.append([title, unit, *(summary(by_peer.get(p)) for p in columns), goal.text(unit) if goal else "",
                          verdict])
        print(aligned(lines, left=(0, 1, -2, -1)))

    def as_json(self):
        return [{"row": t, "unit": u, "goal": {"median": g.middle, "most": g.most} if g else None, "samples": s}
                for t, u, g, s in self.rows]


def summary(samples):
    if not samples:
        return "-"
    one = f"{median(samples):.3g}" if median(samples) < 100 else f"{median(samples):.0f}"
    most = f"{max(samples):.3g}" if max(samples) < 100 else f"{max(samples):.0f}"
    return one if len(samples) == 1 else f"{one} / {most}"

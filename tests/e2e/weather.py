"""What goes wrong on the wire, at the switch of a lab.Network: cables that are pulled, machines that do not reach each
other though their cables are well (one way, or both), frames that get lost or arrive twice. Packets are dropped by
nftables in the bridge, ARP and IPv6 too."""

import subprocess

from lab import inside, ip


class Weather:
    def __init__(self, network):
        self.network = network
        self.cuts = set()   # (from, to): silent
        self.losses = {}    # (from, to) -> percent
        self.mute = set()   # (from, to): without ARP
        self.pulled = set()
        self.twice = {}     # (from, to) -> percent

    # --- cables: both ends notice ---

    def pull(self, name):
        with inside(self.network.machines["switch"]):
            ip(f"link set {name} down")
        self.pulled.add(name)

    def plug(self, name):
        with inside(self.network.machines["switch"]):
            ip(f"link set {name} up")
        self.pulled.discard(name)

    # --- the switch: nobody notices but by silence ---

    def cut(self, *pairs):
        """Nothing goes from the first to the second of each pair any more; ("a", "*"): to nobody."""
        self.cuts |= {pair for one in pairs for pair in self.expand(*one)}
        self.apply()

    def split(self, *sides):
        """Nobody of one side reaches anybody of another one."""
        self.cut(*[(a, b) for one in sides for other in sides if one is not other for a in one for b in other])

    def lose(self, percent, *names):
        """That many of a hundred frames between any two of these machines get lost."""
        self.losses.update({(a, b): percent for a in names for b in names if a != b})
        self.apply()

    def no_arp(self, *names):
        """None of these machines learns of any other's hardware address any more."""
        self.mute |= {(a, b) for a in names for b in names if a != b}
        self.apply()

    def duplicate(self, percent, *names):
        """That many of a hundred frames from one of these machines to another arrive twice."""
        self.twice.update({(a, b): percent for a in names for b in names if a != b})
        self.apply()

    def heal(self):
        """All is well again."""
        self.cuts, self.losses, self.mute, self.twice = set(), {}, set(), {}
        self.apply()
        for name in list(self.pulled):
            self.plug(name)

    def expand(self, source, target):
        everybody = self.network.addresses
        return {(a, b) for a in (everybody if source == "*" else [source])
                for b in (everybody if target == "*" else [target]) if a != b}

    def apply(self):
        lines = [f'iifname "{a}" oifname "{b}" drop' for a, b in sorted(self.cuts)]
        lines += [f'iifname "{a}" oifname "{b}" numgen random mod 100 < {percent} drop'
                  for (a, b), percent in sorted(self.losses.items())]
        lines += [f'iifname "{a}" oifname "{b}" ether type arp drop' for a, b in sorted(self.mute)]
        text = self.table("bridge weather", {"forward": ("type filter hook forward priority 0", lines)})
        chains = {}
        for source in sorted({a for a, _ in self.twice}):
            chains[source.replace("-", "_")] = (f'type filter hook ingress device "{source}" priority 0', [
                f'ether daddr {self.mac(b)} numgen random mod 100 < {percent} dup to "{b}"'
                for (a, b), percent in sorted(self.twice.items()) if a == source])
        text += self.table("netdev twice", chains)
        with inside(self.network.machines["switch"]):
            subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True)

    @staticmethod
    def table(name, chains):
        """Replaces the whole table."""
        text = f"add table {name}\ndelete table {name}\ntable {name} {{\n"
        for chain, (kind, lines) in chains.items():
            text += f"chain {chain} {{\n{kind};\n" + "".join(line + "\n" for line in lines) + "}\n"
        return text + "}\n"

    def mac(self, name):
        with inside(self.network.machines[name]):
            shown = subprocess.run(["ip", "-br", "link", "show", "eth0"], check=True, capture_output=True, text=True)
        return shown.stdout.split()[2]

"""Who moves an address, or knows who is dead: aegislb, keepalived and serf, each on the machines of one town."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

from lab import Process, inside, wait_until
from town import VIP

KEEPALIVED_CONF = """
global_defs {{
    router_id {name}
    vrrp_version 3
}}
vrrp_instance aegis {{
    state BACKUP
    nopreempt
    interface eth0
    virtual_router_id 51
    priority {priority}
    advert_int {advert}
    virtual_ipaddress {{
        {vip}/24 dev eth0
    }}
}}
"""

# Answers every connection with a byte, as a service behind keepalived would: many at once, for those that a cut cable
# leaves waiting must keep nobody else.
SERVICE = """
import asyncio
async def answer(reader, writer):
    try:
        await asyncio.wait_for(reader.read(64), 1)
        writer.write(b"!")
        await asyncio.wait_for(writer.drain(), 1)
    except (OSError, asyncio.TimeoutError):
        pass
    writer.close()
async def serve():
    async with await asyncio.start_server(answer, "", 443, backlog=1024) as server:
        await server.serve_forever()
asyncio.run(serve())
"""


def kill_all(processes):
    for process in processes:
        process.popen.send_signal(signal.SIGKILL)
    for process in processes:
        process.popen.wait()


class Aegislb:
    """All of it in one process."""

    moves_address = knows_dead = True
    settle_s = 2.0  # after which every takeover must have been

    name = "aegislb"

    def __init__(self, profile="fast"):
        self.profile = profile

    @staticmethod
    def slower():
        """Itself with the default profile, as for a hundred nodes."""
        return Aegislb("default")

    def missing(self):
        return None

    def start(self, town):
        self.town = town
        town.start(profile=self.profile)

    def owner(self, but=None):
        return self.town.wait_owner(but=but).name

    def pids(self, name):
        return [self.town.nodes[name].pid]

    def kill(self, name):
        self.town.nodes[name].kill()

    def stop(self, name):
        self.town.nodes[name].send(signal.SIGTERM)

    def restart(self, name):
        node = self.town.nodes[name]
        if node.running():
            node.exit_status(20)
        node.start()
        self.town.wait_together()

    def together(self):
        self.town.wait_together()

    def told_dead(self, observer, dead, after):
        """When it knew, as time.time(); waits for it."""
        return self.town.nodes[observer].wait_line(rf"{dead} \(.* is dead", after, seconds=20)

    def end(self):
        self.town.end_nodes()


class Keepalived:
    """VRRP, and a service beside it that dies with it."""

    moves_address, knows_dead = True, False

    def __init__(self, advert):
        self.name = f"keepalived {advert} s"
        self.advert = advert
        self.settle_s = 1.5 + 4 * advert

    def missing(self):
        return None if shutil.which("keepalived") else "keepalived is not installed: sh contrib/packages bench"

    def start(self, town):
        self.town, self.parts = town, {}
        for name in town.names:
            self.start_one(name)
        self.together()

    def start_one(self, name):
        machine, folder = self.town.machine(name), self.town.folder / f"keepalived-{name}"
        folder.mkdir(exist_ok=True)
        number = self.town.network.addresses[name]
        (folder / "keepalived.conf").write_text(KEEPALIVED_CONF.format(
            name=name, priority=60 + 4 * number, advert=self.advert, vip=VIP))
        service = Process(machine, folder, sys.executable, "-c", SERVICE)
        vrrp = Process(machine, folder, "keepalived", "--dont-fork", "--log-console", "--vrrp",
                       "--use-file", str(folder / "keepalived.conf"), "--pid", str(folder / "pid"),
                       "--vrrp_pid", str(folder / "vrrp.pid"))
        self.parts[name] = (vrrp, service)

    def owner(self, but=None):
        return self.town.wait_owner(but=but).name

    @staticmethod
    def children(process):
        with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
            return [int(pid) for pid in file.read().split()]

    def pids(self, name):
        vrrp, _ = self.parts[name]
        return [vrrp.pid, *self.children(vrrp)]

    def kill(self, name):
        """The child that speaks VRRP, its parent and the service: the whole node, as if its program had crashed. The
        parent must not start another child in between."""
        parent, *children = self.pids(name)
        os.kill(parent, signal.SIGSTOP)
        for pid in [*children, parent]:
            os.kill(pid, signal.SIGKILL)
        kill_all(self.parts[name])

    def stop(self, name):
        self.parts[name][0].send(signal.SIGTERM)

    def restart(self, name):
        kill_all(self.parts[name])
        self.town.drop_address(name)
        self.start_one(name)
        time.sleep(self.settle_s)

    def together(self):
        """After two owners have met, the one that remains tells nobody: the client must forget by itself."""
        time.sleep(self.settle_s)
        with inside(self.town.machine("client")):
            subprocess.run(["ip", "neighbour", "flush", "dev", "eth0"], check=False, capture_output=True)

    def end(self):
        for name, parts in self.parts.items():
            for process in parts:
                process.send(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                parts[0].exit_status(5)
            kill_all(parts)
            self.town.drop_address(name)


class Serf:
    """Membership alone: SWIM with Lifeguard, as its LAN profile has it."""

    name = "serf"
    moves_address, knows_dead = False, True
    settle_s = 30.0

    def missing(self):
        return None if shutil.which("serf") else "serf is not installed: sh contrib/packages bench"

    def start(self, town):
        self.town, self.agents, self.watches = town, {}, {}
        first = town.network.addresses[town.names[0]]
        for name in town.names:
            self.start_one(name, first)
        self.together()

    def start_one(self, name, first):
        number = self.town.network.addresses[name]
        folder = self.town.folder / f"serf-{name}"
        join = [] if number == first else [f"-join=10.10.10.{first}"]
        self.agents[name] = Process(
            self.town.machine(name), folder, "serf", "agent", f"-node={name}", f"-bind=10.10.10.{number}:7946",
            "-rpc-addr=127.0.0.1:7373", "-profile=lan", *join)
        self.watches[name] = Watch(self.agents[name].path)

    def pids(self, name):
        return [self.agents[name].pid]

    def kill(self, name):
        self.agents[name].kill()

    def restart(self, name):
        self.start_one(name, self.town.network.addresses[next(n for n in self.town.names if n != name)])
        self.together(since=time.time() - 1, only=name)

    def together(self, since=0.0, only=None):
        for name, watch in self.watches.items():
            for other in self.town.names:
                if other != name and only in (None, other):
                    watch.wait(rf"EventMemberJoin: {other} ", since, 30)

    def told_dead(self, observer, dead, after):
        return self.watches[observer].wait(rf"EventMemberFailed: {dead} ", after, 60)

    def end(self):
        for agent in self.agents.values():
            agent.kill()
        for watch in self.watches.values():
            watch.end()


class Watch:
    """Reads a log as it grows, and knows when each line came."""

    def __init__(self, path):
        self.lines, self.running = [], True
        self.file = open(path, errors="replace")
        self.thread = threading.Thread(target=self.follow, daemon=True)
        self.thread.start()

    def follow(self):
        rest = ""
        while self.running:
            text = self.file.read()
            now = time.time()
            *whole, rest = (rest + text).split("\n")
            self.lines += [(now, line) for line in whole]
            time.sleep(0.002)

    def wait(self, pattern, after, seconds):
        found = wait_until(lambda: [at for at, line in list(self.lines) if at >= after and re.search(pattern, line)],
                           seconds, f"/{pattern}/")
        return found[0]

    def end(self):
        self.running = False
        self.thread.join()
        self.file.close()

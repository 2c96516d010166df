"""The lab of contrib/lab/lab: a Town (tests/e2e/town.py) that stays up, and commands that act on it.

`up` leaves a server behind that holds the namespaces and runs what is in them; the other commands ask it over a UNIX
socket, one line each. Everything ends with the server, even if that is killed."""

import contextlib
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "tests" / "e2e"))
FOLDER = Path(os.environ.get("AEGISLB_LAB", "/tmp/aegislb-lab"))
DOOR = FOLDER / "door"

USAGE = """\
lab up [BALANCERS [BACKENDS]]   3 and 2, unless you say otherwise; PROFILE=default for slower heartbeats (fast)
lab down                        ends and removes all of it
lab status                      who runs, who owns the address, and what the weather is
lab watch                       the same, live, with what a client sees; Ctrl-C ends it

lab sh NODE                     a shell on a node (lb-01 …, aegis-01 …, client, gateway); aegisctl is set up there
lab ctl NODE COMMAND…           aegisctl on that balancer: lab ctl lb-01 show cluster
lab curl [ARGUMENT…]            what the client gets from https://aegisagent.ai/ by the virtual address
lab log NODE                    follows the log of a node

lab kill NODE                   kill -9            lab stop NODE     asks it to stop
lab freeze NODE                 SIGSTOP            lab thaw NODE     and on again
lab start NODE                  starts it again

lab cut NODE                    pulls its cable    lab cut A B       A and B do not reach each other any more
lab mute NODE                   what it sends gets lost; it still receives
lab loss PERCENT                that much of what balancers say to each other gets lost
lab heal                        all cables and links are well again"""

TRY = """
Try, in another terminal, after  alias lab='{lab}'
  lab watch                                   who owns {vip}, and how clients fare: leave it running
  lab kill {owner}                              nobody answers for some milliseconds; then: lab start {owner}
  lab cut {owner}                               pulls its cable; then: lab heal
  lab freeze {owner}                            its kernel lets go of the address by itself; then: lab thaw {owner}
  lab ctl {other} drain aegis/aegis-01          on any node, in force on all of them; then: … ready aegis/aegis-01
  lab ctl {other} move vip {vip} to {other}
  lab loss 20                                 a bad network; nothing should move
  lab curl                                    as a client, through the address, to a backend node
  lab sh {owner}                                look around: aegisctl status, ip address, tcpdump
  lab down                                    when you have seen enough"""


def fail(text, status=1):
    print(f"lab: {text}", file=sys.stderr)
    sys.exit(status)


# --- the server: holds the town ---

class Play:
    def __init__(self, balancers, backends):
        from actors import Authority
        from town import Town
        certificates = FOLDER / "certificates"
        certificates.mkdir()
        self.town = Town(FOLDER, balancers, backends, Authority(certificates, max(backends, 2)),
                         profile=os.environ.get("PROFILE", "fast"))

    def serve(self, ready):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(DOOR))
        os.chmod(DOOR, 0o600)
        listener.listen()
        with self.town as town:
            town.start()
            town.wait_owner()
            ready()
            while True:
                with listener.accept()[0] as client:
                    line = client.makefile().readline()
                    if not line:
                        continue  # only looked whether somebody is here
                    words = json.loads(line)
                    if words == ["down"]:
                        break
                    with contextlib.suppress(OSError):  # who asked may have gone
                        client.sendall(json.dumps(self.answer(words)).encode())

    def answer(self, words):
        try:
            return {"text": getattr(self, "do_" + words[0])(*words[1:]) or ""}
        except (AssertionError, OSError, KeyError, ValueError, TypeError, subprocess.SubprocessError) as failure:
            return {"error": f"{' '.join(words)}: {failure}"}

    def node(self, name):
        if name not in self.town.nodes:
            raise ValueError(f"there is no balancer {name}; there are {', '.join(self.town.nodes)}")
        return self.town.nodes[name]

    def machine(self, name):
        if name not in self.town.network.addresses:
            raise ValueError(f"there is no {name}; there are {', '.join(self.town.network.addresses)}")
        return name

    def process(self, name):
        if name in self.town.backends:
            return self.town.backends[name]
        node = self.node(name)
        if not node.running():
            raise ValueError("it does not run: lab start " + name)
        return node

    def do_facts(self):
        """What the asking side needs to enter a machine by itself."""
        town = self.town
        return json.dumps({
            "machines": {name: machine.holder.pid for name, machine in town.network.machines.items()},
            "sockets": {name: node.socket for name, node in town.nodes.items()},
            "logs": {name: str(p.path) for name, p in [*town.nodes.items(), *town.backends.items()] if p.popen},
            "ca": str(FOLDER / "certificates" / "ca.pem")})

    def do_kill(self, name):
        self.process(name).kill()
        return f"{name} is killed"

    def do_stop(self, name):
        self.process(name).send(signal.SIGTERM)
        return f"{name} is asked to stop"

    def do_freeze(self, name):
        self.process(name).send(signal.SIGSTOP)
        return f"{name} stands still"

    def do_thaw(self, name):
        self.process(name).send(signal.SIGCONT)
        return f"{name} goes on"

    def do_start(self, name):
        if name in self.town.backends:
            self.town.start_backend(name)
        elif self.node(name).running():
            raise ValueError("it runs")
        else:
            self.node(name).start()
        return f"{name} runs again"

    def do_cut(self, name, other=None):
        if other is None:
            self.town.weather.pull(self.machine(name))
            return f"the cable of {name} is pulled"
        name, other = self.machine(name), self.machine(other)
        self.town.weather.cut((name, other), (other, name))
        return f"{name} and {other} do not reach each other"

    def do_mute(self, name):
        self.town.weather.cut((self.machine(name), "*"))
        return f"nobody hears {name}"

    def do_loss(self, percent):
        percent = int(percent)
        if not 0 <= percent <= 100:
            raise ValueError("a percentage from 0 to 100")
        self.town.weather.lose(percent, *self.town.names)
        return f"{percent} % of what balancers say to each other get lost"

    def do_heal(self):
        self.town.weather.heal()
        return "all is well"

    def do_status(self):
        lines = [f"{'node':10} {'program':9} {'address':14} {'vip':4} sees"]
        for name, node in self.town.nodes.items():
            program, sees = "ended", ""
            if node.running():
                program = "frozen" if open(f"/proc/{node.pid}/stat").read().rsplit(")", 1)[1].split()[0] == "T" else "runs"
            if program == "runs":
                try:
                    sees = self.seen(node)
                except OSError:
                    sees = "(the status socket does not answer)"
            lines.append(f"{name:10} {program:9} {node.address:14} {'HERE' if node.holds() else '':4} {sees}")
        for name, backend in self.town.backends.items():
            number = self.town.network.addresses[name]
            lines.append(f"{name:10} {'runs' if backend.running() else 'ended':9} 10.10.10.{number}")
        lines += self.weather_words()
        return "\n".join(lines)

    @staticmethod
    def seen(node):
        facts = json.loads(node.ask("show cluster json", timeout=1))
        quorum = "quorate" if facts["quorum"]["met"] else "NO QUORUM"
        others = " ".join(f"{m['name']} {m['state']}" for m in facts["members"] if m["name"] != node.name)
        owner = next((v["owner"] for v in facts["vips"]), None)
        return f"{quorum}; owner {owner or 'nobody'}; {others}"

    def weather_words(self):
        weather = self.town.weather
        words = [f"cable pulled: {name}" for name in sorted(weather.pulled)]
        words += [f"cut: {a} -> {b}" for a, b in sorted(weather.cuts)]
        if any(weather.losses.values()):
            words.append(f"loss: {max(weather.losses.values())} % between balancers")
        return ["", *words] if words else []


# --- the asking side ---

def ask(*words):
    with socket.socket(socket.AF_UNIX) as s:
        try:
            s.connect(str(DOOR))
        except OSError:
            fail("nothing is up: sh contrib/lab/lab up")
        s.sendall(json.dumps(words).encode() + b"\n")
        answer = json.loads(s.makefile().read())
    if "error" in answer:
        fail(answer["error"])
    return answer["text"]


def down():
    """Until the server has ended everything and removed its folder."""
    with socket.socket(socket.AF_UNIX) as s:
        if s.connect_ex(str(DOOR)) != 0:
            shutil.rmtree(FOLDER, ignore_errors=True)
            print("nothing is up")
            return
        s.sendall(b'["down"]\n')
        s.recv(1)
    deadline = time.monotonic() + 30
    while FOLDER.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    print("down: nothing is left" if not FOLDER.exists() else f"it ended badly: see {FOLDER}/lab.log")


def facts():
    return json.loads(ask("facts"))


def enter(known, name):
    """The beginning of a command that runs on that machine."""
    if name not in known["machines"]:
        fail(f"there is no {name}; there are {', '.join(known['machines'])}")
    return ["nsenter", f"--net=/proc/{known['machines'][name]}/ns/net"]


def find_program(name):
    for place in (os.environ.get(name.upper()), Path.cwd() / name, HERE.parent.parent / name, shutil.which(name)):
        if place and os.access(place, os.X_OK):
            return str(Path(place).resolve())
    fail(f"{name} is not built: run this where it was built, or say {name.upper()}=…")


def up(balancers="3", backends="2"):
    if not (balancers.isdigit() and backends.isdigit() and 1 <= int(balancers) <= 40 and int(backends) <= 40):
        fail("up [BALANCERS [BACKENDS]]: two numbers, at most 40", 64)
    if DOOR.exists():
        with socket.socket(socket.AF_UNIX) as s:
            if s.connect_ex(str(DOOR)) == 0:
                fail("it is up already: lab status, or lab down first")
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(mode=0o700)
    os.environ["AEGISLB"] = find_program("aegislb")
    print(f"bringing up {balancers} balancers, {backends} backend nodes, a gateway and a client …", flush=True)
    read, write = os.pipe()
    if os.fork() == 0:
        serve_in_background(int(balancers), int(backends), write)
    os.close(write)
    with os.fdopen(read) as ready:
        said = ready.read()
    if said != "ready":
        fail(f"it did not come up; see {FOLDER}/lab.log\n{(FOLDER / 'lab.log').read_text()[-2000:]}")
    print(ask("status"))
    known = facts()
    owner = owner_now(known)
    other = next((n for n in known["sockets"] if n != owner), owner)
    lab = "sh " + os.path.relpath(HERE / "lab")
    print(TRY.format(lab=lab, vip="10.10.10.100", owner=owner, other=other))


def serve_in_background(balancers, backends, write):
    """Never returns."""
    os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with open(FOLDER / "lab.log", "w") as log, open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)

        def ready():
            os.write(write, b"ready")
            os.close(write)
        try:
            Play(balancers, backends).serve(ready)
            shutil.rmtree(FOLDER, ignore_errors=True)
        except BaseException:
            import traceback
            traceback.print_exc()
            sys.stderr.flush()
            DOOR.unlink(missing_ok=True)
            os._exit(1)
    os._exit(0)


def owner_now(known):
    for name in known["sockets"]:
        shown = subprocess.run([*enter(known, name), "ip", "-br", "address", "show", "dev", "eth0"], check=False,
                               capture_output=True, text=True).stdout
        if "10.10.10.100/" in shown:
            return name
    return None


def shell(name):
    known = facts()
    rc = FOLDER / "shellrc"
    socket_of = known["sockets"].get(name)
    lines = [f"PS1='[{name}] \\w # '"]
    if socket_of:
        lines.append(f"aegisctl() {{ {find_program('aegisctl')} -s {shlex.quote(socket_of)} \"$@\"; }}")
    rc.write_text("\n".join(lines) + "\n")
    os.execvp("nsenter", [*enter(known, name), "bash", "--noprofile", "--rcfile", str(rc), "-i"])


def ctl(name, *command):
    known = facts()
    if name not in known["sockets"]:
        fail(f"there is no balancer {name}; there are {', '.join(known['sockets'])}")
    program = find_program("aegisctl")
    os.execv(program, [program, "-s", known["sockets"][name], *command])


def curl(*arguments):
    known = facts()
    where = [] if any(a.startswith("http") for a in arguments) else ["https://aegisagent.ai/"]
    os.execvp("nsenter", [*enter(known, "client"), "curl", "--silent", "--show-error", "--max-time", "5", "--cacert",
                          known["ca"], "--connect-to", "::10.10.10.100:", *arguments, *where])


def follow(name):
    known = facts()
    if name not in known["logs"]:
        fail(f"{name} has no log; {', '.join(known['logs'])} have")
    os.execvp("tail", ["tail", "-n", "40", "-F", known["logs"][name]])


def watch():
    """Twice a second: the status, and how clients fared: one comes every 10 ms."""
    from lab import enter as go
    known = facts()
    with open(f"/proc/{known['machines']['client']}/ns/net") as client:
        go(client.fileno())
    seen = Client()
    try:
        while True:
            text = ask("status")
            seen.look(0.5)
            print(f"\033[H\033[2J{text}\n\n{seen.words()}\n\nCtrl-C ends watching; the lab stays up", flush=True)
    except KeyboardInterrupt:
        print()


class Client:
    """Comes every 10 ms and wants an answer within 100."""

    def __init__(self):
        self.last, self.gaps, self.answered, self.failed = None, [], 0, 0

    def look(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            came = time.monotonic()
            ok = self.come()
            self.answered, self.failed = self.answered + ok, self.failed + (not ok)
            now = time.monotonic()
            if ok:
                if self.last and now - self.last > 0.06:
                    self.gaps.append((time.strftime("%H:%M:%S"), (now - self.last) * 1000))
                self.last = now
            time.sleep(max(0.0, came + 0.01 - time.monotonic()))
        if self.last:  # what was spent on the screen is no gap of theirs
            self.last = max(self.last, time.monotonic() - 0.02) if ok else self.last

    @staticmethod
    def come():
        try:
            with socket.create_connection(("10.10.10.100", 443), 0.1) as s:
                s.sendall(b"knock, knock\r\n")
                return len(s.recv(1)) == 1
        except OSError:
            return False

    def words(self):
        gaps = "".join(f"\n  {at}  nobody answered for {ms:.0f} ms" for at, ms in self.gaps[-8:])
        return f"clients: {self.answered} answered, {self.failed} not{gaps}"


def main():
    command, *rest = sys.argv[1:] or ["help"]
    own = {"up": up, "down": down, "sh": shell, "ctl": ctl, "curl": curl, "log": follow, "watch": watch}
    try:
        if command in own:
            own[command](*rest)
        elif command in ("help", "-h", "--help") or not hasattr(Play, "do_" + command):
            print(USAGE, file=sys.stdout if "help" in command else sys.stderr)
            sys.exit(0 if "help" in command or command == "-h" else 64)
        else:
            print(ask(command, *rest))
    except TypeError:
        fail(f"{command} takes other words:\n{USAGE}", 64)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()

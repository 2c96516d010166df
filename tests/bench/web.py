"""The HTTP workloads: the certificates, the server behind, the load, and whether both counted the same."""

import json
import subprocess

from process import Failure, Process

KEYS = {"p256": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["rsa:2048"]}


def make_certificates(folder):
    """One self-signed certificate of each kind, with its key, where the balancers find it."""
    for kind, key in KEYS.items():
        subprocess.run(["openssl", "req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=aegisagent.ai",
                        "-addext", "subjectAltName=DNS:aegisagent.ai", "-newkey", *key, "-keyout", folder / "key",
                        "-out", folder / f"{kind}.pem"], check=True, capture_output=True)
        with open(folder / f"{kind}.pem", "a") as pem:
            pem.write((folder / "key").read_text())


class Answerer:
    """The plain server behind, in a `with`; `counted` once it has ended."""

    def __init__(self, bench, workload, seconds):
        argv = [str(bench.programs / "answer"), f"--size={workload.size}", f"--seconds={seconds}"]
        self.process = Process(argv, bench.load_core, bench.folder / "answer.log", stdin=subprocess.PIPE)

    def __enter__(self):
        self.port = int(self.process.popen.stdout.readline() or 0)
        return self

    def __exit__(self, *_):
        self.process.end()

    def count(self):
        self.process.popen.stdin.close()
        return json.loads(self.process.popen.stdout.readline() or "{}")["requests"]


def ask(bench, workload, port, seconds):
    """What the load generator has seen; a Failure if a connection failed."""
    argv = [bench.programs / "ask", f"--port={port}", f"--connections={workload.connections}", f"--seconds={seconds}",
            f"--parallel={workload.parallel}", f"--rounds={workload.rounds}", f"--size={workload.size}"]
    argv += [f"--streams={workload.streams}"] if workload.streams else []
    argv += ["--resume"] if workload.resume else []
    with Process(list(map(str, argv)), bench.load_core, bench.folder / "ask.log") as process:
        line = process.popen.stdout.readline()
        if not line:
            raise Failure(f"no report of the load generator: {process.last_words()}")
        result = json.loads(line)
        if result["failed"]:
            raise Failure(f"{result['failed']} connections failed: {process.last_words()}")
    if result["resumed"] != (result["connections"] - 1 if workload.resume else 0):
        raise Failure(f"of {result['connections']} connections {result['resumed']} were resumed")
    return result | {"requests": result["connections"] * workload.rounds}

"""The same requests through us, nginx and HAProxy: what each of them passes on, beside what is written down."""

import re
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from differences import CASES
from lab import BALANCER, SLOW, Process, wait_until
from test_http import Judge
from test_http import start as start_ours

PORTS = {"ours": 8080, "nginx": 8082, "haproxy": 8083}
DOC = Path(__file__).parent.parent.parent / "doc" / "http-strictness.md"

NGINX_CONF = """
daemon off; master_process off; pid {dir}/pid; error_log {dir}/error.log;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
    server {{ listen 8082; location / {{ proxy_pass http://10.10.10.103:80; proxy_http_version 1.1; proxy_request_buffering off; }} }}
}}
"""
HAPROXY_CFG = """
defaults
    mode http
    timeout client 10s
    timeout server 10s
    timeout connect 10s
frontend web
    bind :8083
    default_backend behind
backend behind
    server one 10.10.10.103:80
"""


def verdict(port, request):
    """`passes` where the server behind has answered, else the status."""
    with socket.create_connection((BALANCER, port), 10 * SLOW) as s:
        s.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer and (part := s.recv(65536)):
            answer += part
    if b"\r\nx-behind: " in answer.lower() or answer == b"behind":  # in HTTP/0.9 the body is all
        return "passes"
    status = re.match(rb"HTTP/\d\.\d (\d+)", answer)
    return status[1].decode() if status else f"{answer[:20]!r}"


class Behind(Judge):
    """A server that looks away where it can, and says that it was reached."""

    def serve(self, s):
        with s, s.makefile("rb") as f:
            while f.readline():
                fields = self.take_head(f)
                if fields is None or not self.take_body(f, fields):
                    return
                s.sendall(b"HTTP/1.1 200 OK\r\nX-Behind: yes\r\nContent-Length: 6\r\n\r\nbehind")

    def take_head(self, f):
        pairs = (line.partition(b":") for line in iter(f.readline, b"\r\n") if line)
        return {name.strip().lower(): value.strip().lower() for name, _, value in pairs}


def verdicts(port):
    found = {}

    def run(part):
        for case in part:
            found[case.title] = verdict(port, case.request)

    threads = [threading.Thread(target=run, args=(CASES[i::8],)) for i in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    return found


def start_other(site, name):
    folder = site.folder / name
    folder.mkdir()
    if name == "nginx":
        (folder / "conf").write_text(NGINX_CONF.format(dir=folder))
        command = ("nginx", "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "conf"))
    else:
        (folder / "conf").write_text(HAPROXY_CFG)
        command = ("haproxy", "-db", "-f", str(folder / "conf"))
    site.backends[name] = Process(site.machine("balancer"), folder, *command)

    def answers():
        with socket.socket() as s:
            return s.connect_ex((BALANCER, PORTS[name])) == 0

    wait_until(answers, what=name)


def differing(found, column):
    return {case.title: (found.get(case.title), getattr(case, column)) for case in CASES if found.get(case.title) != getattr(case, column)}


def test_our_verdicts_are_those_written_down(site):
    judge = Judge()
    site.start_recorder(port=80, serve=lambda s: Behind.serve(judge, s))
    start_ours(site)
    assert differing(verdicts(PORTS["ours"]), "ours") == {}
    assert not judge.odd


KNOWN = {"nginx": (("nginx", "-v"), "nginx/1.22."), "haproxy": (("haproxy", "-v"), "version 2.6.")}


@pytest.mark.parametrize("name", KNOWN)
def test_verdicts_of_others_are_those_written_down(site, name):
    command, version = KNOWN[name]
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed")
    said = subprocess.run(command, capture_output=True, text=True)
    if version not in said.stdout + said.stderr:
        pytest.skip(f"another {name} than is written of")
    site.start_recorder(port=80, serve=Behind().serve)
    start_other(site, name)
    assert differing(verdicts(PORTS[name]), name) == {}


def test_the_table_of_the_documentation_has_every_case():
    text = DOC.read_text()
    for case in CASES:
        assert f"| {case.title} | {case.ours} | {case.nginx} | {case.haproxy} |" in text, case.title

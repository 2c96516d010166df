"""Routes that ask for a user and a password."""

import subprocess
import threading

import pytest

from lab import BALANCER, wait_until
from test_http import ONE, Web

LISTENER = """, {{
    name = "web"; mode = "http"; bind = ["*:8080"];
    routes = ( {{ path = "/private"; respond = {{ body = "hello\\n"; }}; auth = {{ realm = "the lab"; users = "{users}"; }}; }},
               {{ path = "/whoami"; backend = "aegis"; auth = {{ users = "{users}"; }}; }},
               {{ respond = {{ body = "free\\n"; }}; }} );
}}"""


def hash_of(password, method="yescrypt"):
    """As an operator makes it; yescrypt takes tens of milliseconds."""
    return subprocess.run(["mkpasswd", "-m", method, "-s"], input=password, capture_output=True, text=True, check=True).stdout.strip()


class Guarded:
    def __init__(self, site):
        self.site, self.users = site, site.folder / "users"
        self.users.write_text(f"# the lab\nbob:{hash_of('secret')}\neve:{hash_of('hers', 'sha256crypt')}\n")
        self.balancer = site.start_balancer(workers=1, proxy_protocol="off", health='type = "none";', servers=ONE, listeners=LISTENER.format(users=self.users))

    def ask(self, path="/private", *arguments):
        return self.site.curl("-o", "/dev/null", "-w", "%{http_code}", f"http://{BALANCER}:8080{path}", *arguments)


@pytest.fixture
def guarded(site):
    return Guarded(site)


def test_users_get_in_and_others_do_not(site, guarded):
    assert guarded.ask("/") == "200"
    assert guarded.ask("/private") == "401"
    assert guarded.ask("/private", "-u", "bob:secret") == "200"
    assert guarded.ask("/private", "-u", "bob:wrong") == "401"
    assert guarded.ask("/private", "-u", "mallory:secret") == "401"
    head = site.curl("-i", f"http://{BALANCER}:8080/private")
    assert 'WWW-Authenticate: Basic realm="the lab", charset="UTF-8"' in head
    wait_until(lambda: any("status=401" in line and "cause=unauthorized" in line for line in guarded.balancer.access_log()), what="a record")


def test_server_answers_who_got_in(site, guarded):
    Web(site, "aegis-01")
    assert guarded.ask("/whoami") == "401"
    assert guarded.ask("/whoami", "-u", "bob:secret") == "200"


def test_wrong_passwords_are_told_so_that_fail2ban_can_read_it(guarded):
    guarded.ask("/private", "-u", 'b"o b:wrong')
    line = guarded.balancer.wait_log(r'.*security: event=auth-fail src=10\.10\.10\.50 port=\d+ listener=web user="b\\x22o b"')
    assert line


def test_file_is_taken_up_when_it_changes(guarded):
    assert guarded.ask("/private", "-u", "bob:secret") == "200"
    guarded.users.write_text(f"bob:{hash_of('other', 'sha256crypt')}\nalice:{hash_of('secret', 'bcrypt')}\n")
    guarded.balancer.wait_log(r"users is taken up as it is now: 2 users")
    assert guarded.ask("/private", "-u", "bob:secret") == "401"
    assert guarded.ask("/private", "-u", "bob:other") == "200"
    assert guarded.ask("/private", "-u", "alice:secret") == "200"
    guarded.users.write_text("nonsense\n")
    guarded.balancer.wait_log(r"users of .* cannot be taken up: line 1: expected USER:HASH; those read before are served on")
    assert guarded.ask("/private", "-u", "alice:secret") == "200"


def test_flood_of_passwords_stalls_nobody(site, guarded):
    """Eve's hash is a cheap one, so that her passwords come faster than they may on a busy machine too."""
    assert guarded.ask("/private", "-u", "bob:secret") == "200"
    stop = threading.Event()

    def flood(number):
        for turn in range(1000):
            if stop.is_set():
                return
            guarded.ask("/private", "-u", f"eve:{number}-{turn}")

    threads = [threading.Thread(target=flood, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: any("cause=limit_passwords" in line for line in guarded.balancer.access_log()), seconds=60, what="the limit")
        assert {guarded.ask("/") for _ in range(20)} == {"200"}
        assert {guarded.ask("/private", "-u", "bob:secret") for _ in range(20)} == {"200"}, "who is remembered gets in"
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    codes = {line.split("status=")[1].split()[0] for line in guarded.balancer.access_log() if "/private" in line}
    assert codes <= {"200", "401", "429"}

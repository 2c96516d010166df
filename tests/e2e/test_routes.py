"""What a route says of requests beside where they go: limits."""

import pytest

from lab import BALANCER, BALANCER6, wait_until

LISTENER = """, {{
    name = "web"; mode = "http"; bind = ["*:8080"];
    routes = ( {{ respond = {{ body = "free\\n"; }}; }}, {{ path = "/limited"; respond = {{ body = "here\\n"; }}; rate_limit = {{ {limit} }}; }} );
}}"""


@pytest.fixture
def limited(site):
    """Starts a balancer whose route /limited has such a limit; what it gives is the status of one request to it."""

    def start(limit):
        site.start_balancer(proxy_protocol="off", health='type = "none";', listeners=LISTENER.format(limit=limit))

        def ask(*arguments, host=BALANCER, path="/limited"):
            return site.curl("-o", "/dev/null", "-w", "%{http_code} %header{retry-after}", f"http://{host}:8080{path}", *arguments)

        return ask

    return start


def test_requests_beyond_the_limit_get_429_and_when_to_come_again(site, limited):
    ask = limited('requests = 3; per = "60s";')
    assert [ask() for _ in range(3)] == ["200 "] * 3
    status, after = ask().split()
    assert status == "429" and 1 <= int(after) <= 20
    assert ask(path="/").startswith("200"), "another route"
    assert ask(host=f"[{BALANCER6}]").startswith("200"), "another source"
    wait_until(lambda: any("status=429" in line and "cause=limit_requests" in line for line in site.balancer.access_log()), what="a record")


def test_burst_and_refill(limited):
    ask = limited('requests = 1; per = "2s"; burst = 2;')
    assert ask().startswith("200")
    wait_until(lambda: ask().startswith("429"), what="the bucket to be empty")
    wait_until(lambda: ask().startswith("200"), what="the bucket to fill again")


def test_each_value_of_a_field_has_a_limit_of_its_own(limited):
    ask = limited('requests = 2; per = "1h"; by = "header:X-API-Key";')
    for key in (("-H", "X-API-Key: one"), ("-H", "x-api-key: two"), ()):
        assert [ask(*key)[:3] for _ in range(4)] == ["200", "200", "429", "429"], key


def test_each_host_has_a_limit_of_its_own(limited):
    ask = limited('requests = 1; per = "1h"; by = "host";')
    assert ask("-H", "Host: a.example").startswith("200")
    assert ask("-H", "Host: A.EXAMPLE:8080.", host=f"[{BALANCER6}]").startswith("400")
    assert ask("-H", "Host: A.example.:8080", host=f"[{BALANCER6}]").startswith("429")
    assert ask("-H", "Host: b.example").startswith("200")

"""The platform of the example files with curl, through a balancer to the services of two backend nodes."""

import pytest

import platform_lab as platform
from lab import BALANCER, wait_until
from platform_lab import HOSTS, MOVED, VPN, FromVpn

CLIENT = "10.10.10.50"
WHERE = "%{http_code} %{redirect_url}"


def resolve(*what):
    return [word for each in what for word in ("--resolve", each)]


def curl(site, *arguments):
    names = [*HOSTS, *MOVED, "traefik.rbnk.uk"]
    return site.curl(*resolve(*(f"{name}:443:{BALANCER}" for name in names)), *arguments)


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_every_host_of_the_table(site, version):
    services, _ = platform.start(site)
    for _ in range(2):  # once on each node
        for host, name in HOSTS.items():
            if name != "vnc":
                assert curl(site, version, f"https://{host}/some/path?a=b") == f"{name} GET {CLIENT} https\n"
    assert curl(site, version, "https://aegisagent.ai/health", "-o", "/dev/null", "-w", "%{http_code}") == "200"
    for host in ("vnc.aegisagent.ai", "traefik.rbnk.uk"):
        assert curl(site, version, f"https://{host}/", "-o", "/dev/null", "-w", "%{http_code}") == "403"
    with FromVpn(site):
        assert curl(site, version, "--interface", VPN, "https://vnc.aegisagent.ai/") == f"vnc GET {VPN} https\n"
        assert "<html" in curl(site, version, "--interface", VPN, "https://traefik.rbnk.uk/").lower()
    for host, name in HOSTS.items():
        wanted = (VPN, "GET", f"{host}/") if name == "vnc" else (CLIENT, "GET", f"{host}/some/path?a=b")
        wait_until(lambda: sum(node.seen().count(wanted) for node in services.values()) == (1 if name == "vnc" else 2),
                   what=f"{wanted} in the services' logs")
    assert all(any(line[0] == CLIENT for line in node.seen()) for node in services.values())


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_old_names_lead_to_the_new_ones(site, version):
    platform.start(site, nodes=("aegis-01",))
    ask = (version, "-o", "/dev/null", "-w", WHERE)
    for old, new in MOVED.items():
        place = "/a%20b/c?d=e&f=%2F"
        assert curl(site, *ask, f"https://{old}{place}") == f"301 https://{new}{place}"
        assert curl(site, *ask, "-I", f"https://{old}{place}") == f"301 https://{new}{place}"
        for method in ("POST", "PUT", "DELETE"):
            assert curl(site, *ask, "-X", method, "-d", "x=y", f"https://{old}{place}") == f"308 https://{new}{place}"


def test_a_post_to_port_80_arrives_as_a_post(site):
    services, _ = platform.start(site, nodes=("aegis-01",))
    ports_80 = resolve(*(f"{name}:80:10.10.10.103" for name in (*HOSTS, *MOVED)))
    for old, new in MOVED.items():
        seen = curl(site, *ports_80, "-L", "-d", "x=y", f"http://{old}/a?b=c", "-w", "%{num_redirects} %{url_effective}")
        assert seen == f"{HOSTS[new]} POST {CLIENT} https\n2 https://{new}/a?b=c"
        wanted = (CLIENT, "POST", f"{new}/a?b=c")
        wait_until(lambda: wanted in services["aegis-01"].seen(), what=f"{wanted} in the service's log")
    assert curl(site, *ports_80, "-L", "http://aegisagent.ai/") == f"dashboard GET {CLIENT} https\n"


def test_services_that_are_down_are_told_apart_by_health(site):
    services, frontends = platform.start(
        site, nodes=("aegis-01",), edit=lambda text: text.replace('path = "/"; expect', 'path = "/"; interval = "200ms"; expect'))
    services["aegis-01"].kill()
    site.balancer.wait_status("aegis-01", "DOWN", 20)
    where = resolve("aegisagent.ai:443:10.10.10.103")
    wait_until(lambda: "dashboard/local is DOWN" in frontends["aegis-01"].log(), what="the dashboard to be down")
    assert site.curl(*where, "https://aegisagent.ai/health", "-o", "/dev/null", "-w", "%{http_code}") == "503"


LISTENER = """, { name = "web"; mode = "http"; bind = ["*:8080"]; routes = (
    %s
); }"""


def test_redirects_keep_methods_as_they_are_configured(site):
    kinds = (301, 302, 303, 307, 308)
    site.start_balancer(health='type = "none";', listeners=LISTENER % ",".join(
        f'{{ path = "/{kind}"; redirect = {{ scheme = "https"; host = "new.example"; status = {kind}; }}; }}' for kind in kinds))
    for method, expected in (("GET", kinds), ("HEAD", kinds), ("POST", (308, 307, 303, 307, 308)), ("DELETE", (308, 307, 303, 307, 308))):
        for kind, status in zip(kinds, expected):
            got = site.curl("-o", "/dev/null", "-w", WHERE, *(["-I"] if method == "HEAD" else ["-X", method]),
                            f"http://{BALANCER}:8080/{kind}/x?y=z")
            assert got == f"{status} https://new.example/{kind}/x?y=z", (method, kind)

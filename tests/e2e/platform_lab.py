"""The platform as it stands: a balancer, and behind it backend nodes that run the example file of the platform, with
its services on their own loopback. In the lab's namespaces the file's addresses and ports are the real ones."""

import re
import subprocess
from pathlib import Path

from actors import AEGISLB, Process
from lab import inside, ip, wait_until

EXAMPLE = Path(__file__).parent.parent / "unit" / "src" / "platform" / "backend-node.conf"
SERVICES = {"dashboard": 8080, "code": 8443, "intel": 8090, "notebooks": 8502, "notebook-api": 5055, "vnc": 6080}
HOSTS = {
    "aegisagent.ai": "dashboard", "code.aegisagent.ai": "code", "intel.aegisagent.ai": "intel",
    "notebooks.aegisagent.ai": "notebooks", "api.notebooks.aegisagent.ai": "notebook-api", "vnc.aegisagent.ai": "vnc",
}
MOVED = {
    "aegis.rbnk.uk": "aegisagent.ai", "aegis-code.rbnk.uk": "code.aegisagent.ai",
    "aegis-notebook.rbnk.uk": "notebooks.aegisagent.ai", "aegis-notebook-api.rbnk.uk": "api.notebooks.aegisagent.ai",
}
VPN = "100.64.0.7"

SERVICES_CONF = """
daemon off; master_process off; pid {dir}/pid; error_log {dir}/error.log;
events {{ worker_connections 512; }}
http {{
    log_format seen '$http_x_forwarded_for $request_method $http_host$request_uri';
    access_log {dir}/access.log seen;
    client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
    {servers}
}}
"""
SERVICE = """
    server {{ listen 127.0.0.1:{port};
             location / {{ return 200 "{name} $request_method $http_x_forwarded_for $http_x_forwarded_proto\\n"; }} }}
"""


class Services(Process):
    """nginx as the services of a node; each says its name, the method, and who it thinks asks how."""

    def __init__(self, site, node, names=SERVICES):
        folder = site.folder / f"services-{node}"
        folder.mkdir()
        servers = "".join(SERVICE.format(name=name, port=SERVICES[name]) for name in names)
        (folder / "nginx.conf").write_text(SERVICES_CONF.format(dir=folder, servers=servers))
        super().__init__(site.machine(node), folder, "nginx", "-p", str(folder), "-e", str(folder / "error.log"),
                         "-c", str(folder / "nginx.conf"))
        site.backends[f"services-{node}"] = self
        wait_until(lambda: (folder / "pid").exists() and (folder / "pid").read_text(), what=f"the services of {node}")

    def seen(self):
        """(client, method, URL without its scheme) of each request."""
        return [tuple(line.split(" ")) for line in (self.folder / "access.log").read_text().splitlines()]


class Frontend(Process):
    """A backend node: aegislb with the platform's file; `edit(text)` may change more of it."""

    def __init__(self, site, node, keys, edit=lambda text: text):
        folder = site.folder / f"at-{node}"  # short: a socket's path has 108 bytes
        (folder / "certs").mkdir(parents=True)
        for ending in ("pem", "key"):
            (folder / "certs" / f"{node}.{ending}").write_text((site.authority.folder / f"{node}.{ending}").read_text())
        self.conf = folder / "aegislb.conf"
        self.conf.write_text(edit(text_for(node, site.network.addresses[node], folder, keys)))
        super().__init__(site.machine(node), folder, AEGISLB, "-f", str(self.conf))
        site.backends[f"frontend-{node}"] = self
        wait_until(lambda: "serves as" in self.log() or not self.running(), what=f"the frontend of {node}")
        assert self.running(), self.log()

    def access_log(self):
        return (self.folder / "access.log").read_text().splitlines()


def text_for(node, number, folder, keys):
    """The platform's file for this node and folder, without what this version does not support yet."""
    text = EXAMPLE.read_text()
    for old, new in (
            ('"aegis-01"', f'"{node}"'), ("10.10.10.103:7946", f"10.10.10.{number}:7946"),
            ("/var/lib/aegislb", f"{folder}/state"), ("/var/log/aegislb", str(folder)), ("/run/aegislb", str(folder)),
            ("/etc/aegislb/certs", f"{folder}/certs"), ("/etc/aegislb/cluster.key", str(keys)), (' store = "redis";', "")):
        assert old in text, old
        text = text.replace(old, new)
    return re.sub(r"(?m)^(user|group|redis|discovery) .*\n", "", text)


def start(site, nodes=("aegis-01", "aegis-02"), services=Services, edit=lambda text: text):
    """The whole of it; the services and the frontends, by node."""
    keys = site.folder / "cluster.key"
    keys.write_text(subprocess.run([AEGISLB, "--genkey"], check=True, capture_output=True, text=True).stdout)
    keys.chmod(0o600)
    behind = {node: services(site, node) for node in nodes}
    frontends = {node: Frontend(site, node, keys, edit) for node in nodes}
    cluster = (f'cluster = {{ name = "aegis"; bind = "10.10.10.10:7946"; keys = "{keys}"; '
               f'peers = [{", ".join(chr(34) + f"10.10.10.{site.network.addresses[n]}:7946" + chr(34) for n in nodes)}]; }};')
    servers = ", ".join(f'{{ name = "{n}"; address = "10.10.10.{site.network.addresses[n]}:443"; }}' for n in nodes)
    site.start_balancer(more=cluster, servers=servers)
    for node in nodes:
        site.balancer.wait_status(node, "UP")
    return behind, frontends


class FromVpn:
    """The client has an address of the VPN too, to which the balancer knows the way."""

    def __init__(self, site):
        self.balancer = site.machine("balancer")

    def __enter__(self):
        ip(f"address add {VPN}/32 dev eth0")
        with inside(self.balancer):
            ip("route add 100.64.0.0/10 via 10.10.10.50")

    def __exit__(self, *_):
        with inside(self.balancer):
            ip("route del 100.64.0.0/10")
        ip(f"address del {VPN}/32 dev eth0")

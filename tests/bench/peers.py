"""Who is measured: how each forwarder is configured by somebody who knows it, for one worker on one core, SNI
aegisagent.ai passed through to one server on loopback, and no log."""

import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

NAME = "aegisagent.ai"
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
NGINX_MODULES = Path("/usr/lib/nginx/modules")

AEGISLB = """
node      = "bench";
workers   = 1;
state_dir = "{folder}/state";
log       = {{ target = "stderr"; level = "error"; access = "off"; }};
limits    = {{ connections = 9000; connections_per_source = 9000; }};
status    = {{ socket = "{folder}/aegislb.sock"; }};
listeners = (
    {{
        name   = "https";
        mode   = "passthrough";
        bind   = ["127.0.0.1:{port}"];
        routes = ( {{ sni = ["{name}", "*.{name}"]; backend = "aegis"; }} );
    }}
);
backends = (
    {{
        name    = "aegis";
        health  = {{ type = "none"; }};
        servers = ( {{ name = "aegis-01"; address = "127.0.0.1:{server}"; }} );
    }}
);
"""

HAPROXY = """
global
    nbthread 1
    tune.pipesize 1048576
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    {splice}
frontend https
    bind 127.0.0.1:{port} defer-accept backlog 4096
    tcp-request inspect-delay 5s
    tcp-request content accept if {{ req.ssl_hello_type 1 }}
    use_backend aegis if {{ req.ssl_sni -i {name} }}
backend aegis
    server aegis-01 127.0.0.1:{server}
"""

NGINX = """
load_module {modules}/ngx_stream_module.so;
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr crit;
events {{ worker_connections 20000; multi_accept on; }}
stream {{
    map $ssl_preread_server_name $backend {{ hostnames; {name} aegis; *.{name} aegis; }}
    upstream aegis {{ server 127.0.0.1:{server}; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        ssl_preread on;
        proxy_pass $backend;
        proxy_timeout 1h;
    }}
}}
"""

SNIPROXY = """
user {user}
pidfile {folder}/pid
error_log {{
    filename {folder}/error.log
    priority error
}}
listen 127.0.0.1:{port} {{
    proto tls
    table aegis
}}
table aegis {{
    ^{pattern}$ 127.0.0.1:{server}
}}
"""


@dataclass
class Peer:
    name: str
    program: str  # a path, or a name to be looked up
    template: str  # of the configuration
    argv: Callable  # (program, configuration's path, port, server) -> command
    more: dict  # further fields of the template
    for_bulk_only: bool = False
    needs: Path | None = None

    def where(self):
        found = shutil.which(self.program, path=PATH)
        return found and os.path.abspath(found)

    def missing(self):
        """Why it cannot be measured here, or None."""
        if not self.where():
            return f"{self.program} is not here"
        if self.needs and not self.needs.exists():
            return f"{self.needs} is not here"
        return None

    def command(self, folder, port, server):
        """Writes the configuration into the folder; returns what to run."""
        path = Path(folder) / f"{self.name}.conf"
        path.write_text(self.template.format(folder=folder, port=port, server=server, name=NAME, **self.more))
        return [str(word) for word in self.argv(self.where(), path, port, server)]


def known_peers(aegislb, programs):
    """All of them, in the order of the table: the floor, those who exist, ours."""
    splice = "option splice-request\n    option splice-response"
    return [
        Peer("floor", f"{programs}/floor", "", lambda p, f, port, server: [p, port, server], {}),
        Peer("haproxy", "haproxy", HAPROXY, lambda p, f, *_: [p, "-db", "-f", f], {"splice": "option splice-auto"}),
        Peer("haproxy-splice", "haproxy", HAPROXY, lambda p, f, *_: [p, "-db", "-f", f], {"splice": splice},
             for_bulk_only=True),
        Peer("nginx", "nginx", NGINX, lambda p, f, *_: [p, "-p", f.parent, "-e", "stderr", "-c", f],
             {"modules": NGINX_MODULES}, needs=NGINX_MODULES / "ngx_stream_module.so"),
        Peer("sniproxy", "sniproxy", SNIPROXY, lambda p, f, *_: [p, "-f", "-c", f],
             {"user": pwd.getpwuid(os.geteuid()).pw_name, "pattern": NAME.replace(".", r"\.")}),
        Peer("aegislb", aegislb, AEGISLB, lambda p, f, *_: [p, "-f", f], {}),
    ]
